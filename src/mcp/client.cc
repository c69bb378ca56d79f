#include "mcp/client.h"

#include <exception>
#include <set>
#include <unordered_set>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>

#include "base/log.h"
#include "mcp/protocol.h"
#include "mcp/session.h"
#include "mcp/shared_operation.h"
#include "mcp/tool_list.h"

namespace strata::mcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// Of a list whose server neither says how long it lasts nor tells when it changes.
constexpr milliseconds kDefaultTtl{60'000};

}  // namespace

/// Everything but the door: lives on its strand, and as long as something of it runs.
class Client::Impl : public std::enable_shared_from_this<Client::Impl> {
 public:
  Impl(const asio::any_io_executor& executor, ServerConfig config, ClientHooks hooks)
      : config_(std::move(config)),
        hooks_(std::move(hooks)),
        strand_(asio::make_strand(executor)),
        connecting_(strand_),
        listing_(strand_),
        tasks_(strand_) {}

  const ServerConfig& config() const { return config_; }
  const asio::any_io_executor& strand() const { return strand_; }

  asio::awaitable<Result<ServerInfo>> Connect();
  asio::awaitable<Result<ToolList>> ListTools();
  asio::awaitable<Result<ToolResult>> CallTool(std::string name, Json arguments, CallOptions options);
  asio::awaitable<Status> Close();
  void Shutdown();

 private:
  /// Runs `work` until `timeout`, a stop or Close ends it.
  template <class T>
  asio::awaitable<Result<T>> Bounded(milliseconds timeout, std::stop_token stop, std::string what,
                                     asio::awaitable<Result<T>> work);

  /// The session, a new one where there is none or it is broken.
  asio::awaitable<Result<std::shared_ptr<Session>>> Connected();
  asio::awaitable<Result<std::shared_ptr<Session>>> OpenSession();
  /// The cached list while it is good, else a new one.
  asio::awaitable<Result<ToolList>> Tools();
  asio::awaitable<Result<ToolList>> FetchTools();
  asio::awaitable<Result<ToolList>> FetchPages(Session& session);

  asio::awaitable<Result<ToolResult>> Call(std::string name, Json arguments, CallOptions options);
  /// One request tools/call, sent again where that is safe.
  asio::awaitable<Result<Message>> SendCall(const Json& params, const CallOptions& options);
  asio::awaitable<Result<Headers>> CallHeaders(Session& session, const Json& params);
  /// Adds to `params` what the server asks for before it can answer.
  asio::awaitable<Status> AddInput(const Json& required, Json& params);

  const ServerConfig config_;
  const ClientHooks hooks_;
  const asio::any_io_executor strand_;
  std::shared_ptr<Session> session_;
  SharedOperation<std::shared_ptr<Session>> connecting_;
  SharedOperation<ToolList> listing_;
  ToolList tools_;  ///< as last fetched, also when it is no longer good
  steady_clock::time_point tools_expire_ = steady_clock::time_point::min();
  std::uint64_t tools_version_ = 0;  ///< counts the times that the list may have become another
  std::set<Interrupt*> running_;
  TaskGroup tasks_;
};

template <class T>
asio::awaitable<Result<T>> Client::Impl::Bounded(milliseconds timeout, std::stop_token stop, std::string what,
                                                 asio::awaitable<Result<T>> work) {
  Interrupt interrupt(strand_, timeout, std::move(stop), std::move(what));
  struct Registered {
    std::set<Interrupt*>& set;
    Interrupt* interrupt;
    Registered(std::set<Interrupt*>& s, Interrupt* i) : set(s), interrupt(i) { set.insert(i); }
    ~Registered() { set.erase(interrupt); }
  } const registered(running_, &interrupt);
  Result<T> result = co_await Until(interrupt, std::move(work));
  if (result) co_return result;
  Error error = std::move(result).error();
  co_return std::unexpected(Error(error.code(), fmt::format("{}: {}", config_.label, error.ToString())));
}

