// Text <-> token ids, for the tokenizers people have: byte-level BPE, SentencePiece BPE and unigram, WordPiece.
//
//   STRATA_TRY(auto tokenizer, LoadTokenizerJson(ReadFile("tokenizer.json")...));
//   auto ids = tokenizer->Encode("Hello", {.add_special_tokens = true});
//   Detokenizer stream(*tokenizer);
//   for (auto id : ids) std::cout << stream.Push(id);   // never half a character
//   std::cout << stream.Finish();
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata {

using TokenId = std::int32_t;

struct EncodeOptions {
  /// Apply the post-processor / add_bos, add_eos of the model (BOS, [CLS] ... [SEP]).
  bool add_special_tokens = true;
  /// Recognise special tokens ("<|im_start|>") written in the text. User content that must stay text is encoded with
  /// false: they are then encoded as ordinary characters, and no special token comes out (but the unknown token, where
  /// the model has one). Non-special added tokens are always recognised.
  bool parse_special = true;
};

/// How two texts stand in one sequence, as cross-encoders read them ("[CLS] A [SEP] B [SEP]"); a token type for each
/// token.
struct PairTemplate {
  struct Special {
    TokenId id;
    std::int32_t type;
  };
  std::vector<Special> before, between, after;
  std::int32_t first_type = 0, second_type = 0;
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Never fails: any bytes are encodable (invalid UTF-8 as U+FFFD where the model has no byte tokens).
  virtual std::vector<TokenId> Encode(std::string_view text, const EncodeOptions& options = {}) const = 0;

  /// The bytes that a token adds to the text, without context (a SentencePiece "▁" is a space; byte tokens are a byte).
  /// Special tokens give their written form. Unknown ids give "".
  virtual std::string_view TokenBytes(TokenId id) const = 0;

  /// The entry as the vocabulary writes it ("Ġthe", "▁the", "<0x0A>"); "" for an unknown id.
  virtual std::string_view TokenText(TokenId id) const = 0;
  virtual std::optional<TokenId> FindToken(std::string_view token_text) const = 0;

  /// Ids are 0 .. vocab_size()-1, added tokens included.
  virtual std::int32_t vocab_size() const = 0;
  virtual bool IsSpecial(TokenId id) const = 0;

  virtual std::optional<TokenId> bos() const = 0;
  virtual std::optional<TokenId> eos() const = 0;
  /// Whether Encode with add_special_tokens puts bos first (chat templates that write it themselves must not get two).
  virtual bool adds_bos() const = 0;

  /// What Encode with add_special_tokens puts before and behind a text.
  virtual std::span<const TokenId> prefix() const { return {}; }
  virtual std::span<const TokenId> suffix() const { return {}; }
  /// Null where nothing is said of pairs.
  virtual const PairTemplate* pair() const { return nullptr; }

  /// Decodes as the `tokenizers` package does, decoder's clean-up (leading space strip of SentencePiece) included.
  virtual std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens = false) const = 0;

  /// Decodes one stream of ids. What Push and Finish append, put together, is what Decode gives; each append is valid
  /// UTF-8. The tokenizer must outlive it.
  class Decoding {
   public:
    virtual ~Decoding() = default;
    /// Appends the text that this token completes, which may be none.
    virtual void Push(TokenId id, std::string& out) = 0;
    /// Appends what was held back (an incomplete character, as U+FFFD). Nothing may be pushed afterwards.
    virtual void Finish(std::string& out) = 0;
  };
  virtual std::unique_ptr<Decoding> StartDecoding(bool skip_special_tokens) const = 0;
};

/// Turns a stream of ids into text pieces: what Push and Finish return, put together, equals Decode of all ids, and no
/// piece ends inside a UTF-8 character.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, bool skip_special_tokens = true)
      : decoding_(tokenizer.StartDecoding(skip_special_tokens)) {}

  /// Text that this token completes; may be empty.
  std::string Push(TokenId id) {
    std::string text;
    decoding_->Push(id, text);
    return text;
  }
  /// What is still held back (an incomplete character, as U+FFFD).
  std::string Finish() {
    std::string text;
    decoding_->Finish(text);
    return text;
  }

 private:
  std::unique_ptr<Tokenizer::Decoding> decoding_;
};

/// Hugging Face tokenizer.json, with tokenizer_config.json's text for bos_token, eos_token, add_bos_token and
/// add_eos_token ("" when there is none; then bos and eos are unknown). Where the config says whether to add one, that
/// decides, whatever the post-processor does. Errors: kCorrupt, kUnsupported with a JSON pointer
/// ("tokenizer.json: /pre_tokenizer/pretokenizers/1/type: ...").
Result<std::unique_ptr<Tokenizer>> LoadTokenizerJson(std::string_view tokenizer_json,
                                                     std::string_view tokenizer_config_json = {});

/// The tokenizer.ggml.* metadata of a GGUF file, as plain data (so that the tokenizer does not know GGUF).
struct GgufVocabulary {
  std::string model;  ///< tokenizer.ggml.model: "gpt2", "llama", "gemma4", "bert", "t5"
  std::string pre;    ///< tokenizer.ggml.pre: "llama-bpe", "qwen2", "smollm", "deepseek-v3", ...
  std::vector<std::string_view> tokens;
  std::vector<float> scores;  ///< may be empty
  std::vector<std::int32_t>
      token_types;  ///< 1 normal, 2 unknown, 3 control, 4 user defined, 5 unused, 6 byte; may be empty
  std::vector<std::string_view> merges;
  std::optional<TokenId> bos, eos, unk, sep, pad, cls, mask, eot;
  std::optional<bool> add_bos, add_eos, add_space_prefix, remove_extra_whitespaces;
  std::span<const std::byte> precompiled_charsmap;  ///< SentencePiece normaliser; may be empty
};

/// Errors: kUnsupported (unknown model or pre-tokenizer, by name), kCorrupt. Everything is copied.
Result<std::unique_ptr<Tokenizer>> MakeGgufTokenizer(const GgufVocabulary& vocabulary);

/// The same as a tokenizer.json. Errors: kUnsupported for another model than gpt2, byte-level BPE.
Result<std::string> TokenizerJsonOf(const GgufVocabulary& vocabulary);

}  // namespace strata
