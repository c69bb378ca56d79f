// The lines of YAML that note takers and site generators put before Markdown.
#pragma once

#include <string_view>

#include "knowledge/document/builder.h"

namespace strata::knowledge {

/// What follows the front matter; its plain fields become the document's title and metadata.
std::string_view TakeFrontMatter(std::string_view text, DocumentBuilder& builder);

}  // namespace strata::knowledge
