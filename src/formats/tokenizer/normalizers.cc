#include <cstdint>
#include <utility>

#include "formats/tokenizer/byte_level.h"
#include "formats/tokenizer/char_class.h"
#include "formats/tokenizer/normalizer.h"

namespace strata::tokenizer {
namespace {

/// Rewrites character by character: map(code_point, out).
template <class Map>
void MapCharacters(std::string& text, Map map) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (std::size_t at = 0; at < text.size();) {
    const Character character = CharacterAt(text, at);
    at += character.length;
    map(character.code_point, out);
  }
  text = std::move(out);
}

void AppendLower(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  } else if (c == 0x130) {
    out += "i\u0307";  // the one letter whose lower case is two (SpecialCasing.txt)
  } else {
    AppendUtf8(out, ToLower(c));
  }
}

class Sequence final : public Normalizer {
 public:
  explicit Sequence(std::vector<NormalizerPtr> steps) : steps_(std::move(steps)) {}
  void Apply(std::string& text) const override {
    for (const NormalizerPtr& step : steps_) step->Apply(text);
  }

 private:
  std::vector<NormalizerPtr> steps_;
};

/// One that has no parameters and needs no state.
class Function final : public Normalizer {
 public:
  explicit Function(void (*function)(std::string&)) : function_(function) {}
  void Apply(std::string& text) const override { function_(text); }

 private:
  void (*function_)(std::string&);
};

class Strip final : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}
  void Apply(std::string& text) const override {
    std::size_t begin = 0, end = text.size();
    while (left_ && begin < end && IsWhiteSpace(CharacterAt(text, begin).code_point)) {
      begin += CharacterAt(text, begin).length;
    }
    while (right_ && end > begin) {
      const std::size_t last = PreviousCharacter(text, end);
      if (!IsWhiteSpace(CharacterAt(text, last).code_point)) break;
      end = last;
    }
    text = text.substr(begin, end - begin);
  }

 private:
  bool left_, right_;
};

class Replace final : public Normalizer {
 public:
  Replace(std::unique_ptr<Pattern> pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}
  void Apply(std::string& text) const override {
    Match match = pattern_->Find(text, 0);
    if (!match) return;
    std::string out;
    std::size_t at = 0;
    for (; match; match = pattern_->Find(text, at, at)) {
      out.append(text, at, match.begin - at);
      out += content_;
      at = match.end;
    }
    out.append(text, at);
    text = std::move(out);
  }

 private:
  std::unique_ptr<Pattern> pattern_;
  std::string content_;
};

class Prepend final : public Normalizer {
 public:
  explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
  void Apply(std::string& text) const override {
    if (!text.empty()) text.insert(0, prefix_);
  }

 private:
  std::string prefix_;
};

/// The blocks of CJK ideographs that BERT sets apart (its basic tokenizer; the fifth range begins at 2B920 in the
/// `tokenizers` package, and models were trained with that).
bool IsBertIdeograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0x20000 && c <= 0x2A6DF) ||
         (c >= 0x2A700 && c <= 0x2B73F) || (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

class Bert final : public Normalizer {
 public:
  explicit Bert(const BertRules& rules) : rules_(rules), decompose_(MakeUnicodeForm(NormalizationForm::kNfd)) {}
  void Apply(std::string& text) const override {
    if (rules_.clean_text || rules_.handle_chinese_chars) {
      MapCharacters(text, [&](char32_t c, std::string& out) {
        if (rules_.clean_text) {
          const bool plain = c == '\t' || c == '\n' || c == '\r';
          if (c == 0 || c == kReplacementCharacter || (!plain && IsControl(c))) return;
          if (IsWhiteSpace(c)) c = ' ';
        }
        const bool apart = rules_.handle_chinese_chars && IsBertIdeograph(c);
        if (apart) out += ' ';
        AppendUtf8(out, c);
        if (apart) out += ' ';
      });
    }
    if (rules_.strip_accents) {
      decompose_->Apply(text);
      const CharTable& table = CharClasses();
      MapCharacters(text, [&](char32_t c, std::string& out) {
        if ((table[c] & kNonspacing) == 0) AppendUtf8(out, c);
      });
    }
    if (rules_.lowercase) MapCharacters(text, [](char32_t c, std::string& out) { AppendLower(out, c); });
  }

 private:
  BertRules rules_;
  NormalizerPtr decompose_;
};

void NmtMap(char32_t c, std::string& out) {
  const bool dropped =
      (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
  if (dropped) return;
  const bool space = c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 || (c >= 0x200B && c <= 0x200F) ||
                     c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
  AppendUtf8(out, space ? U' ' : c);
}

}  // namespace

NormalizerPtr MakeNormalizerSequence(std::vector<NormalizerPtr> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}
NormalizerPtr MakeLowercase() {
  return std::make_unique<Function>(
      [](std::string& text) { MapCharacters(text, [](char32_t c, std::string& out) { AppendLower(out, c); }); });
}
NormalizerPtr MakeStripAccents() {
  return std::make_unique<Function>([](std::string& text) {
    MapCharacters(text, [](char32_t c, std::string& out) {
      if (!IsMark(c)) AppendUtf8(out, c);
    });
  });
}
NormalizerPtr MakeStrip(bool left, bool right) { return std::make_unique<Strip>(left, right); }
NormalizerPtr MakeReplace(std::unique_ptr<Pattern> pattern, std::string content) {
  return std::make_unique<Replace>(std::move(pattern), std::move(content));
}
NormalizerPtr MakePrepend(std::string prefix) { return std::make_unique<Prepend>(std::move(prefix)); }
NormalizerPtr MakeByteLevelNormalizer() {
  return std::make_unique<Function>([](std::string& text) { text = ByteLevelFromBytes(text); });
}
NormalizerPtr MakeNmt() {
  return std::make_unique<Function>([](std::string& text) { MapCharacters(text, NmtMap); });
}
NormalizerPtr MakeBertNormalizer(const BertRules& rules) { return std::make_unique<Bert>(rules); }

}  // namespace strata::tokenizer
