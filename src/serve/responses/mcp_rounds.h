// Responses whose tools this server runs: asks MCP servers for their tools, runs the calls that the model makes of
// them, gives it their results, and so on until it has nothing more to call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "serve/conversation.h"
#include "serve/responses/mcp_items.h"
#include "serve/responses/mcp_offer.h"
#include "serve/responses/output_writer.h"
#include "serve/rounds.h"

namespace strata::serve::responses {

struct McpRoundsOptions {
  RequestTools tools;  ///< but for the servers
  std::vector<McpServer> servers = {};
  Conversation conversation;
  McpItems items;
  std::optional<std::int64_t> max_tool_calls;
  std::size_t max_output_bytes = 0;  ///< of a result's text; the rest is cut off
};

/// Ends where an answer calls no MCP tool, calls one that needs an approval or a function of the client besides, or is
/// cut off. After kMaxRounds answers with calls, or max_tool_calls, MCP tools are not offered any more: the model has
/// to answer.
class McpRounds final : public Rounds {
 public:
  static constexpr int kMaxRounds = 10;
  static constexpr std::int64_t kMaxCalls = 128;    ///< of one response, where max_tool_calls says nothing
  static constexpr std::size_t kMaxConcurrent = 8;  ///< calls at a time

  /// `writer` is the response's, and must outlive it.
  McpRounds(McpRoundsOptions options, OutputWriter& writer);
  ~McpRounds() override;
  McpRounds(const McpRounds&) = delete;
  McpRounds& operator=(const McpRounds&) = delete;

  boost::asio::awaitable<std::expected<Step, ApiError>> Next(GenerateRequest& request, std::string& out) override;
  void Interrupt() override;

 private:
  enum class Stage : std::uint8_t { kList, kRun, kAsk, kRead };
  struct Call {
    std::size_t item;  ///< its place in the output
    std::string call_id;
    std::string server_label, name, arguments;
  };
  struct Outcome {
    nlohmann::ordered_json output, error;
  };
  class Work;  ///< what runs beside this object, and may outlive it for a moment

  using StepOrError = std::expected<Step, ApiError>;
  boost::asio::awaitable<StepOrError> ListNext(std::string& out);
  StepOrError Offer(GenerateRequest& request, std::string& out);
  boost::asio::awaitable<StepOrError> RunCalls(std::string& out);
  StepOrError Ask(GenerateRequest& request);
  void ReadAnswer();

  /// Starts it, or gives it an outcome at once.
  void Start(const Call& call);
  void End(std::size_t call, Outcome outcome);
  Outcome OutcomeOf(Result<strata::mcp::ToolResult> result) const;
  const McpServer* ServerOf(const std::string& label) const;
  /// What the model calls the tool.
  const std::string& ModelName(const OutputItem& call) const;
  bool IsSpent(std::int64_t calls) const { return calls >= options_.max_tool_calls.value_or(kMaxCalls); }

  McpRoundsOptions options_;
  OutputWriter& writer_;
  HostedTools hosted_;
  Stage stage_ = Stage::kList;
  std::size_t listed_ = 0;                ///< servers that have been asked
  std::optional<std::size_t> list_item_;  ///< of the one that is being asked
  std::size_t read_ = 0;                  ///< items of the output that are in the conversation
  std::vector<Call> calls_;               ///< of this round
  std::size_t started_ = 0, ended_ = 0;   ///< of these
  std::int64_t calls_before_ = 0;         ///< of the rounds before
  int rounds_ = 0;                        ///< answers with calls
  bool ends_ = false;                     ///< after the calls that run
  bool withdrawn_ = false;                ///< MCP tools are not offered any more
  std::stop_source stop_;
  std::shared_ptr<Work> work_;
};

}  // namespace strata::serve::responses
