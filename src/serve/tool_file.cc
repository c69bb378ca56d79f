#include "serve/tool_file.h"

#include <utility>

#include "serve/field_table.h"

namespace strata::serve {
namespace {

Result<tools::Tool> ReadTool(const Json& value, std::string path) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  const Json* members = &value;
  if (const auto function = value.find("function"); function != value.end()) {
    path += ".function";
    if (!function->is_object()) return BadField(path, "must be an object, not {}", function->type_name());
    members = &*function;
  }
  tools::Tool tool;
  STRATA_TRY(tool.name, StringMember(*members, path, "name"));
  if (const auto text = members->find("description"); text != members->end() && !text->is_null()) {
    STRATA_CHECK(ReadString(*text, path + ".description", tool.description));
  }
  for (const char* key : {"parameters", "input_schema", "inputSchema"}) {
    const auto schema = members->find(key);
    if (schema == members->end() || schema->is_null()) continue;
    STRATA_CHECK(ReadToolParameters(*schema, path + "." + key, tool));
  }
  return tool;
}

const Json* ListOf(const Json& json) {
  if (json.is_array()) return &json;
  if (!json.is_object()) return nullptr;
  const auto list = json.find("tools");
  return list != json.end() && list->is_array() ? &*list : nullptr;
}

}  // namespace

bool IsToolList(const Json& json) { return ListOf(json) != nullptr; }

Result<ToolList> ReadToolList(const Json& json) {
  const Json* list = ListOf(json);
  if (list == nullptr) {
    return Fail(ErrorCode::kInvalidArgument, "a list of tools must be an array, or an object with an array as `tools`");
  }
  ToolList tools;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    STRATA_TRY(tools::Tool tool, ReadTool((*list)[i], path));
    STRATA_CHECK(tools.Add(std::move(tool), path + ".name"));
  }
  return tools;
}

Result<ToolList> ParseToolFile(std::string_view json) {
  const Json parsed = Json::parse(json, nullptr, false);
  if (parsed.is_discarded()) return Fail(ErrorCode::kInvalidArgument, "not JSON");
  return ReadToolList(parsed);
}

}  // namespace strata::serve
