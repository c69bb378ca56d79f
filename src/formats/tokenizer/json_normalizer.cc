#include <utility>

#include "formats/tokenizer/json_parts.h"

namespace strata::tokenizer {
namespace {

/// Base64 (RFC 4648, section 4), as precompiled_charsmap is written.
Result<std::vector<std::byte>> FromBase64(const JsonPlace& place) {
  STRATA_TRY(const std::string text, place.String());
  std::vector<std::byte> bytes;
  bytes.reserve(text.size() / 4 * 3);
  unsigned bits = 0, count = 0;
  for (const char c : text) {
    if (c == '=') break;
    unsigned value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<unsigned>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<unsigned>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<unsigned>(c - '0') + 52;
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else {
      return place.Corrupt("is not base64");
    }
    bits = (bits << 6 | value) & 0xFFFFFF;
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<std::byte>(bits >> count & 0xFF));
    }
  }
  return bytes;
}

Result<NormalizerPtr> ReadBert(const JsonPlace& place) {
  BertRules rules;
  STRATA_TRY(rules.clean_text, place.BoolOr("clean_text", true));
  STRATA_TRY(rules.handle_chinese_chars, place.BoolOr("handle_chinese_chars", true));
  STRATA_TRY(rules.lowercase, place.BoolOr("lowercase", true));
  STRATA_TRY(rules.strip_accents, place.BoolOr("strip_accents", rules.lowercase));
  return MakeBertNormalizer(rules);
}

}  // namespace

Result<std::unique_ptr<Pattern>> ReadPattern(const JsonPlace& place) {
  STRATA_TRY(const JsonPlace literal, place.Field("String"));
  if (!literal.is_null()) {
    STRATA_TRY(std::string text, literal.String());
    return MakeLiteral(std::move(text));
  }
  STRATA_TRY(const JsonPlace regex, place.Field("Regex"));
  STRATA_TRY(const std::string expression, regex.String());
  auto made = MakeExpression(expression);
  if (!made) return regex.Unsupported(made.error().message());
  return made;
}

Result<NormalizerPtr> ReadNormalizer(const JsonPlace& place) {
  if (place.is_null()) return NormalizerPtr();
  STRATA_TRY(const std::string type, place.Type());
  if (type == "Sequence") {
    STRATA_TRY(const JsonPlace list, place.Field("normalizers"));
    STRATA_TRY(const std::vector<JsonPlace> items, list.Items());
    std::vector<NormalizerPtr> steps;
    for (const JsonPlace& item : items) {
      STRATA_TRY(NormalizerPtr step, ReadNormalizer(item));
      if (step != nullptr) steps.push_back(std::move(step));
    }
    return steps.empty() ? NormalizerPtr() : MakeNormalizerSequence(std::move(steps));
  }
  if (type == "NFC") return MakeUnicodeForm(NormalizationForm::kNfc);
  if (type == "NFD") return MakeUnicodeForm(NormalizationForm::kNfd);
  if (type == "NFKC") return MakeUnicodeForm(NormalizationForm::kNfkc);
  if (type == "NFKD") return MakeUnicodeForm(NormalizationForm::kNfkd);
  if (type == "Lowercase") return MakeLowercase();
  if (type == "StripAccents") return MakeStripAccents();
  if (type == "Nmt") return MakeNmt();
  if (type == "ByteLevel") return MakeByteLevelNormalizer();
  if (type == "BertNormalizer") return ReadBert(place);
  if (type == "Strip") {
    STRATA_TRY(const bool left, place.BoolOr("strip_left", true));
    STRATA_TRY(const bool right, place.BoolOr("strip_right", true));
    return MakeStrip(left, right);
  }
  if (type == "Prepend") {
    STRATA_TRY(const JsonPlace field, place.Field("prepend"));
    STRATA_TRY(std::string prefix, field.String());
    return MakePrepend(std::move(prefix));
  }
  if (type == "Replace") {
    STRATA_TRY(const JsonPlace field, place.Field("pattern"));
    STRATA_TRY(auto pattern, ReadPattern(field));
    STRATA_TRY(const JsonPlace content, place.Field("content"));
    STRATA_TRY(std::string text, content.String());
    return MakeReplace(std::move(pattern), std::move(text));
  }
  if (type == "Precompiled") {
    STRATA_TRY(const JsonPlace field, place.Field("precompiled_charsmap"));
    STRATA_TRY(const std::vector<std::byte> blob, FromBase64(field));
    if (blob.empty()) return NormalizerPtr();  // SentencePiece's rule "identity"
    auto made = MakeCharsmap(blob);
    if (!made) return field.Corrupt(made.error().message());
    return made;
  }
  return JsonPlace(place.value(), place.pointer() + "/type").Unsupported("normalizer " + type + " is not known");
}

}  // namespace strata::tokenizer
