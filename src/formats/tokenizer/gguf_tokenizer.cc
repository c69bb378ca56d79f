// Tokenizers from GGUF metadata: byte-level BPE ("gpt2").
#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "base/unicode.h"
#include "formats/tokenizer.h"
#include "formats/tokenizer/added_tokens.h"
#include "formats/tokenizer/bpe.h"
#include "formats/tokenizer/byte_level.h"
#include "formats/tokenizer/pretokenizer.h"

namespace strata {
namespace {

using tokenizer::AddedTokens;
using tokenizer::Bpe;
using tokenizer::Pretokenizer;

/// tokenizer.ggml.token_type.
constexpr std::int32_t kControl = 3, kUserDefined = 4;

class ByteLevelBpeTokenizer : public Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> Make(const GgufVocabulary& vocabulary) {
    STRATA_TRY(Pretokenizer pretokenizer, Pretokenizer::ForGguf(vocabulary.pre));
    auto made = std::unique_ptr<ByteLevelBpeTokenizer>(new ByteLevelBpeTokenizer(std::move(pretokenizer)));
    STRATA_CHECK(made->Fill(vocabulary));
    return made;
  }

  std::vector<TokenId> Encode(std::string_view text, const EncodeOptions& options) const override {
    std::vector<TokenId> ids;
    if (options.add_special_tokens && adds_bos_ && bos_) ids.push_back(*bos_);
    std::string repaired;
    if (!IsValidUtf8(text)) {
      repaired = ReplaceInvalidUtf8(text);
      text = repaired;
    }
    for (std::size_t at = 0; at < text.size();) {
      const AddedTokens::Match match = added_.Find(text, at, options.parse_special);
      const std::size_t end = std::min(match.begin, text.size());
      EncodeText(text.substr(at, end - at), ids);
      if (end == text.size()) break;
      ids.push_back(match.id);
      at = match.end;
    }
    if (options.add_special_tokens && adds_eos_ && eos_) ids.push_back(*eos_);
    return ids;
  }

  std::string_view TokenBytes(TokenId id) const override { return Known(id) ? bytes_[Index(id)] : std::string_view(); }
  std::string_view TokenText(TokenId id) const override { return Known(id) ? texts_[Index(id)] : std::string_view(); }
  std::optional<TokenId> FindToken(std::string_view text) const override {
    const auto found = ids_.find(text);
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  std::int32_t vocab_size() const override { return static_cast<std::int32_t>(texts_.size()); }
  bool IsSpecial(TokenId id) const override { return Known(id) && special_[Index(id)]; }
  std::optional<TokenId> bos() const override { return bos_; }
  std::optional<TokenId> eos() const override { return eos_; }
  bool adds_bos() const override { return adds_bos_ && bos_; }
  bool strips_leading_space() const override { return false; }

  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override {
    std::string bytes;
    for (const TokenId id : ids) {
      if (!skip_special_tokens || !IsSpecial(id)) bytes += TokenBytes(id);
    }
    return IsValidUtf8(bytes) ? bytes : ReplaceInvalidUtf8(bytes);
  }

 private:
  explicit ByteLevelBpeTokenizer(Pretokenizer pretokenizer) : pretokenizer_(std::move(pretokenizer)) {}

  static std::size_t Index(TokenId id) { return static_cast<std::size_t>(id); }
  bool Known(TokenId id) const { return id >= 0 && Index(id) < texts_.size(); }

  Status Fill(const GgufVocabulary& vocabulary) {
    const std::size_t size = vocabulary.tokens.size();
    if (size == 0) return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.tokens is empty");
    if (!vocabulary.token_types.empty() && vocabulary.token_types.size() != size) {
      return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.token_type has {} entries, tokenizer.ggml.tokens {}",
                  vocabulary.token_types.size(), size);
    }
    texts_.assign(vocabulary.tokens.begin(), vocabulary.tokens.end());
    bytes_.resize(size);
    special_.resize(size);
    std::vector<std::string> symbols(size);  // what merges may make: ordinary entries only
    for (std::size_t id = 0; id < size; ++id) {
      const std::int32_t type = vocabulary.token_types.empty() ? 1 : vocabulary.token_types[id];
      special_[id] = type == kControl;
      ids_.emplace(texts_[id], static_cast<TokenId>(id));
      if (type == kControl || type == kUserDefined) {
        bytes_[id] = texts_[id];
        added_.Add(texts_[id], static_cast<TokenId>(id), type == kControl);
      } else {
        const auto bytes = tokenizer::BytesFromByteLevel(texts_[id]);
        bytes_[id] = bytes.value_or(texts_[id]);
        if (bytes) symbols[id] = *bytes;
      }
    }
    std::vector<std::pair<std::string, std::string>> merges;
    merges.reserve(vocabulary.merges.size());
    for (std::size_t i = 0; i < vocabulary.merges.size(); ++i) {
      const std::string_view merge = vocabulary.merges[i];
      const std::size_t space = merge.find(' ', 1);
      auto left = tokenizer::BytesFromByteLevel(merge.substr(0, space));
      auto right = space == merge.npos ? std::nullopt : tokenizer::BytesFromByteLevel(merge.substr(space + 1));
      if (!left || !right) {
        return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.merges[{}]: \"{}\" is no pair of byte-level entries", i,
                    merge);
      }
      merges.emplace_back(std::move(*left), std::move(*right));
    }
    bpe_ = std::make_unique<Bpe>(symbols, merges);
    for (const auto& [name, id] : {std::pair("bos", vocabulary.bos), std::pair("eos", vocabulary.eos)}) {
      if (id && !Known(*id)) {
        return Fail(ErrorCode::kCorrupt, "tokenizer.ggml.{}_token_id: {} is not in the vocabulary of {}", name, *id,
                    size);
      }
    }
    bos_ = vocabulary.bos;
    eos_ = vocabulary.eos;
    whole_words_ = vocabulary.pre == "llama-bpe" || vocabulary.pre == "llama3" || vocabulary.pre == "llama-v3";
    adds_bos_ = vocabulary.add_bos.value_or(whole_words_);  // Llama 3's files rely on both
    adds_eos_ = vocabulary.add_eos.value_or(false);
    return {};
  }

