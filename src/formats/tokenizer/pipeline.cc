#include "formats/tokenizer/pipeline.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "base/unicode.h"

namespace strata::tokenizer {
namespace {

bool IsValidText(std::string_view text) {
  std::uint64_t eight = 0;
  while (text.size() >= sizeof(eight)) {
    std::memcpy(&eight, text.data(), sizeof(eight));
    if ((eight & 0x8080808080808080ULL) != 0) break;
    text.remove_prefix(sizeof(eight));
  }
  return IsValidUtf8(text);
}

class WordSink final : public PieceSink {
 public:
  WordSink(const Model& model, std::vector<TokenId>& ids) : model_(model), ids_(ids) {}
  void Take(const Piece& piece) override { model_.Encode(piece.text, ids_); }

 private:
  const Model& model_;
  std::vector<TokenId>& ids_;
};

class TextSink final : public TokenSink {
 public:
  void Take(std::string_view fragment, bool, bool) override { text_ += fragment; }
  void Finish() override {}
  void MoveTo(std::string& out) {
    out += text_;
    text_.clear();
  }

 private:
  std::string text_;
};

class PipelineTokenizer final : public Tokenizer {
 public:
  explicit PipelineTokenizer(Pipeline pipeline) : parts_(std::move(pipeline)) {
    for (const AddedToken& token : parts_.added) {
      std::string pattern = token.text;
      if (token.normalized && parts_.normalizer != nullptr) parts_.normalizer->Apply(pattern);
      (token.normalized ? added_normalized_ : added_).Add(token, pattern);
    }
    bytes_.reserve(parts_.vocabulary->texts().size());
    for (TokenId id = 0; id < vocab_size(); ++id) {
      std::string text(TokenText(id));
      if (!IsSpecial(id)) {
        for (const DecoderStepPtr& step : parts_.decoder) text = step->Alone(std::move(text));
      }
      bytes_.push_back(TokenText(id).empty() ? std::string() : std::move(text));
    }
  }

  std::vector<TokenId> Encode(std::string_view text, const EncodeOptions& options) const override {
    std::vector<TokenId> ids;
    ids.reserve(text.size() / 3 + 8);
    if (options.add_special_tokens) ids = parts_.prefix;
    std::string repaired;
    if (!IsValidText(text)) {
      repaired = ReplaceInvalidUtf8(text);
      text = repaired;
    }
    added_.Split(
        text, options.parse_special,
        [&](std::string_view plain) { EncodeSection(plain, plain.data() == text.data(), options, ids); },
        [&](TokenId id) { ids.push_back(id); });
    if (options.add_special_tokens) ids.insert(ids.end(), parts_.suffix.begin(), parts_.suffix.end());
    return ids;
  }

  std::string_view TokenBytes(TokenId id) const override {
    return parts_.vocabulary->Contains(id) ? std::string_view(bytes_[static_cast<std::size_t>(id)])
                                           : std::string_view();
  }
  std::string_view TokenText(TokenId id) const override { return parts_.vocabulary->text(id); }
  std::optional<TokenId> FindToken(std::string_view text) const override { return parts_.vocabulary->Find(text); }
  std::int32_t vocab_size() const override { return parts_.vocabulary->size(); }
  bool IsSpecial(TokenId id) const override {
    return parts_.vocabulary->Contains(id) && parts_.special[static_cast<std::size_t>(id)];
  }
  std::optional<TokenId> bos() const override { return parts_.bos; }
  std::optional<TokenId> eos() const override { return parts_.eos; }
  bool adds_bos() const override {
    return parts_.bos && !parts_.prefix.empty() && parts_.prefix.front() == *parts_.bos;
  }

  std::span<const TokenId> prefix() const override { return parts_.prefix; }
  std::span<const TokenId> suffix() const override { return parts_.suffix; }
  const PairTemplate* pair() const override { return parts_.pair ? &*parts_.pair : nullptr; }

  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override {
    std::string text;
    Stream stream(*this, skip_special_tokens);
    for (const TokenId id : ids) stream.Push(id, text);
    stream.Finish(text);
    return text;
  }

  std::unique_ptr<Decoding> StartDecoding(bool skip_special_tokens) const override {
    return std::make_unique<Stream>(*this, skip_special_tokens);
  }

 private:
  class Stream final : public Decoding {
   public:
    Stream(const PipelineTokenizer& tokenizer, bool skip_special_tokens)
        : tokenizer_(tokenizer), skip_special_tokens_(skip_special_tokens), first_(&text_) {
      const auto& steps = tokenizer.parts_.decoder;
      for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
        streams_.push_back((*step)->Start(*first_));
        first_ = streams_.back().get();
      }
    }
    void Push(TokenId id, std::string& out) override {
      const std::string_view token = tokenizer_.TokenText(id);
      if (token.empty() || (skip_special_tokens_ && tokenizer_.IsSpecial(id))) return;
      first_->Take(token, true, true);
      text_.MoveTo(out);
    }
    void Finish(std::string& out) override {
      first_->Finish();
      text_.MoveTo(out);
    }

   private:
    const PipelineTokenizer& tokenizer_;
    bool skip_special_tokens_;
    TextSink text_;
    std::vector<std::unique_ptr<TokenSink>> streams_;  ///< the last step's first
    TokenSink* first_;
  };

  /// What lies between the added tokens that are looked for before normalisation.
  void EncodeSection(std::string_view text, bool begins_text, const EncodeOptions& options,
                     std::vector<TokenId>& ids) const {
    std::string normal;
    if (parts_.normalizer != nullptr) {
      normal = text;
      parts_.normalizer->Apply(normal);
      text = normal;
    }
    const auto plain = [&](std::string_view words) {
      WordSink sink(*parts_.model, ids);
      const Piece piece{words, begins_text && words.data() == text.data()};
      if (parts_.pre_tokenizer == nullptr) {
        sink.Take(piece);
      } else {
        parts_.pre_tokenizer->Split(piece, sink);
      }
    };
    if (added_normalized_.empty()) {
      if (!text.empty()) plain(text);
      return;
    }
    added_normalized_.Split(text, options.parse_special, plain, [&](TokenId id) { ids.push_back(id); });
  }

  Pipeline parts_;
  AddedTokens added_, added_normalized_;
  std::vector<std::string> bytes_;  ///< by id
};

}  // namespace

std::unique_ptr<Tokenizer> MakePipelineTokenizer(Pipeline pipeline) {
  return std::make_unique<PipelineTokenizer>(std::move(pipeline));
}

}  // namespace strata::tokenizer
