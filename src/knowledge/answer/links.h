// What of an answer could call somebody when it is shown: images, links, HTML.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace strata::knowledge {

/// Markdown images become their text and links theirs; URLs stay where `known` says that a source has them, letter by
/// letter, so that no text of a document can have anything else carried out; HTML elements that load or link are
/// dropped. Counts what was taken out.
std::string WithoutForeignLinks(std::string_view text, const std::function<bool(std::string_view url)>& known,
                                int& dropped);

}  // namespace strata::knowledge
