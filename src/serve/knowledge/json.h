// The parts of a knowledge base as the API shows them.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "knowledge/answer/answerer.h"
#include "knowledge/knowledge_base.h"
#include "knowledge/search/searcher.h"

namespace strata::serve::knowledge {

nlohmann::ordered_json BaseJson(std::string_view name, const strata::knowledge::BaseOptions& options);
/// Who else may see it is for those who see everything.
nlohmann::ordered_json DocumentJson(const strata::knowledge::DocumentRecord& record, bool with_access);
nlohmann::ordered_json ChunkJson(const strata::knowledge::StoredChunk& chunk);
nlohmann::ordered_json JobJson(const strata::knowledge::Job& job);
nlohmann::ordered_json SearchJson(std::string_view base, const strata::knowledge::SearchResult& found);
nlohmann::ordered_json SourcesJson(const std::vector<strata::knowledge::Source>& sources);
nlohmann::ordered_json CitationJson(const strata::knowledge::Citation& citation);
nlohmann::ordered_json StatementJson(const strata::knowledge::Statement& statement);
nlohmann::ordered_json AnswerJson(const strata::knowledge::Answer& answer);
/// {"page", "box"}; what is not known is null.
nlohmann::ordered_json PlaceJson(const strata::knowledge::Place& place);

std::string_view JobStateName(strata::knowledge::JobState state);

}  // namespace strata::serve::knowledge
