// The JSON of structural tags, after XGrammar's documentation of its format objects.
#include <algorithm>

#include <fmt/format.h>

#include "grammar/format.h"
#include "grammar/regex.h"

namespace strata::grammar {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kMaxDepth = 64;

class TagReader {
 public:
  Result<Format> Read(const Json& json, const std::string& at) {
    if (depth_ > kMaxDepth) return Error(at, "is nested too deeply");
    ++depth_;
    Result<Format> format = ReadObject(json, at);
    --depth_;
    return format;
  }

  /// The older form: {"structures": [{"begin", "schema", "end"}], "triggers": [...]}.
  Result<Format> ReadStructures(const Json& json, const std::string& at) {
    TriggeredFormat result;
    STRATA_TRY(result.triggers, Strings(json, at, "triggers"));
    STRATA_TRY(const Json* structures, Array(json, at, "structures"));
    for (std::size_t i = 0; i < structures->size(); ++i) {
      const Json& structure = (*structures)[i];
      const std::string here = fmt::format("{}/structures/{}", at, i);
      STRATA_TRY(std::string begin, String(structure, here, "begin"));
      STRATA_TRY(std::string end, String(structure, here, "end"));
      const Json schema = structure.contains("schema") ? structure["schema"] : Json::object();
      result.tags.push_back(Tag(std::move(begin), Format{JsonFormat{schema, {}}}, std::move(end)));
    }
    return Format{std::move(result)};
  }

 private:
  template <class... Args>
  static std::unexpected<strata::Error> Error(const std::string& at, fmt::format_string<Args...> what, Args&&... args) {
    return std::unexpected(
        strata::Error(ErrorCode::kInvalidArgument,
                      fmt::format("{}: {}", at.empty() ? "/" : at, fmt::format(what, std::forward<Args>(args)...)))
            .WithParam(at));
  }

  static Result<const Json*> Member(const Json& json, const std::string& at, const char* name) {
    if (!json.is_object()) return Error(at, "must be an object");
    const auto found = json.find(name);
    if (found == json.end()) return Error(at, "has no \"{}\"", name);
    return &*found;
  }
  static Result<std::string> String(const Json& json, const std::string& at, const char* name) {
    STRATA_TRY(const Json* value, Member(json, at, name));
    if (!value->is_string()) return Error(fmt::format("{}/{}", at, name), "must be a string");
    return value->get<std::string>();
  }
  static Result<const Json*> Array(const Json& json, const std::string& at, const char* name) {
    STRATA_TRY(const Json* value, Member(json, at, name));
    if (!value->is_array() || value->empty()) return Error(fmt::format("{}/{}", at, name), "must be a list, not empty");
    return value;
  }
  static Result<std::vector<std::string>> Strings(const Json& json, const std::string& at, const char* name) {
    STRATA_TRY(const Json* list, Array(json, at, name));
    std::vector<std::string> strings;
    for (const Json& item : *list) {
      if (!item.is_string() || item.get<std::string>().empty()) {
        return Error(fmt::format("{}/{}", at, name), "must be strings that are not empty");
      }
      strings.push_back(item.get<std::string>());
    }
    return strings;
  }
  static Result<std::vector<std::string>> OptionalStrings(const Json& json, const std::string& at, const char* name) {
    if (!json.contains(name) || json[name].is_null() || json[name].empty()) return std::vector<std::string>();
    return Strings(json, at, name);
  }
  static bool Flag(const Json& json, const char* name) { return json.contains(name) && json[name] == Json(true); }

  static Format Tag(std::string begin, Format content, std::string end) {
    // Free text ends where the tag does.
    if (auto* free = std::get_if<FreeFormat>(&content.value); free != nullptr && !end.empty()) {
      free->excludes.push_back(end);
    }
    Formats parts;
    parts.push_back({TextFormat{std::move(begin)}});
    parts.push_back(std::move(content));
    parts.push_back({TextFormat{std::move(end)}});
    return {SequenceFormat{std::move(parts)}};
  }

  Result<Formats> ReadAll(const Json& json, const std::string& at, const char* name) {
    STRATA_TRY(const Json* list, Array(json, at, name));
    Formats formats;
    for (std::size_t i = 0; i < list->size(); ++i) {
      STRATA_TRY(Format format, Read((*list)[i], fmt::format("{}/{}/{}", at, name, i)));
      formats.push_back(std::move(format));
    }
    return formats;
  }

