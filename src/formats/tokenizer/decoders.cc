#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/unicode.h"
#include "formats/tokenizer/byte_level.h"
#include "formats/tokenizer/byte_tokens.h"
#include "formats/tokenizer/decoder.h"

namespace strata::tokenizer {
namespace {

std::string ReplaceAll(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t found; (found = text.find(pattern, at)) != text.npos; at = found + pattern.size()) {
    out.append(text.substr(at, found - at)).append(content);
  }
  return out.append(text.substr(at));
}

/// A step that is given by the class of its streams and one parameter, which outlives them.
template <class Stream, class Parameters>
class Step final : public DecoderStep {
 public:
  explicit Step(Parameters parameters) : parameters_(std::move(parameters)) {}
  std::unique_ptr<TokenSink> Start(TokenSink& out) const override { return std::make_unique<Stream>(parameters_, out); }
  std::string Alone(std::string token) const override { return Stream::Alone(parameters_, token); }

 private:
  Parameters parameters_;
};

/// A stream that looks at whole tokens: fragments are put together first.
class WholeTokens : public TokenSink {
 public:
  explicit WholeTokens(TokenSink& out) : out_(out) {}
  void Take(std::string_view fragment, bool begins, bool ends) final {
    if (begins && ends) return Token(std::string(fragment));
    if (begins) held_.clear();
    held_ += fragment;
    if (ends) Token(std::exchange(held_, {}));
  }
  void Finish() override { out_.Finish(); }

 protected:
  virtual void Token(std::string token) = 0;
  void Give(std::string_view token) { out_.Take(token, true, true); }
  TokenSink& out_;

 private:
  std::string held_;
};

struct None {};

/// One output token, in fragments.
class ByteLevelStream final : public WholeTokens {
 public:
  ByteLevelStream(const None&, TokenSink& out) : WholeTokens(out) {}
  static std::string Alone(const None&, const std::string& token) { return BytesFromByteLevel(token).value_or(token); }
  void Finish() override {
    Emit(held_.size(), true);
    out_.Finish();
  }

 private:
  void Token(std::string token) override {
    held_ += Alone({}, token);
    Emit(CompleteUtf8Prefix(held_), false);
  }
  void Emit(std::size_t bytes, bool ends) {
    if (bytes == 0 && !ends) return;
    const std::string ready = held_.substr(0, bytes);
    held_.erase(0, bytes);
    out_.Take(IsValidUtf8(ready) ? ready : ReplaceInvalidUtf8(ready), begins_, ends);
    begins_ = false;
  }
  std::string held_;
  bool begins_ = true;
};

class ByteFallbackStream final : public WholeTokens {
 public:
  ByteFallbackStream(const None&, TokenSink& out) : WholeTokens(out) {}
  static std::string Alone(const None&, const std::string& token) {
    const auto byte = ByteOfToken(token);
    return byte ? std::string(1, *byte) : token;
  }
  void Finish() override {
    Flush();
    out_.Finish();
  }

 private:
  void Token(std::string token) override {
    if (const auto byte = ByteOfToken(token)) {
      bytes_ += *byte;
      return;
    }
    Flush();
    Give(token);
  }
  void Flush() {
    if (bytes_.empty()) return;
    if (IsValidUtf8(bytes_)) {
      Give(bytes_);
    } else {
      for (std::size_t i = 0; i < bytes_.size(); ++i) Give("\uFFFD");
    }
    bytes_.clear();
  }
  std::string bytes_;
};

class FuseStream final : public TokenSink {
 public:
  FuseStream(const None&, TokenSink& out) : out_(out) {}
  static std::string Alone(const None&, const std::string& token) { return token; }
  void Take(std::string_view fragment, bool, bool) override {
    out_.Take(fragment, begins_, false);
    begins_ = false;
  }
  void Finish() override {
    out_.Take({}, begins_, true);
    out_.Finish();
  }