asio::awaitable<Result<std::shared_ptr<Session>>> Client::Impl::Connected() {
  if (session_ && session_->usable()) co_return session_;
  co_return co_await connecting_.Join(tasks_, [self = shared_from_this()] { return self->OpenSession(); });
}

asio::awaitable<Result<std::shared_ptr<Session>>> Client::Impl::OpenSession() {
  const auto self = shared_from_this();
  if (session_) std::exchange(session_, nullptr)->Abort();
  ++tools_version_;
  tools_expire_ = steady_clock::time_point::min();
  const auto on_tools_changed = [weak = weak_from_this()] {
    const auto impl = weak.lock();
    if (!impl) return;
    ++impl->tools_version_;
    impl->tools_expire_ = steady_clock::time_point::min();
  };
  Interrupt limit(strand_, config_.startup_timeout, {}, "connecting");
  auto session = co_await Until(limit, Session::Open(strand_, config_, hooks_, on_tools_changed));
  if (session) session_ = *session;
  co_return session;
}

asio::awaitable<Result<ServerInfo>> Client::Impl::Connect() {
  const auto session = co_await Bounded(config_.startup_timeout, {}, "connecting", Connected());
  if (!session) co_return std::unexpected(session.error());
  co_return (*session)->info();
}

asio::awaitable<Result<ToolList>> Client::Impl::ListTools() {
  co_return co_await Bounded(config_.startup_timeout + config_.tool_timeout, {}, "listing the tools", Tools());
}

asio::awaitable<Result<ToolList>> Client::Impl::Tools() {
  const auto session = co_await Connected();
  if (!session) co_return std::unexpected(session.error());
  if (tools_ && steady_clock::now() < tools_expire_) co_return tools_;
  co_return co_await listing_.Join(tasks_, [self = shared_from_this()] { return self->FetchTools(); });
}

asio::awaitable<Result<ToolList>> Client::Impl::FetchTools() {
  const auto self = shared_from_this();
  for (const bool first : {true, false}) {
    auto session = co_await Connected();
    if (!session) co_return std::unexpected(std::move(session).error());
    Interrupt limit(strand_, config_.tool_timeout, {}, "tools/list");
    auto tools = co_await Until(limit, FetchPages(**session));
    const bool forgotten = !tools && tools.error().code() == ErrorCode::kNotFound;
    if (!forgotten || !first) co_return tools;
  }
  std::unreachable();
}

asio::awaitable<Result<ToolList>> Client::Impl::FetchPages(Session& session) {
  auto list = std::make_shared<std::vector<Tool>>();
  const std::uint64_t version = tools_version_;
  milliseconds ttl = session.announces_changes() ? milliseconds::max() : kDefaultTtl;
  std::unordered_set<std::string> names;
  std::string cursor;
  for (int pages = 0; session.has_tools(); ++pages) {
    if (pages == kMaxPages) co_return Fail(ErrorCode::kCorrupt, "the list of tools has more than {} pages", kMaxPages);
    Json params = Json::object();
    if (!cursor.empty()) params["cursor"] = cursor;
    auto response = co_await session.Request("tools/list", std::move(params));
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->kind == Message::Kind::kError) co_return std::unexpected(ErrorOf("tools/list", *response));
    auto page = ParseToolPage(response->body, session.uses_param_headers(), config_.label);
    if (!page) co_return std::unexpected(std::move(page).error());
    for (Tool& tool : page->tools) {
      if (!names.insert(tool.name).second || !config_.Allows(tool.name)) continue;
      list->push_back(std::move(tool));
    }
    if (names.size() > kMaxTools) co_return Fail(ErrorCode::kCorrupt, "the server has more than {} tools", kMaxTools);
    if (page->ttl) ttl = pages == 0 ? *page->ttl : std::min(ttl, *page->ttl);
    if (page->next_cursor.empty()) break;
    if (page->next_cursor == cursor) co_return Fail(ErrorCode::kCorrupt, "the list of tools does not go on");
    cursor = std::move(page->next_cursor);
  }
  tools_ = std::move(list);
  // What changed while it was fetched may or may not be in it.
  if (version != tools_version_) {
    tools_expire_ = steady_clock::time_point::min();
  } else {
    tools_expire_ = ttl == milliseconds::max() ? steady_clock::time_point::max() : steady_clock::now() + ttl;
  }
  co_return tools_;
}

