#include "serve/responses/output_item.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/hex.h"

namespace strata::serve::responses {
namespace {

using Json = nlohmann::ordered_json;
using Kind = OutputItem::Kind;

// Of ids: the response's 32 hexadecimal digits and four of the item's place.
constexpr std::size_t kIdDigits = 36;

std::string_view IdPrefix(Kind kind) {
  switch (kind) {
    case Kind::kReasoning:
      return "rs_";
    case Kind::kMessage:
      return "msg_";
    case Kind::kFunctionCall:
      return "fc_";
    case Kind::kCustomCall:
      return "ctc_";
    case Kind::kMcpListTools:
      return "mcpl_";
    case Kind::kMcpCall:
      return "mcp_";
    case Kind::kMcpApprovalRequest:
      break;
  }
  return "mcpr_";
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

std::string_view Name(ItemStatus status) {
  switch (status) {
    case ItemStatus::kInProgress:
      return "in_progress";
    case ItemStatus::kCompleted:
      return "completed";
    case ItemStatus::kIncomplete:
      return "incomplete";
    case ItemStatus::kFailed:
      break;
  }
  return "failed";
}

Json PartJson(Kind kind, std::string_view text) {
  if (kind == Kind::kReasoning) return {{"type", "reasoning_text"}, {"text", text}};
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", Json::array()}};
}

Json ItemJson(const OutputItem& item) {
  const bool begun = item.status != ItemStatus::kInProgress;
  const auto content = [&] { return begun ? Json::array({PartJson(item.kind, item.text)}) : Json::array(); };
  switch (item.kind) {
    case Kind::kReasoning:
      return {{"id", item.id},
              {"type", "reasoning"},
              {"summary", Json::array()},
              {"content", content()},
              {"status", Name(item.status)}};
    case Kind::kMessage:
      return {{"id", item.id},
              {"type", "message"},
              {"status", Name(item.status)},
              {"role", "assistant"},
              {"content", content()}};
    case Kind::kFunctionCall:
      return {{"id", item.id},           {"type", "function_call"}, {"status", Name(item.status)},
              {"call_id", item.call_id}, {"name", item.name},       {"arguments", begun ? item.text : ""}};
    case Kind::kCustomCall:
      return {{"id", item.id},           {"type", "custom_tool_call"}, {"status", Name(item.status)},
              {"call_id", item.call_id}, {"name", item.name},          {"input", begun ? item.text : ""}};
    case Kind::kMcpListTools:
      return {{"id", item.id},
              {"type", "mcp_list_tools"},
              {"server_label", item.server_label},
              {"tools", item.tools},
              {"error", item.error}};
    case Kind::kMcpCall:
      return {{"id", item.id},
              {"type", "mcp_call"},
              {"status", Name(item.status)},
              {"approval_request_id", TextOrNull(item.approval_request_id)},
              {"server_label", item.server_label},
              {"name", item.name},
              {"arguments", item.text},
              {"output", item.output},
              {"error", item.error}};
    case Kind::kMcpApprovalRequest:
      break;
  }
  return {{"id", item.id},
          {"type", "mcp_approval_request"},
          {"server_label", item.server_label},
          {"name", item.name},
          {"arguments", item.text}};
}

std::string ItemId(Kind kind, std::string_view response_id, std::size_t index, std::string_view call_id) {
  const std::string_view digits = response_id.substr(response_id.find('_') + 1);
  std::string id = fmt::format("{}{}{:04x}", IdPrefix(kind), digits, index);
  if (kind == Kind::kMcpCall || kind == Kind::kMcpApprovalRequest) id.append("_").append(call_id);
  return id;
}

std::string CallIdOf(std::string_view item_id) {
  for (const Kind kind : {Kind::kMcpCall, Kind::kMcpApprovalRequest}) {
    const std::string_view prefix = IdPrefix(kind);
    if (!item_id.starts_with(prefix) || item_id.size() <= prefix.size() + kIdDigits + 1) continue;
    const std::string_view digits = item_id.substr(prefix.size(), kIdDigits);
    if (item_id[prefix.size() + kIdDigits] != '_' ||
        !std::ranges::all_of(digits, [](char c) { return HexDigit(c) >= 0; })) {
      continue;
    }
    return std::string(item_id.substr(prefix.size() + kIdDigits + 1));
  }
  return std::string(item_id);
}

}  // namespace strata::serve::responses
