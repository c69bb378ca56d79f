// Unigram language model: the segmentation with the highest sum of scores (Kudo 2018), by Viterbi over the bytes.
#pragma once

#include <optional>
#include <vector>

#include "formats/tokenizer/model.h"
#include "formats/tokenizer/vocabulary.h"

namespace strata::tokenizer {

struct UnigramOptions {
  std::optional<TokenId> unknown;  ///< for a run of characters without entries, scored 10 below the lowest score
  bool byte_fallback = false;      ///< ... which become "<0xAB>" entries where those exist
};

/// `scores` by id. Text may become `id` where `reachable[id]`. `vocabulary` must outlive the model.
ModelPtr MakeUnigram(const Vocabulary& vocabulary, const std::vector<bool>& reachable, std::vector<double> scores,
                     const UnigramOptions& options);

}  // namespace strata::tokenizer