 private:
  TokenSink& out_;
  bool begins_ = true;
};

struct StripParameters {
  std::string content;
  std::size_t start, stop;
};

class StripStream final : public TokenSink {
 public:
  StripStream(const StripParameters& parameters, TokenSink& out) : parameters_(parameters), out_(out) {}
  static std::string Alone(const StripParameters&, const std::string& token) { return token; }
  void Take(std::string_view fragment, bool begins, bool ends) override {
    if (begins) {
      to_strip_ = parameters_.start;
      held_ = 0;
    }
    const std::string_view content = parameters_.content;
    for (; to_strip_ > 0 && fragment.starts_with(content); --to_strip_) fragment.remove_prefix(content.size());
    if (!fragment.empty()) to_strip_ = 0;
    std::size_t trailing = 0;
    for (std::string_view rest = fragment; rest.ends_with(content); rest.remove_suffix(content.size())) ++trailing;
    std::string ready;
    if (fragment.size() > trailing * content.size()) {  // what was held back was no end
      for (; held_ > 0; --held_) ready += content;
    }
    ready += fragment.substr(0, fragment.size() - trailing * content.size());
    held_ += trailing;
    for (; held_ > parameters_.stop; --held_) ready += content;
    out_.Take(ready, begins, ends);
  }
  void Finish() override { out_.Finish(); }

 private:
  const StripParameters& parameters_;
  TokenSink& out_;
  std::size_t to_strip_ = 0, held_ = 0;  ///< held_: contents at the end that may have to go
};

struct LiteralReplacement {
  std::string pattern, content;
};

class LiteralReplaceStream final : public TokenSink {
 public:
  LiteralReplaceStream(const LiteralReplacement& replacement, TokenSink& out) : replacement_(replacement), out_(out) {}
  static std::string Alone(const LiteralReplacement& r, const std::string& token) {
    return r.pattern.empty() ? token : ReplaceAll(token, r.pattern, r.content);
  }
  void Take(std::string_view fragment, bool begins, bool ends) override {
    if (begins) held_.clear();
    held_ += fragment;
    const std::string_view pattern = replacement_.pattern;
    std::string ready;
    std::size_t at = 0;
    for (std::size_t found; !pattern.empty() && (found = held_.find(pattern, at)) != held_.npos;
         at = found + pattern.size()) {
      ready.append(held_, at, found - at).append(replacement_.content);
    }
    std::size_t kept = 0;  // the start of a match, perhaps
    if (!ends && !pattern.empty()) kept = std::min(held_.size() - at, pattern.size() - 1);
    while (kept > 0 && !pattern.starts_with(std::string_view(held_).substr(held_.size() - kept))) --kept;
    ready.append(held_, at, held_.size() - kept - at);
    held_.erase(0, held_.size() - kept);
    out_.Take(ready, begins, ends);
  }
  void Finish() override { out_.Finish(); }

 private:
  const LiteralReplacement& replacement_;
  TokenSink& out_;
  std::string held_;
};

struct PatternReplacement {
  std::unique_ptr<Pattern> pattern;
  std::string content;
};

class PatternReplaceStream final : public WholeTokens {
 public:
  PatternReplaceStream(const PatternReplacement& replacement, TokenSink& out)
      : WholeTokens(out), replacement_(replacement) {}
  static std::string Alone(const PatternReplacement& replacement, const std::string& token) {
    if (!IsValidUtf8(token)) return token;  // a byte's entry
    std::string out;
    std::size_t at = 0, last_end = token.npos;
    while (const Match match = replacement.pattern->Find(token, at, last_end)) {
      out.append(token, at, match.begin - at).append(replacement.content);
      at = last_end = match.end;
    }
    return out.append(token, at);
  }

 private:
  void Token(std::string token) override { Give(Alone(replacement_, token)); }
  const PatternReplacement& replacement_;
};

struct MetaspaceParameters {
  std::string replacement;
  bool drops_first;
};

class MetaspaceStream final : public WholeTokens {
 public:
  MetaspaceStream(const MetaspaceParameters& parameters, TokenSink& out) : WholeTokens(out), parameters_(parameters) {}
  static std::string Alone(const MetaspaceParameters& parameters, const std::string& token) {
    return ReplaceAll(token, parameters.replacement, " ");
  }

 private:
  void Token(std::string token) override {
    const bool drops = std::exchange(first_, false) && parameters_.drops_first;
    Give(ReplaceAll(token, parameters_.replacement, drops ? "" : " "));
  }
  const MetaspaceParameters& parameters_;
  bool first_ = true;
};

struct WordPieceParameters {
  std::string prefix;
  bool cleanup;
};

class WordPieceStream final : public WholeTokens {
 public:
  WordPieceStream(const WordPieceParameters& parameters, TokenSink& out) : WholeTokens(out), parameters_(parameters) {}
  static std::string Alone(const WordPieceParameters& parameters, const std::string& token) {
    std::string text = token.starts_with(parameters.prefix) ? token.substr(parameters.prefix.size()) : " " + token;
    return parameters.cleanup ? CleanUp(std::move(text)) : text;
  }

