// tools and tool_choice, as Anthropic's API has them.
#include "serve/anthropic/messages_request.h"
#include "serve/request_fields.h"
#include "serve/tool_list.h"

namespace strata::serve::anthropic {
namespace {

using tools::Tool;

Status CheckType(const Json& v, const std::string& path) {
  if (v.is_null() || v == "custom") return {};
  return UnsupportedToolType(v, path, R"("custom")");
}

std::vector<Field<Tool>> MakeToolTable() {
  std::vector<Field<Tool>> t;
  AppendToolFields(t);
  t.push_back(BoolField<Tool>("strict", [](Tool& tool) -> bool& { return tool.strict; }));
  t.push_back({"input_schema", ReadToolParameters});
  t.push_back(AcceptedField<Tool>("cache_control", JsonType::kObject));
  t.push_back(AcceptedField<Tool>("eager_input_streaming", JsonType::kBool));
  t.push_back(RefusedField<Tool>("input_examples", {"[]"}));
  return t;
}

}  // namespace

Status ReadTools(const Json& value, const std::string& path, GenerateRequest& request) {
  static const std::vector<Field<Tool>> table = MakeToolTable();
  if (!value.is_array()) return BadField(path, "must be an array, not {}", value.type_name());
  ToolList list;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string tool_path = fmt::format("{}[{}]", path, i);
    if (IsToolSearch(value[i])) continue;
    if (IsRegistered(value[i])) {
      STRATA_CHECK(list.AddRegistered(value[i], tool_path, request.tool_use.registered.get()));
      continue;
    }
    if (!value[i].is_object()) return BadField(tool_path, "must be an object, not {}", value[i].type_name());
    // The type first: what else a tool may have depends on it.
    if (const auto type = value[i].find("type"); type != value[i].end())
      STRATA_CHECK(CheckType(*type, tool_path + ".type"));
    Tool tool;
    STRATA_CHECK(ReadFields(value[i], table, tool, tool_path + "."));
    for (const char* required : {"name", "input_schema"}) {
      if (!value[i].contains(required)) return BadField(fmt::format("{}.{}", tool_path, required), "is missing");
    }
    STRATA_CHECK(list.Add(std::move(tool), tool_path + ".name"));
  }
  if (!list.tools().empty()) Variables(request.chat_input)["tools"] = list.Offered();
  std::move(list).Finish(request.tool_use);
  return {};
}

Status ReadToolChoice(const Json& value, const std::string& path, ToolUse& use) {
  struct Choice {
    std::string type, name;
    bool one_call = false;
  } choice;
  using T = Choice;
  static const std::vector<Field<T>> table = {
      {"type", [](const Json& v, const std::string& p, T& c) { return ReadString(v, p, c.type); }},
      {"name", [](const Json& v, const std::string& p, T& c) { return ReadString(v, p, c.name); }},
      BoolField<T>("disable_parallel_tool_use", [](T& c) -> bool& { return c.one_call; })};
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  STRATA_CHECK(ReadFields(value, table, choice, path + "."));
  using Mode = tools::ToolChoice::Mode;
  if (choice.type == "none") {
    use.choice.mode = Mode::kNone;
  } else if (choice.type == "any" || choice.type == "tool") {
    use.choice.mode = Mode::kRequired;
  } else if (choice.type != "auto") {
    return BadField(path + ".type", "must be \"auto\", \"any\", \"tool\" or \"none\"");
  }
  if (choice.type == "tool" && choice.name.empty()) return BadField(path + ".name", "is missing");
  if (choice.type != "tool" && !choice.name.empty()) return BadField(path + ".name", "is for type \"tool\"");
  if (!choice.name.empty()) use.choice.allowed.push_back(choice.name);
  use.parallel = !choice.one_call;
  return {};
}

}  // namespace strata::serve::anthropic
