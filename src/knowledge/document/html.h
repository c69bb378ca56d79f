// HTML as a part of other formats: Markdown's raw blocks, mails, books.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "knowledge/document/builder.h"

namespace strata::knowledge {

/// Told where the source of a picture leads, once the block that it stands in is there.
using OnPicture = std::function<void(std::string_view source)>;

/// Appends the blocks of a page (UTF-8). What is there for moving around in a site (nav, footer, menus by role or
/// class) is left out, unless that would leave next to nothing.
void AppendHtml(std::string_view html, DocumentBuilder& builder, const OnPicture& on_picture = {});

/// What character references ("&eacute;", "&#233;") stand for; the text itself where it is none.
std::string DecodeEntity(std::string_view reference);

}  // namespace strata::knowledge
