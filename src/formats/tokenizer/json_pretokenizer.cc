#include <iterator>
#include <utility>

#include "formats/tokenizer/json_parts.h"

namespace strata::tokenizer {
namespace {

/// ByteLevel's own expression, GPT-2's.
constexpr std::string_view kByteLevelWords =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
/// Whitespace's, \w+|[^\w\s]+ : not by Oniguruma but by Rust's regex, for which joiners are word characters.
constexpr std::string_view kWordsAndRest = R"([\w\x{200C}\x{200D}]+|[^\w\s\x{200C}\x{200D}]+)";

Result<SplitBehavior> ReadBehavior(const JsonPlace& place) {
  STRATA_TRY(const std::string name, place.String());
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return place.Unsupported("behavior " + name + " is not known");
}

Result<PreTokenizerPtr> ReadMetaspace(const JsonPlace& place) {
  STRATA_TRY(std::string replacement, place.StringOr("replacement", "▁"));
  if (CountCodePoints(replacement) != 1) {
    return JsonPlace(place.value(), place.pointer() + "/replacement").Corrupt("one character is expected");
  }
  STRATA_TRY(const bool add_prefix_space, place.BoolOr("add_prefix_space", true));  // how older files say it
  STRATA_TRY(const std::string name, place.StringOr("prepend_scheme", add_prefix_space ? "always" : "never"));
  STRATA_TRY(const bool split, place.BoolOr("split", true));
  PrependScheme scheme = PrependScheme::kAlways;
  if (name == "never") {
    scheme = PrependScheme::kNever;
  } else if (name == "first") {
    scheme = PrependScheme::kFirst;
  } else if (name != "always") {
    return JsonPlace(place.value(), place.pointer() + "/prepend_scheme").Unsupported(name + " is not known");
  }
  return MakeMetaspace(std::move(replacement), scheme, split);
}

class Reader {
 public:
  Status Read(const JsonPlace& place) {
    STRATA_TRY(const std::string type, place.Type());
    if (type == "Sequence") {
      STRATA_TRY(const JsonPlace list, place.Field("pretokenizers"));
      STRATA_TRY(const std::vector<JsonPlace> items, list.Items());
      for (const JsonPlace& item : items) STRATA_CHECK(Read(item));
      return {};
    }
    if (read_.ends_in_byte_level) {  // something follows it
      read_.steps.push_back(MakeByteLevelCharacters());
      read_.ends_in_byte_level = false;
    }
    if (type == "ByteLevel") return ReadByteLevel(place);
    STRATA_TRY(PreTokenizerPtr step, ReadStep(place, type));
    read_.steps.push_back(std::move(step));
    return {};
  }
  PreTokenizerSteps Take() { return std::move(read_); }

 private:
  Status ReadByteLevel(const JsonPlace& place) {
    STRATA_TRY(const bool add_prefix_space, place.BoolOr("add_prefix_space", true));
    STRATA_TRY(const bool use_regex, place.BoolOr("use_regex", true));
    if (add_prefix_space) read_.steps.push_back(MakeAddPrefixSpace());
    if (use_regex) {
      STRATA_TRY(auto pattern, MakeExpression(kByteLevelWords));
      read_.steps.push_back(MakeSplit(std::move(pattern), SplitBehavior::kIsolated));
    }
    read_.ends_in_byte_level = true;
    return {};
  }

  static Result<PreTokenizerPtr> ReadStep(const JsonPlace& place, const std::string& type) {
    if (type == "Metaspace") return ReadMetaspace(place);
    if (type == "WhitespaceSplit") return MakeWhitespaceSplit();
    if (type == "BertPreTokenizer") return MakeBertPreTokenizer();
    if (type == "Whitespace") {
      STRATA_TRY(auto pattern, MakeRegex(kWordsAndRest));
      return MakeSplit(std::move(pattern), SplitBehavior::kRemoved, true);
    }
    if (type == "Split") {
      STRATA_TRY(const JsonPlace field, place.Field("pattern"));
      STRATA_TRY(auto pattern, ReadPattern(field));
      STRATA_TRY(const JsonPlace name, place.Field("behavior"));
      STRATA_TRY(const SplitBehavior behavior, ReadBehavior(name));
      STRATA_TRY(const bool invert, place.BoolOr("invert", false));
      return MakeSplit(std::move(pattern), behavior, invert);
    }
    if (type == "CharDelimiterSplit") {
      STRATA_TRY(const JsonPlace field, place.Field("delimiter"));
      STRATA_TRY(std::string delimiter, field.String());
      return MakeSplit(MakeLiteral(std::move(delimiter)), SplitBehavior::kRemoved);
    }
    if (type == "Digits") {
      STRATA_TRY(const bool individual, place.BoolOr("individual_digits", false));
      return MakeDigits(individual);
    }
    if (type == "Punctuation") {
      STRATA_TRY(const JsonPlace name, place.Field("behavior"));
      if (name.is_null()) return MakePunctuation(SplitBehavior::kIsolated);
      STRATA_TRY(const SplitBehavior behavior, ReadBehavior(name));
      return MakePunctuation(behavior);
    }
    return JsonPlace(place.value(), place.pointer() + "/type").Unsupported("pre-tokenizer " + type + " is not known");
  }

  PreTokenizerSteps read_;
};

}  // namespace

Result<PreTokenizerSteps> ReadPreTokenizer(const JsonPlace& place) {
  Reader reader;
  if (!place.is_null()) STRATA_CHECK(reader.Read(place));
  return reader.Take();
}

}  // namespace strata::tokenizer