asio::awaitable<Result<ToolResult>> Client::Impl::CallTool(std::string name, Json arguments, CallOptions options) {
  const milliseconds timeout = options.timeout.value_or(config_.tool_timeout);
  std::stop_token stop = options.stop;
  std::string what = fmt::format("the call of {}", name);
  co_return co_await Bounded(timeout, std::move(stop), std::move(what),
                             Call(std::move(name), std::move(arguments), std::move(options)));
}

asio::awaitable<Result<ToolResult>> Client::Impl::Call(std::string name, Json arguments, CallOptions options) {
  if (!config_.Allows(name)) co_return Fail(ErrorCode::kNotFound, "the tool {} is not allowed", Excerpt(name));
  if (!arguments.is_object()) {
    co_return Fail(ErrorCode::kInvalidArgument, "the arguments must be an object, not {}", arguments.type_name());
  }
  Json params = {{"name", std::move(name)}, {"arguments", std::move(arguments)}};
  for (int round = 0; round <= kMaxInputRounds; ++round) {
    auto response = co_await SendCall(params, options);
    if (!response) co_return std::unexpected(std::move(response).error());
    if (response->kind == Message::Kind::kError) co_return std::unexpected(ErrorOf("the call", *response));
    const auto type = response->body.find("resultType");
    if (type == response->body.end() || *type == "complete") {
      co_return ParseToolResult(std::move(response->body), config_.max_output_bytes);
    }
    if (*type != "input_required") {
      co_return Fail(ErrorCode::kCorrupt, "the result is of the unknown type {}", Excerpt(type->dump()));
    }
    if (Status added = co_await AddInput(response->body, params); !added) {
      co_return std::unexpected(std::move(added).error());
    }
  }
  co_return Fail(ErrorCode::kCorrupt, "the server asked for input more than {} times", kMaxInputRounds);
}

asio::awaitable<Result<Message>> Client::Impl::SendCall(const Json& params, const CallOptions& options) {
  for (const bool first : {true, false}) {
    auto session = co_await Connected();
    if (!session) co_return std::unexpected(std::move(session).error());
    auto headers = co_await CallHeaders(**session, params);
    if (!headers) co_return std::unexpected(std::move(headers).error());
    auto response = co_await (*session)->Request("tools/call", params, std::move(*headers), options.on_progress);
    if (!first) co_return response;
    // In both cases the server has done nothing yet: it has forgotten the session, or the headers were those of a
    // schema that has changed.
    if (!response && response.error().code() == ErrorCode::kNotFound) continue;
    if (response && response->kind == Message::Kind::kError && response->error_code == kHeaderMismatch) {
      tools_expire_ = steady_clock::time_point::min();
      if (auto tools = co_await Tools(); !tools) co_return std::unexpected(std::move(tools).error());
      continue;
    }
    co_return response;
  }
  std::unreachable();
}

asio::awaitable<Result<Headers>> Client::Impl::CallHeaders(Session& session, const Json& params) {
  if (!session.uses_param_headers()) co_return Headers{};
  // A list that is out of date will do: where its annotations have changed, the server says so.
  if (!tools_) {
    if (auto tools = co_await Tools(); !tools) co_return std::unexpected(std::move(tools).error());
  }
  const auto& name = params["name"].get_ref<const std::string&>();
  for (const Tool& tool : *tools_) {
    if (tool.name != name) continue;
    Headers headers = ParamHeaders(tool.input_schema, params["arguments"]);
    headers.emplace_back("Mcp-Name", EncodeHeaderValue(name));
    co_return headers;
  }
  co_return Fail(ErrorCode::kNotFound, "the server has no tool {}", Excerpt(name));
}

