#include "serve/responses/mcp_rounds.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/unicode.h"
#include "serve/request_fields.h"

namespace strata::serve::responses {

namespace asio = boost::asio;
using strata::mcp::Client;
using strata::mcp::ToolResult;
using Kind = OutputItem::Kind;
using Tools = std::shared_ptr<const std::vector<strata::mcp::Tool>>;

/// Lives on the executor of Next, as the object itself does.
class McpRounds::Work : public std::enable_shared_from_this<Work> {
 public:
  explicit Work(const asio::any_io_executor& executor) : wake_(executor) {}

  std::vector<std::pair<std::size_t, Result<ToolResult>>> results;  ///< by call
  std::optional<Result<Tools>> tools;

  /// `done` gets what `work` of the client becomes.
  template <class T, class Done>
  void Run(std::shared_ptr<Client> client, asio::awaitable<Result<T>> work, Done done) {
    asio::co_spawn(wake_.get_executor(), std::move(work),
                   [self = shared_from_this(), client = std::move(client), done](const std::exception_ptr& thrown,
                                                                                 Result<T> result) {
                     if (thrown) result = Fail(ErrorCode::kInternal, "the MCP client failed");
                     done(*self, std::move(result));
                     self->Wake();
                   });
  }

  /// Until something is done, or Wake.
  asio::awaitable<void> Wait() {
    wake_.expires_at(asio::steady_timer::time_point::max());
    co_await wake_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
  void Wake() { wake_.cancel(); }

 private:
  asio::steady_timer wake_;
};

namespace {

/// OpenAI's error objects of calls.
Json CallError(const Error& error) {
  const bool unreachable = error.code() == ErrorCode::kUnavailable || error.code() == ErrorCode::kDeadlineExceeded ||
                           error.code() == ErrorCode::kIo;
  if (unreachable) {
    return {{"type", "http_error"},
            {"code", error.code() == ErrorCode::kDeadlineExceeded ? 504 : 503},
            {"message", error.ToString()}};
  }
  const bool arguments = error.code() == ErrorCode::kInvalidArgument || error.code() == ErrorCode::kNotFound;
  return {{"type", "mcp_protocol_error"}, {"code", arguments ? -32602 : -32603}, {"message", error.ToString()}};
}

/// What the model reads, at most: one that floods its context cannot answer any more.
std::string Bounded(std::string text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  const std::size_t whole = text.size();
  text.resize(max_bytes);
  text.resize(CompleteUtf8Prefix(text));
  return text + fmt::format("\n[cut off: {} of {} bytes]", text.size(), whole);
}

}  // namespace

McpRounds::McpRounds(McpRoundsOptions options, OutputWriter& writer) : options_(std::move(options)), writer_(writer) {}

McpRounds::~McpRounds() { stop_.request_stop(); }

void McpRounds::Interrupt() {
  stop_.request_stop();
  if (work_) work_->Wake();
}

asio::awaitable<McpRounds::StepOrError> McpRounds::Next(GenerateRequest& request, std::string& out) {
  if (!work_) work_ = std::make_shared<Work>(co_await asio::this_coro::executor);
  if (stage_ == Stage::kList) {
    if (listed_ < options_.servers.size()) co_return co_await ListNext(out);
    co_return Offer(request, out);
  }
  if (stage_ == Stage::kRead) ReadAnswer();
  if (stage_ == Stage::kRun) {
    if (ended_ < calls_.size()) co_return co_await RunCalls(out);
    for (const Call& call : calls_) {
      const OutputItem& item = writer_.items()[call.item];
      options_.conversation.SetToolResult(call.call_id, ToolText(item.output, item.error));
    }
    calls_before_ += static_cast<std::int64_t>(std::exchange(calls_, {}).size());
    started_ = ended_ = 0;
    stage_ = Stage::kAsk;
  }
  co_return Ask(request);
}

/// Two steps a server: that it is being asked, and what it says.
asio::awaitable<McpRounds::StepOrError> McpRounds::ListNext(std::string& out) {
  McpServer& server = options_.servers[listed_];
  const std::string& label = server.asked.server_label;
  const bool shown = !options_.items.listed.contains(label);
  if (shown && !list_item_) {
    list_item_ = writer_.BeginItem({.kind = Kind::kMcpListTools, .server_label = label});
    writer_.TakeEvents(out);
    co_return Step::kTold;
  }
  work_->tools.reset();
  work_->Run(server.client, server.client->ListTools(),
             [](Work& work, Result<Tools> tools) { work.tools = std::move(tools); });
  while (!work_->tools && !stop_.stop_requested()) co_await work_->Wait();
  if (!work_->tools) co_return Step::kEnd;
  const Result<Tools> tools = *std::exchange(work_->tools, std::nullopt);
  if (tools) {
    std::ranges::copy_if(**tools, std::back_inserter(server.tools),
                         [&](const strata::mcp::Tool& tool) { return server.asked.Allows(tool.name); });
  }
  if (shown) {
    const Json error = tools ? Json() : Json(tools.error().ToString());
    writer_.EndListTools(*std::exchange(list_item_, std::nullopt), ListedTools(server.tools), error);
    writer_.TakeEvents(out);
  }
  if (!tools) {
    co_return std::unexpected(ApiError{
        .status = 424,
        .message = fmt::format("Error retrieving the tools of the MCP server {}: {}", label, tools.error().ToString()),
        .type = "external_connector_error",
        .param = "tools",
        .code = "mcp_server_failed"});
  }
  ++listed_;
  co_return Step::kTold;
}

McpRounds::StepOrError McpRounds::Offer(GenerateRequest& request, std::string& out) {
  auto hosted = OfferTools(options_.tools, options_.servers, request);
  if (!hosted) return std::unexpected(ToApiError(hosted.error()));
  hosted_ = std::move(*hosted);
  writer_.SetHostedTools(hosted_);
  for (ApprovedCall& call : options_.items.approved) {
    const std::size_t item = writer_.BeginItem({.kind = Kind::kMcpCall,
                                                .text = call.arguments,
                                                .call_id = call.call_id,
                                                .name = call.name,
                                                .server_label = call.server_label,
                                                .approval_request_id = std::move(call.request_id)});
    calls_.push_back({.item = item,
                      .call_id = std::move(call.call_id),
                      .server_label = std::move(call.server_label),
                      .name = std::move(call.name),
                      .arguments = std::move(call.arguments)});
  }
  writer_.TakeEvents(out);
  read_ = writer_.items().size();
  stage_ = Stage::kRun;
  return Step::kTold;
}

void McpRounds::ReadAnswer() {
  stage_ = Stage::kRun;
  ends_ = true;
  Conversation& conversation = options_.conversation;
  const std::vector<OutputItem>& items = writer_.items();
  if (writer_.cut_off()) {
    for (; read_ < items.size(); ++read_) {
      if (items[read_].kind != Kind::kMcpCall || items[read_].status != ItemStatus::kInProgress) continue;
      writer_.EndMcpCall(read_, nullptr, CallError(Error(ErrorCode::kCancelled, "not run: the answer was cut off")));
    }
    return;
  }
  bool left_to_client = false;
  for (; read_ < items.size(); ++read_) {
    const OutputItem& item = items[read_];
    switch (item.kind) {
      case Kind::kReasoning:
        conversation.AddReasoning(item.text);
        break;
      case Kind::kMessage:
        conversation.AddAnswer(item.text);
        break;
      case Kind::kMcpCall:
        conversation.AddCall(item.call_id, ModelName(item), item.text);
        calls_.push_back({.item = read_,
                          .call_id = item.call_id,
                          .server_label = item.server_label,
                          .name = item.name,
                          .arguments = item.text});
        break;
      case Kind::kFunctionCall:
      case Kind::kCustomCall:
      case Kind::kMcpApprovalRequest:
        left_to_client = true;
        break;
      case Kind::kMcpListTools:
        break;
    }
  }
  for (const Call& call : calls_) conversation.AddToolResult(call.call_id, "");
  ends_ = left_to_client || calls_.empty();
  if (!calls_.empty()) ++rounds_;
}

asio::awaitable<McpRounds::StepOrError> McpRounds::RunCalls(std::string& out) {
  for (; started_ < calls_.size() && started_ - ended_ < kMaxConcurrent; ++started_) Start(calls_[started_]);
  while (work_->results.empty() && !stop_.stop_requested()) co_await work_->Wait();
  if (stop_.stop_requested()) co_return Step::kEnd;
  for (auto& [call, result] : std::exchange(work_->results, {})) {
    auto [output, error] = OutcomeOf(std::move(result));
    writer_.EndMcpCall(calls_[call].item, std::move(output), std::move(error));
    ++ended_;
  }
  writer_.TakeEvents(out);
  co_return Step::kTold;
}

void McpRounds::Start(const Call& call) {
  const auto index = static_cast<std::size_t>(&call - calls_.data());
  const auto refuse = [&](ErrorCode code, std::string message) {
    work_->results.emplace_back(index, std::unexpected(Error(code, std::move(message))));
  };
  const McpServer* server = ServerOf(call.server_label);
  Json arguments = call.arguments.empty() ? Json::object() : Json::parse(call.arguments, nullptr, false);
  if (IsSpent(calls_before_ + static_cast<std::int64_t>(index))) {
    refuse(ErrorCode::kResourceExhausted, "the call was not run: there were too many in this response");
  } else if (server == nullptr || !server->asked.Allows(call.name)) {
    refuse(ErrorCode::kNotFound, fmt::format("there is no tool {}", call.name));
  } else if (!arguments.is_object()) {
    refuse(ErrorCode::kInvalidArgument, "the arguments are not a JSON object");
  } else {
    strata::mcp::CallOptions options;
    options.stop = stop_.get_token();
    work_->Run(server->client, server->client->CallTool(call.name, std::move(arguments), std::move(options)),
               [index](Work& work, Result<ToolResult> result) { work.results.emplace_back(index, std::move(result)); });
  }
}

McpRounds::Outcome McpRounds::OutcomeOf(Result<ToolResult> result) const {
  if (!result) return {.output = nullptr, .error = CallError(result.error())};
  std::string text = Bounded(std::move(result->text), options_.max_output_bytes);
  if (!result->is_error) return {.output = std::move(text), .error = nullptr};
  const Json said = Json::array({{{"type", "text"}, {"text", text}}});
  return {.output = std::move(text), .error = {{"type", "mcp_tool_execution_error"}, {"content", said}}};
}

McpRounds::StepOrError McpRounds::Ask(GenerateRequest& request) {
  if (ends_) return Step::kEnd;
  if (request.max_tokens && *request.max_tokens <= 0) {
    writer_.EndAtLimit();
    return Step::kEnd;
  }
  // What tool_choice requires is one call, not one in every answer.
  if (rounds_ > 0 && request.tool_use.choice.mode == tools::ToolChoice::Mode::kRequired) {
    request.tool_use.choice.mode = tools::ToolChoice::Mode::kAuto;
  }
  if (!withdrawn_ && (rounds_ >= kMaxRounds || IsSpent(calls_before_))) {
    withdrawn_ = true;
    WithdrawHostedTools(hosted_, request.tool_use);
  }
  Variables(request.chat_input)["messages"] = options_.conversation.messages();
  stage_ = Stage::kRead;
  return Step::kGenerate;
}

const std::string& McpRounds::ModelName(const OutputItem& call) const {
  const auto found = std::ranges::find_if(hosted_, [&](const auto& entry) {
    return entry.second.server_label == call.server_label && entry.second.name == call.name;
  });
  return found == hosted_.end() ? call.name : found->first;
}

const McpServer* McpRounds::ServerOf(const std::string& label) const {
  const auto found = std::ranges::find_if(options_.servers,
                                          [&](const McpServer& server) { return server.asked.server_label == label; });
  return found == options_.servers.end() ? nullptr : &*found;
}

}  // namespace strata::serve::responses