 private:
  void Token(std::string token) override {
    if (!std::exchange(first_, false)) {
      token = Alone(parameters_, token);
    } else if (parameters_.cleanup) {
      token = CleanUp(std::move(token));
    }
    Give(token);
  }
  static std::string CleanUp(std::string text) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kRules = {{{" .", "."},
                                                                                              {" ?", "?"},
                                                                                              {" !", "!"},
                                                                                              {" ,", ","},
                                                                                              {" ' ", "'"},
                                                                                              {" n't", "n't"},
                                                                                              {" 'm", "'m"},
                                                                                              {" do not", " don't"},
                                                                                              {" 's", "'s"},
                                                                                              {" 've", "'ve"},
                                                                                              {" 're", "'re"}}};
    for (const auto& [from, to] : kRules) text = ReplaceAll(text, from, to);
    return text;
  }
  const WordPieceParameters& parameters_;
  bool first_ = true;
};

/// The last token is another matter, so each is held until the next one comes.
class SuffixStream final : public WholeTokens {
 public:
  SuffixStream(const std::string& suffix, TokenSink& out) : WholeTokens(out), suffix_(suffix) {}
  static std::string Alone(const std::string& suffix, const std::string& token) {
    return suffix.empty() ? token : ReplaceAll(token, suffix, " ");
  }
  void Finish() override {
    if (has_held_) Give(suffix_.empty() ? held_ : ReplaceAll(held_, suffix_, ""));
    out_.Finish();
  }

 private:
  void Token(std::string token) override {
    if (has_held_) Give(Alone(suffix_, held_));
    held_ = std::move(token);
    has_held_ = true;
  }
  const std::string& suffix_;
  std::string held_;
  bool has_held_ = false;
};

class JoinStream final : public WholeTokens {
 public:
  JoinStream(const None&, TokenSink& out) : WholeTokens(out) {}
  static std::string Alone(const None&, const std::string& token) { return " " + token; }

 private:
  void Token(std::string token) override {
    if (!std::exchange(first_, false)) token.insert(0, " ");
    Give(token);
  }
  bool first_ = true;
};

template <class Stream, class Parameters>
DecoderStepPtr MakeStep(Parameters parameters) {
  return std::make_unique<Step<Stream, Parameters>>(std::move(parameters));
}

}  // namespace

DecoderStepPtr MakeByteLevelDecoder() { return MakeStep<ByteLevelStream>(None()); }
DecoderStepPtr MakeByteFallbackDecoder() { return MakeStep<ByteFallbackStream>(None()); }
DecoderStepPtr MakeFuseDecoder() { return MakeStep<FuseStream>(None()); }
DecoderStepPtr MakeStripDecoder(std::string content, std::size_t start, std::size_t stop) {
  return MakeStep<StripStream>(StripParameters{std::move(content), start, stop});
}
DecoderStepPtr MakeReplaceDecoder(std::string pattern, std::string content) {
  return MakeStep<LiteralReplaceStream>(LiteralReplacement{std::move(pattern), std::move(content)});
}
DecoderStepPtr MakeReplaceDecoder(std::unique_ptr<Pattern> pattern, std::string content) {
  return MakeStep<PatternReplaceStream>(PatternReplacement{std::move(pattern), std::move(content)});
}
DecoderStepPtr MakeMetaspaceDecoder(std::string replacement, bool drops_first) {
  return MakeStep<MetaspaceStream>(MetaspaceParameters{std::move(replacement), drops_first});
}
DecoderStepPtr MakeWordPieceDecoder(std::string prefix, bool cleanup) {
  return MakeStep<WordPieceStream>(WordPieceParameters{std::move(prefix), cleanup});
}
DecoderStepPtr MakeSuffixDecoder(std::string suffix) { return MakeStep<SuffixStream>(std::move(suffix)); }
DecoderStepPtr MakeJoinDecoder() { return MakeStep<JoinStream>(None()); }

}  // namespace strata::tokenizer
