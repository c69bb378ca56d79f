// The parts of a tokenizer.json, each by its own reader. Errors: kUnsupported for what is well-formed but unknown,
// kCorrupt for what is not; both with the JSON pointer.
#pragma once

#include <memory>
#include <vector>

#include "formats/tokenizer/json_reader.h"
#include "formats/tokenizer/pipeline.h"

namespace strata::tokenizer {

Result<std::unique_ptr<Pattern>> ReadPattern(const JsonPlace& place);

/// Null for null.
Result<NormalizerPtr> ReadNormalizer(const JsonPlace& place);

struct PreTokenizerSteps {
  std::vector<PreTokenizerPtr> steps;
  /// The last step writes bytes as visible characters; it is not in `steps`, as a model that knows bytes needs it not.
  bool ends_in_byte_level = false;
};
Result<PreTokenizerSteps> ReadPreTokenizer(const JsonPlace& place);

/// Entries by id; "" for an id without one.
Result<std::vector<std::string>> ReadVocabulary(const JsonPlace& model);
/// `pipeline` has its vocabulary; `reachable` as in bpe.h; `byte_level` says that the pre-tokenizer ends in ByteLevel.
/// *takes_bytes becomes whether the model wants raw bytes then.
Result<ModelPtr> ReadModel(const JsonPlace& place, const Vocabulary& vocabulary, const std::vector<bool>& reachable,
                           bool byte_level, bool* takes_bytes);

struct SpecialTokensAround {
  std::vector<TokenId> prefix, suffix;
  std::optional<PairTemplate> pair;

  std::vector<TokenId> Ids() const;  ///< all of them
};
Result<SpecialTokensAround> ReadPostProcessor(const JsonPlace& place);

Result<std::vector<DecoderStepPtr>> ReadDecoder(const JsonPlace& place);

}  // namespace strata::tokenizer
