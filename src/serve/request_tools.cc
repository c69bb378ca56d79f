// tools, tool_choice: what a client may offer, and what it may ask for.
#include <algorithm>
#include <span>

#include "serve/field_table.h"
#include "serve/request.h"
#include "serve/tool_list.h"

namespace strata::serve {
namespace {

/// The type of a tool, which is also what the member with everything else is called.
Result<const char*> TypeOf(const Json& value, const std::string& path) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  const auto type = value.find("type");
  if (type == value.end()) return BadField(path + ".type", "is missing");
  for (const char* known : {"function", "custom"}) {
    if (*type == known) return known;
  }
  return BadField(path + ".type", "must be \"function\" or \"custom\", not {}", type->dump());
}

/// The object under `key`, whose members are all among `known`.
Result<const Json*> Member(const Json& value, const char* key, const std::string& path,
                           std::initializer_list<std::string_view> known) {
  const std::string member_path = path + "." + key;
  const auto member = value.find(key);
  if (member == value.end() || member->is_null()) return BadField(member_path, "is missing");
  if (!member->is_object()) return BadField(member_path, "must be an object, not {}", member->type_name());
  for (const auto& [name, ignored] : member->items()) {
    if (std::ranges::find(known, name) == known.end()) {
      return BadField(member_path + "." + name.substr(0, 100), "unknown field");
    }
  }
  return &*member;
}

Status ReadName(const Json& function, const std::string& path, std::string& name) {
  const auto value = function.find("name");
  if (value == function.end()) return BadField(path + ".name", "is missing");
  return ReadString(*value, path + ".name", name);
}

Status ReadCustom(const Json& value, const std::string& path, tools::Tool& tool) {
  STRATA_TRY(const Json* custom, Member(value, "custom", path, {"name", "description", "format"}));
  const std::string custom_path = path + ".custom";
  STRATA_CHECK(ReadName(*custom, custom_path, tool.name));
  const auto description = custom->find("description");
  if (description != custom->end() && !description->is_null()) {
    STRATA_CHECK(ReadString(*description, custom_path + ".description", tool.description));
  }
  const auto format = custom->find("format");
  return ReadCustomFormat(format == custom->end() ? Json() : *format, custom_path + ".format", true, tool);
}

Status ReadTool(const Json& value, const std::string& path, tools::Tool& tool) {
  STRATA_TRY(const std::string_view type, TypeOf(value, path));
  for (const auto& [name, ignored] : value.items()) {
    if (name != "type" && name != "defer_loading" && name != type) {
      return BadField(path + "." + name.substr(0, 100), "unknown field");
    }
  }
  if (const auto deferred = value.find("defer_loading"); deferred != value.end() && !deferred->is_null()) {
    STRATA_CHECK(ReadBool(*deferred, path + ".defer_loading", tool.deferred));
  }
  if (type == "custom") return ReadCustom(value, path, tool);
  STRATA_TRY(const Json* function, Member(value, "function", path, {"name", "description", "parameters", "strict"}));
  const std::string function_path = path + ".function";
  STRATA_CHECK(ReadName(*function, function_path, tool.name));
  for (const auto& [name, field] : function->items()) {
    const std::string field_path = fmt::format("{}.{}", function_path, name);
    if (field.is_null()) continue;
    if (name == "description") STRATA_CHECK(ReadString(field, field_path, tool.description));
    if (name == "parameters") STRATA_CHECK(ReadToolParameters(field, field_path, tool));
    if (name == "strict") STRATA_CHECK(ReadBool(field, field_path, tool.strict));
  }
  return {};
}

/// {"type": "function", "function": {"name": ...}}, or the same with "custom".
Status ReadNamed(const Json& value, const std::string& path, std::string& name) {
  STRATA_TRY(const char* type, TypeOf(value, path));
  STRATA_TRY(const Json* named, Member(value, type, path, {"name"}));
  return ReadName(*named, fmt::format("{}.{}", path, type), name);
}

Status ReadAllowed(const Json& value, const std::string& path, tools::ToolChoice& choice) {
  STRATA_TRY(const Json* allowed, Member(value, "allowed_tools", path, {"mode", "tools"}));
  return ReadAllowedList(*allowed, path + ".allowed_tools", choice, ReadNamed);
}

}  // namespace

Status ReadTools(const Json& value, ToolUse& use, Json& offered) {
  if (!value.is_array()) return BadField("tools", "must be an array, not {}", value.type_name());
  ToolList list;
  offered = Json::array();
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    if (IsToolSearch(value[i])) continue;
    if (IsRegistered(value[i])) {
      const std::size_t before = list.tools().size();
      STRATA_CHECK(list.AddRegistered(value[i], path, use.registered.get()));
      for (const tools::Tool& tool : std::span(list.tools()).subspan(before)) offered.push_back(OfferedTool(tool));
      continue;
    }
    tools::Tool tool;
    STRATA_CHECK(ReadTool(value[i], path, tool));
    // As the client wrote it: a prompt depends on the order of members.
    Json& one = offered.emplace_back(value[i]);
    one.erase("defer_loading");
    if (tool.input) {
      one = OfferedTool(tool);
    } else if (Json& parameters = one["function"]["parameters"]; parameters.is_null()) {
      parameters = {{"type", "object"}, {"properties", Json::object()}};
    }
    STRATA_CHECK(list.Add(std::move(tool), fmt::format("{}.{}.name", path, value[i]["type"].get<std::string>())));
  }
  std::move(list).Finish(use);
  return {};
}

Status ReadToolChoice(const Json& value, ToolUse& use) {
  return ReadOpenAiToolChoice(value, "tool_choice", use.choice, ReadNamed, ReadAllowed);
}

Status CheckToolUse(ToolUse& use) {
  using Mode = tools::ToolChoice::Mode;
  if (!use.tools && (use.choice.mode == Mode::kRequired || !use.choice.allowed.empty())) {
    return BadField("tool_choice", "is only allowed when tools are given");
  }
  for (const std::string& name : use.choice.allowed) {
    if (use.tools->Find(name) == nullptr)
      return BadField("tool_choice", "there is no tool called {}", name.substr(0, 100));
  }
  if (use.choice.mode == Mode::kNone) use.tools = nullptr;
  if (!use.tools) return {};
  use.constrained =
      use.choice.mode == Mode::kRequired || !use.choice.allowed.empty() ||
      std::ranges::any_of(use.tools->all(), [](const tools::Tool& tool) { return tool.strict || tool.input; });
  return {};
}

}  // namespace strata::serve
