// Tools in a file: the list of a request, or what an MCP server lists.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "serve/tool_list.h"

namespace strata::serve {

/// An array of tools, or an object with such an array as `tools`. A tool is written as any of the APIs has it: OpenAI's
/// chat completions ({"type": "function", "function": {...}}) and Responses ("parameters" beside the name), Anthropic's
/// ("input_schema"), MCP's ("inputSchema"). Members that say nothing of calling it are passed over. Errors:
/// kInvalidArgument with the place ("tools[3].parameters.type") as param.
Result<ToolList> ParseToolFile(std::string_view json);

/// Whether the JSON is such a list, by its shape; else it may be a JSON Schema.
bool IsToolList(const nlohmann::ordered_json& json);
Result<ToolList> ReadToolList(const nlohmann::ordered_json& json);

}  // namespace strata::serve
