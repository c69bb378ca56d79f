#include "formats/gguf_tokenizer.h"

#include <fmt/format.h>

namespace strata {

Result<GgufVocabulary> ReadGgufVocabulary(const GgufFile& file) {
  GgufVocabulary vocabulary;
  STRATA_TRY(const std::string_view model, file.Get<std::string_view>("tokenizer.ggml.model"));
  vocabulary.model = model;
  STRATA_TRY(const auto pre, file.Find<std::string_view>("tokenizer.ggml.pre"));
  vocabulary.pre = pre.value_or("default");
  STRATA_TRY(const GgufArray tokens, file.Get<GgufArray>("tokenizer.ggml.tokens"));
  vocabulary.tokens = tokens.Strings();
  const auto array = [&](std::string_view key) -> Result<GgufArray> {
    STRATA_TRY(const auto found, file.Find<GgufArray>(key));
    return found.value_or(GgufArray{});
  };
  STRATA_TRY(const GgufArray scores, array("tokenizer.ggml.scores"));
  STRATA_TRY(const GgufArray types, array("tokenizer.ggml.token_type"));
  STRATA_TRY(const GgufArray merges, array("tokenizer.ggml.merges"));
  STRATA_TRY(const GgufArray charsmap, array("tokenizer.ggml.precompiled_charsmap"));
  vocabulary.scores = scores.Numbers<float>();
  vocabulary.token_types = types.Numbers<std::int32_t>();
  vocabulary.merges = merges.Strings();
  vocabulary.precompiled_charsmap = charsmap.bytes;
  const auto id = [&](std::string_view name, std::optional<TokenId>& to) -> Status {
    STRATA_TRY(const auto value, file.Find<std::int64_t>(fmt::format("tokenizer.ggml.{}_token_id", name)));
    if (value) to = static_cast<TokenId>(*value);
    return {};
  };
  STRATA_CHECK(id("bos", vocabulary.bos));
  STRATA_CHECK(id("eos", vocabulary.eos));
  STRATA_CHECK(id("unknown", vocabulary.unk));
  STRATA_CHECK(id("seperator", vocabulary.sep));  // the format's own spelling
  STRATA_CHECK(id("padding", vocabulary.pad));
  STRATA_CHECK(id("cls", vocabulary.cls));
  STRATA_CHECK(id("mask", vocabulary.mask));
  STRATA_CHECK(id("eot", vocabulary.eot));
  STRATA_TRY(vocabulary.add_bos, file.Find<bool>("tokenizer.ggml.add_bos_token"));
  STRATA_TRY(vocabulary.add_eos, file.Find<bool>("tokenizer.ggml.add_eos_token"));
  STRATA_TRY(vocabulary.add_space_prefix, file.Find<bool>("tokenizer.ggml.add_space_prefix"));
  STRATA_TRY(vocabulary.remove_extra_whitespaces, file.Find<bool>("tokenizer.ggml.remove_extra_whitespaces"));
  return vocabulary;
}

Result<std::unique_ptr<Tokenizer>> LoadGgufTokenizer(const GgufFile& file) {
  STRATA_TRY(const GgufVocabulary vocabulary, ReadGgufVocabulary(file));
  return MakeGgufTokenizer(vocabulary);
}

}  // namespace strata
