// MCP's items of a Responses request, in the form that chat templates take.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/result.h"
#include "serve/conversation.h"
#include "serve/responses/mcp_items.h"

namespace strata::serve::responses {

/// In the order of the items. Both must outlive it.
class McpItemReader {
 public:
  McpItemReader(Conversation& conversation, McpItems& items) : conversation_(conversation), items_(items) {}

  Status ReadListTools(const nlohmann::ordered_json& item, const std::string& path);
  /// A call that has run, with or without an approval.
  Status ReadCall(const nlohmann::ordered_json& item, const std::string& path);
  Status ReadApprovalRequest(const nlohmann::ordered_json& item, const std::string& path);
  Status ReadApprovalResponse(const nlohmann::ordered_json& item, const std::string& path);
  /// Every request for approval has its response.
  Status CheckAnswered() const;

 private:
  Conversation& conversation_;
  McpItems& items_;
  std::map<std::string, ApprovedCall> asked_;  ///< by the request's id, not answered yet
};

}  // namespace strata::serve::responses
