#include <utility>

#include "formats/tokenizer/json_parts.h"

namespace strata::tokenizer {
namespace {

/// A field that must be one character.
Result<std::string> Character(const JsonPlace& place, std::string_view name, std::string_view otherwise) {
  STRATA_TRY(std::string text, place.StringOr(name, otherwise));
  if (CountCodePoints(text) != 1) {
    return JsonPlace(place.value(), place.pointer() + "/" + std::string(name)).Corrupt("one character is expected");
  }
  return text;
}

Result<DecoderStepPtr> ReadStep(const JsonPlace& place, const std::string& type) {
  if (type == "ByteLevel") return MakeByteLevelDecoder();
  if (type == "ByteFallback") return MakeByteFallbackDecoder();
  if (type == "Fuse") return MakeFuseDecoder();
  if (type == "Strip") {
    STRATA_TRY(std::string content, Character(place, "content", ""));
    STRATA_TRY(const std::int64_t start, place.IntegerOr("start", 0));
    STRATA_TRY(const std::int64_t stop, place.IntegerOr("stop", 0));
    if (start < 0 || stop < 0) return place.Corrupt("start and stop may not be negative");
    return MakeStripDecoder(std::move(content), static_cast<std::size_t>(start), static_cast<std::size_t>(stop));
  }
  if (type == "Replace") {
    STRATA_TRY(const JsonPlace field, place.Field("pattern"));
    STRATA_TRY(const JsonPlace content_field, place.Field("content"));
    STRATA_TRY(std::string content, content_field.String());
    STRATA_TRY(const JsonPlace literal, field.Field("String"));
    if (!literal.is_null()) {
      STRATA_TRY(std::string text, literal.String());
      return MakeReplaceDecoder(std::move(text), std::move(content));
    }
    STRATA_TRY(auto pattern, ReadPattern(field));
    return MakeReplaceDecoder(std::move(pattern), std::move(content));
  }
  if (type == "Metaspace") {
    STRATA_TRY(std::string replacement, Character(place, "replacement", "▁"));
    STRATA_TRY(const bool add_prefix_space, place.BoolOr("add_prefix_space", true));
    STRATA_TRY(const std::string scheme, place.StringOr("prepend_scheme", add_prefix_space ? "always" : "never"));
    return MakeMetaspaceDecoder(std::move(replacement), scheme != "never");
  }
  if (type == "WordPiece") {
    STRATA_TRY(std::string prefix, place.StringOr("prefix", "##"));
    STRATA_TRY(const bool cleanup, place.BoolOr("cleanup", true));
    return MakeWordPieceDecoder(std::move(prefix), cleanup);
  }
  if (type == "BPEDecoder") {
    STRATA_TRY(std::string suffix, place.StringOr("suffix", "</w>"));
    return MakeSuffixDecoder(std::move(suffix));
  }
  return JsonPlace(place.value(), place.pointer() + "/type").Unsupported("decoder " + type + " is not known");
}

Status ReadSteps(const JsonPlace& place, std::vector<DecoderStepPtr>& steps) {
  STRATA_TRY(const std::string type, place.Type());
  if (type != "Sequence") {
    STRATA_TRY(DecoderStepPtr step, ReadStep(place, type));
    steps.push_back(std::move(step));
    return {};
  }
  STRATA_TRY(const JsonPlace list, place.Field("decoders"));
  STRATA_TRY(const std::vector<JsonPlace> items, list.Items());
  for (const JsonPlace& item : items) STRATA_CHECK(ReadSteps(item, steps));
  return {};
}

}  // namespace

Result<std::vector<DecoderStepPtr>> ReadDecoder(const JsonPlace& place) {
  std::vector<DecoderStepPtr> steps;
  if (place.is_null()) {
    steps.push_back(MakeJoinDecoder());
  } else {
    STRATA_CHECK(ReadSteps(place, steps));
  }
  return steps;
}

}  // namespace strata::tokenizer
