// BaseOptions as the store keeps them.
#pragma once

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "knowledge/knowledge_base.h"

namespace strata::knowledge {

nlohmann::json ToJson(const BaseOptions& options);
/// Errors: kCorrupt, kUnsupported for what this program does not know.
Result<BaseOptions> BaseOptionsOf(const nlohmann::json& json);

}  // namespace strata::knowledge
