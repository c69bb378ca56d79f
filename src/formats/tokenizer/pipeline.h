// A tokenizer as a row of parts: normalizer, added tokens, pre-tokenizer, model, post-processor, decoder. Whatever file
// a tokenizer comes from, it becomes this.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "formats/tokenizer.h"
#include "formats/tokenizer/added_tokens.h"
#include "formats/tokenizer/decoder.h"
#include "formats/tokenizer/model.h"
#include "formats/tokenizer/normalizer.h"
#include "formats/tokenizer/pretokenizer.h"
#include "formats/tokenizer/vocabulary.h"

namespace strata::tokenizer {

struct Pipeline {
  std::unique_ptr<Vocabulary> vocabulary;
  std::vector<bool> special;  ///< by id
  std::vector<AddedToken> added;
  NormalizerPtr normalizer;       ///< may be null
  PreTokenizerPtr pre_tokenizer;  ///< null: the whole text is one word
  ModelPtr model;
  std::vector<TokenId> prefix, suffix;  ///< what add_special_tokens puts around a text
  std::optional<PairTemplate> pair;
  std::vector<DecoderStepPtr> decoder;
  std::optional<TokenId> bos, eos;
};

std::unique_ptr<Tokenizer> MakePipelineTokenizer(Pipeline pipeline);

}  // namespace strata::tokenizer
