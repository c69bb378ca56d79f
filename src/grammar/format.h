// What a model may write, as a tree: free text, exact text, JSON of a schema, tags that a trigger opens. Tool calls and
// reasoning are such trees; so is the `structural_tag` response format.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "grammar/json_schema/json_schema_options.h"

namespace strata::grammar {

struct Format;
using Formats = std::vector<Format>;

/// Exactly this text, or the special token of the vocabulary that is written so (either is accepted).
struct TextFormat {
  std::string text;
};
/// Any text that contains none of these, as text or as special token.
struct FreeFormat {
  std::vector<std::string> excludes;
};
struct JsonFormat {
  nlohmann::ordered_json schema;
  JsonSchemaOptions options;
};
/// A regular expression that the whole text matches.
struct PatternFormat {
  std::string pattern;
};
struct GbnfFormat {
  std::string grammar;
};
struct LarkFormat {
  std::string grammar;
};
/// What a text may be by itself.
using TextContent = std::variant<FreeFormat, PatternFormat, LarkFormat>;
/// A JSON string of such a text.
struct JsonStringFormat {
  TextContent content;
};
struct SequenceFormat {
  Formats parts;
};
struct ChoiceFormat {
  Formats alternatives;
};
/// `min` to `max` times `part`, `separator` (may be empty) between them.
struct RepeatFormat {
  static constexpr std::uint32_t kAnyNumber = 0xFFFFFFFF;
  std::shared_ptr<Format> part;
  std::uint32_t min = 0;
  std::uint32_t max = kAnyNumber;
  std::string separator;
};
/// Free text (without `excludes`) in which any of `triggers` may stand; where one does, one of `tags` must follow from
/// there (each begins with a trigger).
struct TriggeredFormat {
  std::vector<std::string> triggers;
  Formats tags;
  bool at_least_one = false;
  bool stop_after_first = false;
  std::vector<std::string> excludes;
};

struct Format {
  std::variant<TextFormat, FreeFormat, JsonFormat, PatternFormat, GbnfFormat, LarkFormat, JsonStringFormat,
               SequenceFormat, ChoiceFormat, RepeatFormat, TriggeredFormat>
      value;
};

/// JSON that two formats have in common only where they are equal.
std::string Describe(const Format& format);

/// The `response_format` of type structural_tag: XGrammar's format objects (const_string, json_schema, any_text,
/// sequence, or, tag, triggered_tags, tags_with_separator, regex, grammar, …) and the older {structures, triggers}
/// form. Errors: kInvalidArgument and kUnsupported with a JSON pointer.
Result<Format> ParseStructuralTag(const nlohmann::ordered_json& json);

}  // namespace strata::grammar