  void EncodeText(std::string_view text, std::vector<TokenId>& ids) const {
    pretokenizer_.Split(text, [&](std::string_view word) { EncodeWord(word, ids); });
  }

  /// Words repeat: what a word became is remembered. The lock is held for the look-up alone.
  void EncodeWord(std::string_view word, std::vector<TokenId>& ids) const {
    if (whole_words_) {  // tokenizer.json's ignore_merges: a word that is an entry is that entry
      if (const auto id = FindToken(tokenizer::ByteLevelFromBytes(word)); id && !special_[Index(*id)]) {
        ids.push_back(*id);
        return;
      }
    }
    if (word.size() > kCachedBytes) {
      bpe_->Encode(word, ids);
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (const auto known = cache_.find(word); known != cache_.end()) {
        ids.insert(ids.end(), known->second.begin(), known->second.end());
        return;
      }
    }
    std::vector<TokenId> encoded;
    bpe_->Encode(word, encoded);
    ids.insert(ids.end(), encoded.begin(), encoded.end());
    const std::lock_guard lock(mutex_);
    if (cache_.size() < kCachedWords) cache_.emplace(word, std::move(encoded));
  }

  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  static constexpr std::size_t kCachedBytes = 64, kCachedWords = 100'000;

  Pretokenizer pretokenizer_;
  std::unique_ptr<Bpe> bpe_;
  AddedTokens added_;
  std::vector<std::string> texts_, bytes_;
  std::vector<bool> special_;
  std::unordered_map<std::string, TokenId, TextHash, std::equal_to<>> ids_;
  std::optional<TokenId> bos_, eos_;
  bool adds_bos_ = false, adds_eos_ = false, whole_words_ = false;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, std::vector<TokenId>, TextHash, std::equal_to<>> cache_;
};

}  // namespace

Result<std::unique_ptr<Tokenizer>> MakeGgufTokenizer(const GgufVocabulary& vocabulary) {
  if (vocabulary.model == "gpt2") return ByteLevelBpeTokenizer::Make(vocabulary);
  return Fail(ErrorCode::kUnsupported, "tokenizer.ggml.model: {} is not supported (supported: gpt2)", vocabulary.model);
}

}  // namespace strata
