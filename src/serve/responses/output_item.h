// The items of a response's output, as plain data and as OpenAI's JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace strata::serve::responses {

/// Of an item, and of the whole response.
enum class ItemStatus : std::uint8_t { kInProgress, kCompleted, kIncomplete, kFailed };
std::string_view Name(ItemStatus status);

struct OutputItem {
  enum class Kind : std::uint8_t {
    kReasoning,
    kMessage,
    kFunctionCall,
    kCustomCall,          ///< of a tool that takes a text
    kMcpListTools,        ///< what an MCP server offers
    kMcpCall,             ///< of a tool that this server runs
    kMcpApprovalRequest,  ///< such a call, for the client to permit
  };
  Kind kind = Kind::kMessage;
  std::string id = {};
  ItemStatus status = ItemStatus::kInProgress;
  std::string text = {};                 ///< of calls: the JSON of their arguments, or a custom tool's input
  std::string call_id = {};              ///< of calls: what the model's conversation calls them
  std::string name = {};                 ///< of calls: the client's tool, or the MCP server's tool
  std::string server_label = {};         ///< MCP
  std::string approval_request_id = {};  ///< kMcpCall: the request that permitted it
  nlohmann::ordered_json tools = nlohmann::ordered_json::array();  ///< kMcpListTools
  nlohmann::ordered_json output = {};                              ///< kMcpCall: what the tool said, a string
  nlohmann::ordered_json error = {};                               ///< MCP
};

/// As far as it has come.
nlohmann::ordered_json ItemJson(const OutputItem& item);
/// The one part that a message or a reasoning item has.
nlohmann::ordered_json PartJson(OutputItem::Kind kind, std::string_view text);

/// Unique among all responses' items. Those of MCP have the call's id as their end: a conversation that is read back
/// from its items calls its calls as the model did, which some templates insist on (Mistral's, Kimi's).
std::string ItemId(OutputItem::Kind kind, std::string_view response_id, std::size_t index, std::string_view call_id);
/// The call's id that an MCP item's id has, or all of an id that ItemId has not made.
std::string CallIdOf(std::string_view item_id);

}  // namespace strata::serve::responses
