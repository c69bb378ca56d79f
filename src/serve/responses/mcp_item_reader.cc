#include "serve/responses/mcp_item_reader.h"

#include <algorithm>
#include <utility>

#include "serve/field_table.h"
#include "serve/responses/output_item.h"

namespace strata::serve::responses {

Status McpItemReader::ReadListTools(const Json& item, const std::string& path) {
  STRATA_CHECK(CheckMembers(item, path, {"type", "id", "server_label", "tools", "error"}));
  STRATA_TRY(std::string label, StringMember(item, path, "server_label"));
  if (item.value("error", Json()).is_null()) items_.listed.insert(std::move(label));
  return {};
}

Status McpItemReader::ReadCall(const Json& item, const std::string& path) {
  STRATA_CHECK(CheckMembers(
      item, path,
      {"type", "id", "server_label", "name", "arguments", "output", "error", "approval_request_id", "status"}));
  STRATA_TRY(const std::string id, StringMember(item, path, "id"));
  STRATA_TRY(std::string name, StringMember(item, path, "name"));
  STRATA_TRY(std::string arguments, StringMember(item, path, "arguments"));
  const Json output = item.value("output", Json()), error = item.value("error", Json());
  if (!output.is_null() && !output.is_string()) return BadField(path + ".output", "must be a string or null");
  std::string text = ToolText(output, error);
  if (const Json approval = item.value("approval_request_id", Json()); approval.is_string()) {
    const auto approved = std::ranges::find(items_.approved, approval.get<std::string>(), &ApprovedCall::request_id);
    if (approved != items_.approved.end()) {
      conversation_.SetToolResult(approved->call_id, std::move(text));
      items_.approved.erase(approved);
      return {};
    }
  }
  std::string call_id = CallIdOf(id);
  conversation_.AddCall(call_id, std::move(name), std::move(arguments));
  conversation_.AddToolResult(std::move(call_id), std::move(text));
  return {};
}

Status McpItemReader::ReadApprovalRequest(const Json& item, const std::string& path) {
  STRATA_CHECK(CheckMembers(item, path, {"type", "id", "server_label", "name", "arguments"}));
  ApprovedCall call;
  STRATA_TRY(call.request_id, StringMember(item, path, "id"));
  STRATA_TRY(call.server_label, StringMember(item, path, "server_label"));
  STRATA_TRY(call.name, StringMember(item, path, "name"));
  STRATA_TRY(call.arguments, StringMember(item, path, "arguments"));
  call.call_id = CallIdOf(call.request_id);
  conversation_.AddCall(call.call_id, call.name, call.arguments);
  const std::string id = call.request_id;
  if (!asked_.emplace(id, std::move(call)).second) return BadField(path + ".id", "is the id of an earlier item");
  return {};
}

Status McpItemReader::ReadApprovalResponse(const Json& item, const std::string& path) {
  STRATA_CHECK(CheckMembers(item, path, {"type", "id", "approval_request_id", "approve", "reason"}));
  STRATA_TRY(const std::string id, StringMember(item, path, "approval_request_id"));
  const auto asked = asked_.find(id);
  if (asked == asked_.end()) {
    return BadField(path + ".approval_request_id", "No approval request {} waits for a response.", id.substr(0, 200));
  }
  const auto approve = item.find("approve");
  if (approve == item.end()) return BadField(path + ".approve", "is missing");
  bool permitted = false;
  STRATA_CHECK(ReadBool(*approve, path + ".approve", permitted));
  std::string reason;
  if (const Json given = item.value("reason", Json()); !given.is_null()) {
    STRATA_CHECK(ReadString(given, path + ".reason", reason));
  }
  // The result of a call that is to run takes the place of the empty one.
  conversation_.AddToolResult(asked->second.call_id, permitted ? "" : RefusalText(reason));
  if (permitted) items_.approved.push_back(std::move(asked->second));
  asked_.erase(asked);
  return {};
}

Status McpItemReader::CheckAnswered() const {
  if (asked_.empty()) return {};
  return BadField("input", "No approval response found for approval request {}.", asked_.begin()->first.substr(0, 200));
}

std::string ToolText(const Json& output, const Json& error) {
  const std::string said = output.is_string() ? output.get<std::string>() : "";
  if (error.is_null()) return said;
  if (!said.empty()) return "Error: " + said;
  if (error.is_string()) return "Error: " + error.get<std::string>();
  if (error.is_object() && error.contains("message") && error["message"].is_string()) {
    return "Error: " + error["message"].get<std::string>();
  }
  return "Error: " + error.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string RefusalText(std::string_view reason) {
  std::string text = "The user did not allow this call.";
  if (!reason.empty()) text.append(" ").append(reason);
  return text;
}

}  // namespace strata::serve::responses