asio::awaitable<Status> Client::Impl::AddInput(const Json& required, Json& params) {
  params.erase("inputResponses");
  params.erase("requestState");
  const auto state = required.find("requestState");
  if (state != required.end()) params["requestState"] = *state;
  const auto requests = required.find("inputRequests");
  if (requests == required.end()) {
    if (state == required.end()) co_return Fail(ErrorCode::kCorrupt, "the server asks for input, but not for which");
    co_return Status();
  }
  if (!requests->is_object()) co_return Fail(ErrorCode::kCorrupt, "the server's \"inputRequests\" are no object");
  const std::shared_ptr<Session> session = session_;
  if (!session) co_return Fail(ErrorCode::kUnavailable, "the connection was closed");
  Json responses = Json::object();
  for (const auto& [key, request] : requests->items()) {
    const auto method = request.is_object() ? request.find("method") : request.end();
    if (!request.is_object() || method == request.end() || !method->is_string()) {
      co_return Fail(ErrorCode::kCorrupt, "the server's input request \"{}\" has no method", Excerpt(key));
    }
    auto answer = co_await session->AskOwner(method->get<std::string>(), request.value("params", Json::object()));
    if (!answer) co_return std::unexpected(std::move(answer).error().Wrap("the server asks for input"));
    responses[key] = std::move(*answer);
  }
  params["inputResponses"] = std::move(responses);
  co_return Status();
}

asio::awaitable<Status> Client::Impl::Close() {
  const Error closed(ErrorCode::kCancelled, "the client was closed");
  for (Interrupt* interrupt : running_) interrupt->Strike(closed);
  tasks_.Cancel();
  if (const auto session = std::exchange(session_, nullptr)) co_await session->Close();
  co_return Status();
}

void Client::Impl::Shutdown() {
  const Error closed(ErrorCode::kCancelled, "the client was destroyed");
  for (Interrupt* interrupt : running_) interrupt->Strike(closed);
  tasks_.Cancel();
  if (session_) std::exchange(session_, nullptr)->Abort();
}

namespace {

/// Runs `work` on the strand of `impl`, which it keeps alive. The border: exceptions become Errors.
template <class ImplPointer, class Work>
auto OnStrand(ImplPointer impl, Work work) -> decltype(work(*impl)) {
  Error failure(ErrorCode::kCancelled, "cancelled");
  try {
    co_return co_await asio::co_spawn(impl->strand(), [impl, &work] { return work(*impl); }, asio::use_awaitable);
  } catch (const boost::system::system_error& error) {
    if (error.code() != asio::error::operation_aborted) failure = Error(ErrorCode::kInternal, error.what());
  } catch (const std::exception& error) {
    failure = Error(ErrorCode::kInternal, error.what());
  }
  co_return std::unexpected(std::move(failure).Wrap(impl->config().label));
}

}  // namespace

Client::Client(const asio::any_io_executor& executor, ServerConfig config, ClientHooks hooks)
    : impl_(std::make_shared<Impl>(executor, std::move(config), std::move(hooks))) {}

Client::~Client() {
  asio::post(impl_->strand(), [impl = impl_] { impl->Shutdown(); });
}

const ServerConfig& Client::config() const { return impl_->config(); }

asio::awaitable<Result<ServerInfo>> Client::Connect() {
  return OnStrand(impl_, [](Impl& impl) { return impl.Connect(); });
}

asio::awaitable<Result<ToolList>> Client::ListTools() {
  return OnStrand(impl_, [](Impl& impl) { return impl.ListTools(); });
}

asio::awaitable<Result<ToolResult>> Client::CallTool(std::string name, Json arguments, CallOptions options) {
  return OnStrand(impl_, [name = std::move(name), arguments = std::move(arguments),
                          options = std::move(options)](Impl& impl) mutable {
    return impl.CallTool(std::move(name), std::move(arguments), std::move(options));
  });
}

asio::awaitable<void> Client::Close() {
  const Status closed = co_await OnStrand(impl_, [](Impl& impl) { return impl.Close(); });
  if (!closed && closed.error().code() != ErrorCode::kCancelled) LogWarning("mcp: {}", closed.error().message());
}

}  // namespace strata::mcp
