// How bases may be called, and BaseOptions as the store keeps them.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "knowledge/knowledge_base.h"

namespace strata::knowledge {

/// Whether a base in a folder of bases may be called so: letters, digits, ".", "_" and "-", up to 64, not "." first.
bool IsBaseName(std::string_view name);

nlohmann::json ToJson(const BaseOptions& options);
/// Errors: kCorrupt, kUnsupported for what this program does not know.
Result<BaseOptions> BaseOptionsOf(const nlohmann::json& json);

}  // namespace strata::knowledge