  Result<Format> ReadRepeat(const Json& json, const std::string& at, std::uint32_t min, std::uint32_t max) {
    STRATA_TRY(const Json* content, Member(json, at, "content"));
    STRATA_TRY(Format part, Read(*content, at + "/content"));
    return Format{RepeatFormat{std::make_shared<Format>(std::move(part)), min, max, ""}};
  }

  Result<Format> ReadObject(const Json& json, const std::string& at) {
    STRATA_TRY(const std::string type, String(json, at, "type"));
    if (type == "const_string") {
      STRATA_TRY(std::string value, String(json, at, "value"));
      return Format{TextFormat{std::move(value)}};
    }
    if (type == "json_schema") {
      STRATA_TRY(const Json* schema, Member(json, at, "json_schema"));
      return Format{JsonFormat{*schema, {}}};
    }
    if (type == "regex") {
      STRATA_TRY(std::string pattern, String(json, at, "pattern"));
      return Format{PatternFormat{std::move(pattern)}};
    }
    if (type == "grammar") {
      STRATA_TRY(std::string grammar, String(json, at, "grammar"));
      return Format{GbnfFormat{std::move(grammar)}};
    }
    if (type == "any_text") {
      STRATA_TRY(std::vector<std::string> excludes, OptionalStrings(json, at, "excludes"));
      return Format{FreeFormat{std::move(excludes)}};
    }
    if (type == "sequence") {
      STRATA_TRY(Formats parts, ReadAll(json, at, "elements"));
      return Format{SequenceFormat{std::move(parts)}};
    }
    if (type == "or") {
      STRATA_TRY(Formats alternatives, ReadAll(json, at, "elements"));
      return Format{ChoiceFormat{std::move(alternatives)}};
    }
    if (type == "optional") return ReadRepeat(json, at, 0, 1);
    if (type == "star") return ReadRepeat(json, at, 0, kUnbounded);
    if (type == "plus") return ReadRepeat(json, at, 1, kUnbounded);
    if (type == "tag") {
      STRATA_TRY(std::string begin, String(json, at, "begin"));
      STRATA_TRY(std::string end, String(json, at, "end"));
      STRATA_TRY(const Json* content, Member(json, at, "content"));
      STRATA_TRY(Format inner, Read(*content, at + "/content"));
      return Tag(std::move(begin), std::move(inner), std::move(end));
    }
    if (type == "triggered_tags") {
      TriggeredFormat result;
      STRATA_TRY(result.triggers, Strings(json, at, "triggers"));
      STRATA_TRY(result.tags, ReadAll(json, at, "tags"));
      STRATA_TRY(result.excludes, OptionalStrings(json, at, "excludes"));
      result.at_least_one = Flag(json, "at_least_one");
      result.stop_after_first = Flag(json, "stop_after_first");
      STRATA_CHECK(CheckTriggers(result, json, at));
      return Format{std::move(result)};
    }
    if (type == "tags_with_separator") {
      STRATA_TRY(Formats tags, ReadAll(json, at, "tags"));
      RepeatFormat result = {.part = std::make_shared<Format>(Format{ChoiceFormat{std::move(tags)}}), .separator = ""};
      STRATA_TRY(result.separator, String(json, at, "separator"));
      result.min = Flag(json, "at_least_one") ? 1 : 0;
      if (Flag(json, "stop_after_first")) result.max = 1;
      return Format{std::move(result)};
    }
    return std::unexpected(
        strata::Error(ErrorCode::kUnsupported, fmt::format("{}/type: \"{}\" is not supported", at, type))
            .WithParam(at + "/type"));
  }

  /// Where a tag does not begin with a trigger, free text could never reach it.
  static Status CheckTriggers(const TriggeredFormat& format, const Json& json, const std::string& at) {
    for (std::size_t i = 0; i < json["tags"].size(); ++i) {
      const Json& tag = json["tags"][i];
      const std::string begin =
          tag.contains("begin") && tag["begin"].is_string() ? tag["begin"].get<std::string>() : "";
      const auto begins = [&](const std::string& trigger) { return begin.starts_with(trigger); };
      if (std::ranges::none_of(format.triggers, begins)) {
        return Error(fmt::format("{}/tags/{}", at, i), "begins with none of the triggers");
      }
    }
    return {};
  }

  int depth_ = 0;
};

}  // namespace

Result<Format> ParseStructuralTag(const nlohmann::ordered_json& json) {
  TagReader reader;
  if (json.is_object() && json.contains("structures")) return reader.ReadStructures(json, "");
  if (json.is_object() && json.contains("format")) return reader.Read(json["format"], "/format");
  return reader.Read(json, "");
}

}  // namespace strata::grammar
