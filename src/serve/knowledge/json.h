// The parts of a knowledge base as the API shows them.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "knowledge/knowledge_base.h"

namespace strata::serve::knowledge {

nlohmann::ordered_json BaseJson(std::string_view name, const strata::knowledge::BaseOptions& options);
nlohmann::ordered_json DocumentJson(const strata::knowledge::DocumentRecord& record);
nlohmann::ordered_json ChunkJson(const strata::knowledge::StoredChunk& chunk);
nlohmann::ordered_json JobJson(const strata::knowledge::Job& job);
/// {"page", "box"}; what is not known is null.
nlohmann::ordered_json PlaceJson(const strata::knowledge::Place& place);

std::string_view JobStateName(strata::knowledge::JobState state);

}  // namespace strata::serve::knowledge
