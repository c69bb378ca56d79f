#include "serve/tool_list.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "serve/field_table.h"

namespace strata::serve {
namespace {

constexpr std::size_t kMaxTools = 1024;
constexpr std::size_t kMaxName = 128;

/// OpenAI's names (letters, digits, _ and -), and what other protocols' names have besides. Every wire format can write
/// them.
bool IsToolName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./:").contains(c);
  });
}

}  // namespace

Status ToolList::Add(tools::Tool tool, const std::string& name_path) {
  if (tools_.size() == kMaxTools) return BadField("tools", "must not have more than {} tools", kMaxTools);
  if (!IsToolName(tool.name)) {
    return BadField(name_path, "must have 1 to {} letters, digits, or _ - . / :", kMaxName);
  }
  if (!names_.insert(tool.name).second) return BadField(name_path, "another tool is called {}", tool.name);
  tools_.push_back(std::move(tool));
  return {};
}

void ToolList::Finish(ToolUse& use) && {
  if (!tools_.empty()) use.tools = std::make_shared<const tools::ToolSet>(std::move(tools_));
}

Json ToolList::Offered() const {
  Json offered = Json::array();
  for (const tools::Tool& tool : tools_) {
    Json function = {{"name", tool.name}};
    if (!tool.description.empty()) function["description"] = tool.description;
    function["parameters"] = tool.parameters;
    if (tool.parameters.is_null()) function["parameters"] = {{"type", "object"}, {"properties", Json::object()}};
    offered.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return offered;
}

Status ReadToolParameters(const Json& value, const std::string& path, tools::Tool& tool) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  if (const auto type = value.find("type"); type != value.end() && *type != "object") {
    return BadField(path + ".type", "must be \"object\", not {}", type->dump());
  }
  tool.parameters = value;
  tool.parameters_path = path;
  return {};
}

}  // namespace strata::serve
