// NFC, NFD, NFKC and NFKD that leave alone what needs no work. Most text is in form already: only the characters that
// take part in some decomposition or composition, with their neighbours, go through utf8proc.
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <utf8proc.h>

#include "formats/tokenizer/char_class.h"
#include "formats/tokenizer/normalizer.h"

namespace strata::tokenizer {
namespace {

constexpr char32_t kLimit = 0x110000;

/// For each form, the characters that the form changes, reorders, or composes with a neighbour before them. A text
/// may be cut before any other character and its parts be normalised by themselves.
class ActiveCharacters {
 public:
  explicit ActiveCharacters(NormalizationForm form) : active_(kLimit) {
    const bool composes = form == NormalizationForm::kNfc || form == NormalizationForm::kNfkc;
    const bool compatible = form == NormalizationForm::kNfkc || form == NormalizationForm::kNfkd;
    for (char32_t c = 0x80; c < kLimit; ++c) {
      if (Skip(c)) continue;
      const utf8proc_property_t* property = utf8proc_get_property(static_cast<utf8proc_int32_t>(c));
      if (property->combining_class != 0) active_[c] = true;
      if (property->decomp_seqindex == UINT16_MAX) continue;
      const bool canonical = property->decomp_type == 0;
      if (!canonical && !compatible) continue;
      std::string own, decomposed, normal;
      AppendUtf8(own, c);
      normal = Normalize(own, form);
      if (normal != own) active_[c] = true;
      if (!composes || !canonical) continue;
      // What comes second in a decomposition may compose with what stands before it.
      decomposed = Normalize(own, NormalizationForm::kNfd);
      for (std::size_t at = 0; at < decomposed.size();) {
        const Character part = CharacterAt(decomposed, at);
        if (at > 0) active_[part.code_point] = true;
        at += part.length;
      }
    }
    for (char32_t c = 0xAC00; c <= 0xD7A3; ++c) active_[c] = !composes;  // Hangul syllables decompose by rule
    for (char32_t c = 0x1161; c <= 0x11C2; ++c) active_[c] = composes;   // and their vowels and finals compose
  }
  bool operator[](char32_t c) const { return active_[c]; }

 private:
  /// Large ranges in which no character has a decomposition or a combining class.
  static bool Skip(char32_t c) {
    return (c >= 0x3400 && c < 0xA000) || (c >= 0xAC00 && c < 0xF900) || (c >= 0x20000 && c < 0x2F800) || c >= 0x2FA20;
  }
  std::vector<bool> active_;
};

class UnicodeForm final : public Normalizer {
 public:
  explicit UnicodeForm(NormalizationForm form) : form_(form), active_(ActiveFor(form)) {}

  void Apply(std::string& text) const override {
    std::string out;
    std::size_t copied = 0, previous = 0;  // previous: where the last inactive character begins
    for (std::size_t at = 0; at < text.size();) {
      const auto byte = static_cast<unsigned char>(text[at]);
      if (byte < 0x80) {
        previous = at++;
        continue;
      }
      Character character = CharacterAt(text, at);
      if (!active_[character.code_point]) {
        previous = at;
        at += character.length;
        continue;
      }
      std::size_t end = at;
      while (end < text.size()) {
        character = CharacterAt(text, end);
        if (!active_[character.code_point]) break;
        end += character.length;
      }
      out.append(text, copied, previous - copied);
      out += Normalize(std::string_view(text).substr(previous, end - previous), form_);
      copied = previous = at = end;
    }
    if (copied == 0) return;
    out.append(text, copied);
    text = std::move(out);
  }

 private:
  static const ActiveCharacters& ActiveFor(NormalizationForm form) {
    switch (form) {
      case NormalizationForm::kNfc: {
        static const ActiveCharacters active(NormalizationForm::kNfc);
        return active;
      }
      case NormalizationForm::kNfd: {
        static const ActiveCharacters active(NormalizationForm::kNfd);
        return active;
      }
      case NormalizationForm::kNfkc: {
        static const ActiveCharacters active(NormalizationForm::kNfkc);
        return active;
      }
      case NormalizationForm::kNfkd:
        break;
    }
    static const ActiveCharacters active(NormalizationForm::kNfkd);
    return active;
  }

  NormalizationForm form_;
  const ActiveCharacters& active_;
};

}  // namespace

NormalizerPtr MakeUnicodeForm(NormalizationForm form) { return std::make_unique<UnicodeForm>(form); }

}  // namespace strata::tokenizer
