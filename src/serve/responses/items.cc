// input: OpenAI's items, in the form that chat templates take.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "serve/field_table.h"
#include "serve/responses/mcp_item_reader.h"
#include "serve/responses/response_request.h"

namespace strata::serve::responses {
namespace {

std::unexpected<Error> Unsupported(const std::string& path, std::string_view what, const std::string& type) {
  return std::unexpected(Error(ErrorCode::kUnsupported, fmt::format("{}.type: {} of type \"{}\" are not supported",
                                                                    path, what, type.substr(0, 100)))
                             .WithParam(path + ".type"));
}

/// The texts of an array of parts, each given to `add`; `known` are the types of parts that have text here.
template <class Add>
Status ReadParts(const Json& parts, const std::string& path, std::initializer_list<std::string_view> known, Add add) {
  if (!parts.is_array()) return BadField(path, "must be a string or an array of parts, not {}", parts.type_name());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string part_path = fmt::format("{}[{}]", path, i);
    const Json& part = parts[i];
    if (!part.is_object()) return BadField(part_path, "must be an object, not {}", part.type_name());
    STRATA_TRY(const std::string type, StringMember(part, part_path, "type"));
    if (std::ranges::find(known, type) == known.end()) return Unsupported(part_path, "parts", type);
    const char* member = type == "refusal" ? "refusal" : "text";
    STRATA_CHECK(CheckMembers(part, part_path, {"type", member, "annotations", "logprobs"}));
    STRATA_TRY(std::string text, StringMember(part, part_path, member));
    add(std::move(text));
  }
  return {};
}

class ItemReader {
 public:
  ItemReader(Conversation& conversation, McpItems& mcp) : conversation_(conversation), mcp_(conversation, mcp) {}

  Status Read(const Json& item, const std::string& path) {
    if (!item.is_object()) return BadField(path, "must be an object, not {}", item.type_name());
    std::string type = "message";
    if (const auto given = item.find("type"); given != item.end() && !given->is_null()) {
      STRATA_CHECK(ReadString(*given, path + ".type", type));
    } else if (!item.contains("role")) {
      return BadField(path + ".type", "is missing");
    }
    if (type == "message") return ReadMessage(item, path);
    if (type == "function_call") return ReadCall(item, path);
    if (type == "custom_tool_call") return ReadCustomCall(item, path);
    if (type == "function_call_output" || type == "custom_tool_call_output") return ReadCallOutput(item, path);
    if (type == "reasoning") return ReadReasoning(item, path);
    if (type == "mcp_list_tools") return mcp_.ReadListTools(item, path);
    if (type == "mcp_call") return mcp_.ReadCall(item, path);
    if (type == "mcp_approval_request") return mcp_.ReadApprovalRequest(item, path);
    if (type == "mcp_approval_response") return mcp_.ReadApprovalResponse(item, path);
    return Unsupported(path, "items", type);
  }

  Status CheckAnswered() const {
    if (unanswered_.empty()) return mcp_.CheckAnswered();
    return BadField("input", "No tool output found for function call {}.", unanswered_.front());
  }

 private:
  Status ReadMessage(const Json& item, const std::string& path) {
    STRATA_CHECK(CheckMembers(item, path, {"type", "role", "content", "id", "status", "phase"}));
    STRATA_TRY(const std::string role, StringMember(item, path, "role"));
    const bool assistant = role == "assistant";
    if (!assistant && role != "user" && role != "system" && role != "developer") {
      return BadField(path + ".role", "must be user, assistant, system or developer");
    }
    const auto content = item.find("content");
    if (content == item.end()) return BadField(path + ".content", "is missing");
    const auto add = [&](std::string text) {
      if (assistant) {
        conversation_.AddAnswer(text);
      } else {
        conversation_.AddText(role, std::move(text));
      }
    };
    if (content->is_string()) {
      add(content->get<std::string>());
      return {};
    }
    if (assistant) return ReadParts(*content, path + ".content", {"output_text", "refusal"}, add);
    return ReadParts(*content, path + ".content", {"input_text"}, add);
  }

  Status ReadCall(const Json& item, const std::string& path) {
    STRATA_CHECK(CheckMembers(item, path, {"type", "id", "call_id", "name", "arguments", "status"}));
    STRATA_TRY(std::string id, StringMember(item, path, "call_id"));
    STRATA_TRY(std::string name, StringMember(item, path, "name"));
    STRATA_TRY(std::string arguments, StringMember(item, path, "arguments"));
    unanswered_.push_back(id);
    conversation_.AddCall(std::move(id), std::move(name), std::move(arguments));
    return {};
  }

  Status ReadCustomCall(const Json& item, const std::string& path) {
    STRATA_CHECK(CheckMembers(item, path, {"type", "id", "call_id", "name", "input", "status"}));
    STRATA_TRY(std::string id, StringMember(item, path, "call_id"));
    STRATA_TRY(std::string name, StringMember(item, path, "name"));
    STRATA_TRY(const std::string input, StringMember(item, path, "input"));
    unanswered_.push_back(id);
    conversation_.AddCustomCall(std::move(id), std::move(name), input);
    return {};
  }

  Status ReadCallOutput(const Json& item, const std::string& path) {
    STRATA_CHECK(CheckMembers(item, path, {"type", "id", "call_id", "output", "status"}));
    STRATA_TRY(std::string id, StringMember(item, path, "call_id"));
    if (!conversation_.HasCall(id)) {
      return BadField(path + ".call_id", "No tool call found for function call output with call_id {}.",
                      id.substr(0, 100));
    }
    const auto output = item.find("output");
    if (output == item.end()) return BadField(path + ".output", "is missing");
    std::string text;
    if (output->is_string()) {
      text = output->get<std::string>();
    } else {
      STRATA_CHECK(ReadParts(*output, path + ".output", {"input_text"}, [&](const std::string& part) {
        if (!text.empty()) text += '\n';
        text += part;
      }));
    }
    std::erase(unanswered_, id);
    conversation_.AddToolResult(std::move(id), std::move(text));
    return {};
  }

  Status ReadReasoning(const Json& item, const std::string& path) {
    STRATA_CHECK(CheckMembers(item, path, {"type", "id", "summary", "content", "encrypted_content", "status"}));
    const auto add = [&](const std::string& text) { conversation_.AddReasoning(text); };
    const auto content = item.find("content");
    if (content != item.end() && !content->is_null() && !content->empty()) {
      return ReadParts(*content, path + ".content", {"reasoning_text"}, add);
    }
    const auto summary = item.find("summary");
    if (summary == item.end() || summary->is_null()) return {};
    return ReadParts(*summary, path + ".summary", {"summary_text"}, add);
  }

  Conversation& conversation_;
  McpItemReader mcp_;
  std::vector<std::string> unanswered_;  ///< calls
};

}  // namespace

Status ReadItems(const Json& items, std::size_t earlier, Conversation& conversation, McpItems& mcp) {
  ItemReader reader(conversation, mcp);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::string path = i < earlier ? "previous_response_id" : fmt::format("input[{}]", i - earlier);
    STRATA_CHECK(reader.Read(items[i], path));
  }
  return reader.CheckAnswered();
}

}  // namespace strata::serve::responses
