// How good the best hit must be for a question to be answered at all.
#pragma once

#include <optional>

#include "base/result.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {

/// Thresholds of one base and its models, measured on a golden set; none: any hit will do.
struct EvidenceThresholds {
  /// Key in the store: {"similarity": cosine, "reranked": score}.
  static constexpr std::string_view kSetting = "evidence";

  std::optional<double> similarity = {};  ///< of the best hit's cosine
  std::optional<double> reranked = {};    ///< of the best hit's score by the reranker

  /// Errors: the store's; kCorrupt for a setting of another form.
  static Result<EvidenceThresholds> Load(Store& store);
  Status Save(Store& store) const;

  /// A threshold of something that the search has not measured does not count.
  bool Enough(const SearchResult& found) const;
};

}  // namespace strata::knowledge
