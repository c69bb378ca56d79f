// What chat and completion responses build in the same way. Included by the two only.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "serve/response.h"

namespace strata::serve {

/// id, object, created, model, system_fingerprint; choices and usage follow.
nlohmann::ordered_json HeaderJson(const ResponseHeader& header, std::string_view object);

/// finish_reason and stop_reason, null while the choice goes on.
void AddFinish(nlohmann::ordered_json& choice, const ChoiceDelta& delta);

void AddUsage(nlohmann::ordered_json& json, const UsageField& usage);

/// One line; what is no UTF-8 is replaced.
std::string Dump(const nlohmann::ordered_json& json);

}  // namespace strata::serve
