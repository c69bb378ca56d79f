#include "mcp/tool_list.h"

#include <algorithm>

#include "base/log.h"
#include "base/unicode.h"
#include "mcp/message.h"
#include "mcp/param_headers.h"

namespace strata::mcp {
namespace {

// The protocol recommends 128; beyond this a name is an attack on whoever shows it.
constexpr std::size_t kMaxNameBytes = 256;
constexpr std::chrono::hours kMaxTtl{24};

std::string StringOr(const Json& json, const char* name, std::string otherwise = {}) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::move(otherwise);
}

Json ObjectOrNull(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_object() ? *found : Json();
}

Result<Tool> ParseTool(const Json& json, bool check_headers) {
  if (!json.is_object()) return Fail(ErrorCode::kCorrupt, "it is no object");
  Tool tool{.name = StringOr(json, "name"),
            .title = StringOr(json, "title"),
            .description = StringOr(json, "description"),
            .input_schema = ObjectOrNull(json, "inputSchema"),
            .output_schema = ObjectOrNull(json, "outputSchema"),
            .annotations = ObjectOrNull(json, "annotations")};
  if (tool.name.empty() || tool.name.size() > kMaxNameBytes) {
    return Fail(ErrorCode::kCorrupt, "its name has {} bytes", tool.name.size());
  }
  if (tool.input_schema.is_null()) return Fail(ErrorCode::kCorrupt, "its inputSchema is no object");
  if (tool.title.empty()) tool.title = StringOr(tool.annotations, "title");  // where it stood before 2025-06-18
  if (check_headers) STRATA_CHECK(CheckParamHeaders(tool.input_schema));
  return tool;
}

/// A block as a model may read it. Other blocks than text say what they are.
std::string BlockText(const Json& block) {
  const std::string type = StringOr(block, "type");
  if (type == "text") return StringOr(block, "text");
  if (type == "image" || type == "audio") {
    return fmt::format("[{} {}, {} characters of base64]", type, StringOr(block, "mimeType", "of an unknown type"),
                       StringOr(block, "data").size());
  }
  if (type == "resource_link") {
    const std::string description = StringOr(block, "description");
    return fmt::format("[resource {}: {}{}{}]", StringOr(block, "name"), StringOr(block, "uri"),
                       description.empty() ? "" : ", ", description);
  }
  if (type == "resource") {
    const Json resource = ObjectOrNull(block, "resource");
    if (resource.is_object() && resource.contains("text")) return StringOr(resource, "text");
    return fmt::format("[resource {}, {} characters of base64]", StringOr(resource, "uri"),
                       StringOr(resource, "blob").size());
  }
  return fmt::format("[{}]", type);
}

void Truncate(ToolResult& result, std::size_t max_bytes) {
  if (result.text.size() <= max_bytes) return;
  const std::size_t whole = result.text.size();
  result.text.resize(CompleteUtf8Prefix(std::string_view(result.text).substr(0, max_bytes)));
  result.text += fmt::format("\n[cut off: {} of {} bytes are shown]", result.text.size(), whole);
  result.truncated = true;
}

}  // namespace

Result<ToolPage> ParseToolPage(const Json& result, bool check_headers, std::string_view label) {
  const auto tools = result.find("tools");
  if (tools == result.end() || !tools->is_array()) {
    return Fail(ErrorCode::kCorrupt, "the answer to tools/list has no array \"tools\"");
  }
  ToolPage page;
  for (const Json& json : *tools) {
    Result<Tool> tool = ParseTool(json, check_headers);
    if (tool) {
      page.tools.push_back(std::move(*tool));
    } else {
      LogWarning("mcp {}: the tool {} is left out: {}", label,
                 Excerpt(json.is_object() ? StringOr(json, "name") : json.dump()), tool.error().message());
    }
  }
  page.next_cursor = StringOr(result, "nextCursor");
  if (const auto ttl = result.find("ttlMs"); ttl != result.end() && ttl->is_number()) {
    const double milliseconds =
        std::clamp(ttl->get<double>(), 0.0, std::chrono::duration<double, std::milli>(kMaxTtl).count());
    page.ttl = std::chrono::milliseconds(static_cast<std::int64_t>(milliseconds));
  }
  return page;
}

Result<ToolResult> ParseToolResult(Json json, std::size_t max_output_bytes) {
  ToolResult result;
  if (const auto content = json.find("content"); content != json.end()) {
    const bool blocks = content->is_array() && std::ranges::all_of(*content, [](const Json& block) {
                          return block.is_object() && !StringOr(block, "type").empty();
                        });
    if (!blocks) return Fail(ErrorCode::kCorrupt, "the \"content\" of a tool's result is no array of typed blocks");
    result.content = std::move(*content);
  }
  if (const auto structured = json.find("structuredContent"); structured != json.end()) {
    result.structured = std::move(*structured);
  }
  if (const auto is_error = json.find("isError"); is_error != json.end()) result.is_error = *is_error == true;
  for (const Json& block : result.content) {
    if (!result.text.empty()) result.text += '\n';
    result.text += BlockText(block);
  }
  if (result.content.empty() && !result.structured.is_null()) result.text = result.structured.dump();
  Truncate(result, max_output_bytes);
  return result;
}

}  // namespace strata::mcp
