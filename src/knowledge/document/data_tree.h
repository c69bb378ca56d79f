// Data (JSON, YAML) as text that can be found and read.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "knowledge/document/builder.h"

namespace strata::knowledge {

/// Levels that are followed; deeper data is left out with a warning.
inline constexpr int kMaxDataDepth = 200;

/// Lists of flat records become tables whose columns are their fields, other data lines "path.to.field: value" in
/// paragraphs, one for each part of the outermost object or list.
void AppendData(const nlohmann::ordered_json& data, DocumentBuilder& builder);

}  // namespace strata::knowledge
