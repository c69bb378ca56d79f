#include "knowledge/answer/evidence.h"

#include <algorithm>

namespace strata::knowledge {

Result<EvidenceThresholds> EvidenceThresholds::Load(Store& store) {
  STRATA_TRY(const nlohmann::json setting, store.Setting(kSetting));
  EvidenceThresholds thresholds;
  if (setting.is_null()) return thresholds;
  const auto read = [&](const char* name, std::optional<double>& threshold) -> Status {
    if (!setting.is_object()) return Fail(ErrorCode::kCorrupt, "the base's setting {} is no object", kSetting);
    const auto found = setting.find(name);
    if (found == setting.end()) return {};
    if (!found->is_number()) return Fail(ErrorCode::kCorrupt, "the base's setting {}: {} is no number", kSetting, name);
    threshold = found->get<double>();
    return {};
  };
  STRATA_CHECK(read("similarity", thresholds.similarity));
  STRATA_CHECK(read("reranked", thresholds.reranked));
  return thresholds;
}

Status EvidenceThresholds::Save(Store& store) const {
  nlohmann::json setting = nlohmann::json::object();
  if (similarity) setting["similarity"] = *similarity;
  if (reranked) setting["reranked"] = *reranked;
  return store.SetSetting(kSetting, setting);
}

bool EvidenceThresholds::Enough(const SearchResult& found) const {
  std::optional<double> cosine, score;
  for (const Hit& hit : found.hits) {
    if (hit.vectors) cosine = std::max(cosine.value_or(-1), static_cast<double>(hit.vectors->score));
    if (hit.reranked) score = std::max(score.value_or(-1e30), static_cast<double>(*hit.reranked));
  }
  if (reranked && score) return *score >= *reranked;  // it has read both, question and text
  return !similarity || !cosine || *cosine >= *similarity;
}

}  // namespace strata::knowledge
