#include "mcp/session.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/this_coro.hpp>

#include "base/log.h"
#include "mcp/protocol.h"

namespace strata::mcp {
namespace {

using std::chrono::milliseconds;

// A server of an older protocol may stay silent when it is asked something that it does not know.
constexpr milliseconds kMaxProbe{10'000};
// Between two subscriptions: a server may end them whenever it likes.
constexpr milliseconds kResubscribe{5000};

/// A request by a JSON-RPC error that only a server of the stateless protocol sends.
bool IsModernError(const Message& response) {
  return response.error_code == kUnsupportedVersion || response.error_code == kHeaderMismatch ||
         response.error_code == kMissingClientCapability;
}

std::vector<std::string> StringsIn(const Json& json, const char* name) {
  std::vector<std::string> strings;
  const auto list = json.is_object() ? json.find(name) : json.end();
  if (list == json.end() || !list->is_array()) return strings;
  for (const Json& element : *list) {
    if (element.is_string()) strings.push_back(element.get<std::string>());
  }
  return strings;
}

int RpcCode(ErrorCode code) {
  if (code == ErrorCode::kUnsupported) return kMethodNotFound;
  if (code == ErrorCode::kInvalidArgument) return kInvalidParams;
  return code == ErrorCode::kInternal ? kInternalError : kRejectedByUser;
}

}  // namespace

Error ErrorOf(std::string_view method, const Message& response) {
  const ErrorCode code = response.error_code == kInvalidParams             ? ErrorCode::kInvalidArgument
                         : response.error_code == kMethodNotFound          ? ErrorCode::kUnsupported
                         : response.error_code == kMissingClientCapability ? ErrorCode::kUnsupported
                                                                           : ErrorCode::kInternal;
  return Error(code, fmt::format("the server refused {}: {} (JSON-RPC error {})", method,
                                 Excerpt(response.error_message), response.error_code));
}

class Session::InFlight {
 public:
  InFlight(Session& session, std::string_view method) : session_(session), id_(session.next_id_++) {
    // The handshake may not be cancelled, and who asks for it gives up the connection anyway.
    tell_ = method != "initialize" && method != "server/discover";
  }
  ~InFlight() {
    session_.on_progress_.erase(id_);
    if (done_ || !tell_ || !session_.usable() || session_.transport_->cancels_by_closing()) return;
    session_.tasks_.Spawn(
        Tell(session_.shared_from_this(),
             NotificationText("notifications/cancelled", {{"requestId", id_}, {"reason", "nobody waits any more"}})));
  }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

  std::int64_t id() const { return id_; }
  void Done() { done_ = true; }

 private:
  Session& session_;
  std::int64_t id_;
  bool tell_ = true;
  bool done_ = false;
};

Session::Session(const asio::any_io_executor& strand, const ServerConfig& config, ClientHooks hooks,
                 std::function<void()> on_tools_changed)
    : strand_(strand),
      label_(config.label),
      hooks_(std::move(hooks)),
      on_tools_changed_(std::move(on_tools_changed)),
      transport_(MakeTransport(strand, config)),
      tasks_(strand) {
  const auto* http = std::get_if<HttpTransport>(&config.transport);
  over_http_ = http != nullptr;
  old_transport_ = http != nullptr && http->sse;
}

asio::awaitable<Result<std::shared_ptr<Session>>> Session::Open(const asio::any_io_executor& strand,
                                                                const ServerConfig& config, ClientHooks hooks,
                                                                std::function<void()> on_tools_changed) {
  const std::shared_ptr<Session> session(new Session(strand, config, std::move(hooks), std::move(on_tools_changed)));
  // Also when this coroutine is cancelled half-way.
  struct AbortUnlessReady {
    Session* session;
    ~AbortUnlessReady() {
      if (session != nullptr) session->Abort();
    }
  } guard{session.get()};
  if (Status connected = co_await session->Connect(config); !connected) {
    co_return std::unexpected(std::move(connected).error());
  }
  guard.session = nullptr;
  co_return session;
}

asio::awaitable<Status> Session::Connect(const ServerConfig& config) {
  const auto incoming = [weak = weak_from_this()](Message&& message) {
    if (const auto self = weak.lock()) self->OnIncoming(std::move(message));
  };
  if (Status opened = co_await transport_->Open(incoming); !opened) co_return opened;
  if (!old_transport_) {
    Result<bool> modern = co_await Discover(config);
    if (!modern && !over_http_ && !usable()) {
      // Some older servers end when anything but `initialize` comes first.
      transport_->Abort();
      transport_ = MakeTransport(strand_, config);
      if (Status opened = co_await transport_->Open(incoming); !opened) co_return opened;
      modern = false;
    }
    if (!modern) co_return std::unexpected(modern.error());
    modern_ = *modern;
  }
  if (!modern_) {
    if (Status initialized = co_await Initialize(); !initialized) co_return initialized;
  }
  LogInfo("mcp {}: {} {}, protocol {}", label_, info_.name, info_.version, info_.protocol_version);
  if (modern_ && announces_changes_) tasks_.Spawn(Subscribe(shared_from_this()));
  co_return Status();
}

asio::awaitable<Result<bool>> Session::Discover(const ServerConfig& config) {
  modern_ = true;
  transport_->SetVersion(kModernVersion);
  for (const bool first : {true, false}) {
    Interrupt limit(strand_, std::min<milliseconds>(config.startup_timeout / 2, kMaxProbe), {}, "server/discover");
    const auto response = co_await Until(limit, Request("server/discover", Json::object()));
    if (!response) {
      const ErrorCode code = response.error().code();
      // Silence and nonsense are how older servers answer; a server that cannot be reached is none.
      if (code != ErrorCode::kDeadlineExceeded && code != ErrorCode::kCorrupt)
        co_return std::unexpected(response.error());
      co_return false;
    }
    const bool is_result = response->kind == Message::Kind::kResult;
    if (!is_result && !IsModernError(*response)) co_return false;
    if (!is_result && response->error_code != kUnsupportedVersion)
      co_return std::unexpected(ErrorOf("server/discover", *response));
    const std::vector<std::string> versions = StringsIn(response->body, is_result ? "supportedVersions" : "supported");
    if (is_result && versions.empty()) co_return false;
    if (Contains(versions, kModernVersion)) {
      if (!is_result && first) continue;  // it has named the version that it was asked in: once more
      if (!is_result) co_return std::unexpected(ErrorOf("server/discover", *response));
      info_.protocol_version = kModernVersion;
      TakeCapabilities(response->body);
      co_return true;
    }
    if (std::ranges::any_of(versions, IsLegacyVersion)) co_return false;
    co_return Fail(ErrorCode::kUnsupported, "the server speaks protocol {} only; this client {}, {}",
                   fmt::join(versions, ", "), kModernVersion, fmt::join(kLegacyVersions, ", "));
  }
  std::unreachable();
}

asio::awaitable<Status> Session::Initialize() {
  modern_ = false;
  transport_->SetVersion("");
  const auto response = co_await Request(
      "initialize",
      {{"protocolVersion", kLegacyVersions.front()}, {"capabilities", Capabilities()}, {"clientInfo", Identity()}});
  if (!response) co_return std::unexpected(response.error());
  if (response->kind == Message::Kind::kError) co_return std::unexpected(ErrorOf("initialize", *response));
  const auto version = response->body.find("protocolVersion");
  if (version == response->body.end() || !version->is_string()) {
    co_return Fail(ErrorCode::kCorrupt, "the server's answer to initialize names no protocolVersion");
  }
  info_.protocol_version = version->get<std::string>();
  if (!IsLegacyVersion(info_.protocol_version)) {
    co_return Fail(ErrorCode::kUnsupported, "the server speaks protocol {}; this client {}, {}",
                   Excerpt(info_.protocol_version), kModernVersion, fmt::join(kLegacyVersions, ", "));
  }
  transport_->SetVersion(info_.protocol_version);
  TakeCapabilities(response->body);
  if (Status told = co_await transport_->Send(NotificationText("notifications/initialized", Json::object())); !told) {
    co_return told;
  }
  transport_->Listen();
  co_return Status();
}

Json Session::Capabilities() const {
  Json capabilities = Json::object();
  if (hooks_.elicitation) capabilities["elicitation"] = {{"form", Json::object()}};
  if (hooks_.sampling) capabilities["sampling"] = Json::object();
  return capabilities;
}

Json Session::Identity() { return {{"name", "strata"}, {"version", STRATA_VERSION}}; }

void Session::TakeServerInfo(const Json& info) {
  if (!info.is_object()) return;
  const auto text = [&info](const char* name) {
    const auto found = info.find(name);
    return found != info.end() && found->is_string() ? Excerpt(found->get_ref<const std::string&>()) : std::string();
  };
  info_.name = text("name");
  info_.version = text("version");
}

void Session::TakeCapabilities(const Json& result) {
  if (const auto info = result.find("serverInfo"); info != result.end()) TakeServerInfo(*info);
  if (const auto meta = result.find("_meta"); meta != result.end() && meta->is_object()) {
    if (const auto info = meta->find(kMetaServerInfo); info != meta->end()) TakeServerInfo(*info);
  }
  if (const auto text = result.find("instructions"); text != result.end() && text->is_string()) {
    info_.instructions = text->get<std::string>();
  }
  const auto capabilities = result.find("capabilities");
  if (capabilities == result.end() || !capabilities->is_object()) return;
  const auto tools = capabilities->find("tools");
  has_tools_ = tools != capabilities->end() && tools->is_object();
  announces_changes_ = has_tools_ && tools->contains("listChanged") && (*tools)["listChanged"] == true;
}

asio::awaitable<Result<Message>> Session::Request(std::string method, Json params, Headers headers,
                                                  std::function<void(const Progress&)> on_progress) {
  const auto self = shared_from_this();
  InFlight request(*this, method);
  if (on_progress) {
    params["_meta"]["progressToken"] = request.id();
    on_progress_[request.id()] = std::move(on_progress);
  }
  if (modern_) {
    Json& meta = params["_meta"];
    meta[kMetaVersion] = kModernVersion;
    meta[kMetaCapabilities] = Capabilities();
    meta[kMetaClientInfo] = Identity();
  }
  std::string text = RequestText(request.id(), method, std::move(params));
  auto response = co_await transport_->Exchange(
      {.id = request.id(), .method = std::move(method), .text = std::move(text), .headers = std::move(headers)});
  // A transport that is cancelled may say so by an Error.
  const auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
  if (response || cancelled == asio::cancellation_type::none) request.Done();
  co_return response;
}

asio::awaitable<Result<Json>> Session::AskOwner(std::string method, Json params) {
  if (method == "roots/list") co_return Json{{"roots", Json::array()}};
  const bool elicits = method == "elicitation/create";
  if (!elicits && method != "sampling/createMessage") {
    co_return Fail(ErrorCode::kUnsupported, "this client knows no {}", Excerpt(method));
  }
  const ClientHooks::Hook& hook = elicits ? hooks_.elicitation : hooks_.sampling;
  if (!hook) co_return Fail(ErrorCode::kUnsupported, "nobody is here to answer {}", method);
  if (elicits && params.contains("mode") && params["mode"] != "form") {
    co_return Fail(ErrorCode::kInvalidArgument, "elicitation works by forms only");
  }
  if (!elicits && params.contains("tools")) co_return Fail(ErrorCode::kInvalidArgument, "sampling works without tools");
  try {
    co_return co_await hook(std::move(params));
  } catch (const std::exception& error) {  // the owner's code: the border
    co_return Fail(ErrorCode::kInternal, "{}", error.what());
  }
}

void Session::OnIncoming(Message&& message) {
  if (message.kind == Message::Kind::kNotification) {
    OnNotification(message);
  } else {
    tasks_.Spawn(Answer(shared_from_this(), std::move(message)));
  }
}

asio::awaitable<void> Session::Answer(std::shared_ptr<Session> self, Message request) {
  Result<Json> answer = Json::object();  // to a ping
  if (request.method != "ping") {
    struct Count {
      int& running;
      explicit Count(int& n) : running(++n) {}
      ~Count() { --running; }
    } count(self->running_hooks_);
    if (self->running_hooks_ > kMaxHooks) {
      answer = Fail(ErrorCode::kInternal, "more than {} requests at a time", kMaxHooks);
    } else {
      answer = co_await self->AskOwner(request.method, std::move(request.body));
    }
  }
  co_await Tell(self, answer ? ResultText(request.id, std::move(*answer))
                             : ErrorText(request.id, RpcCode(answer.error().code()), answer.error().message()));
}

asio::awaitable<void> Session::Tell(std::shared_ptr<Session> self, std::string text) {
  const Status sent = co_await self->transport_->Send(std::move(text));
  if (!sent) LogDebug("mcp {}: {}", self->label_, sent.error().message());
}

void Session::OnNotification(const Message& message) {
  const Json& params = message.body;
  if (message.method == "notifications/tools/list_changed") {
    on_tools_changed_();
  } else if (message.method == "notifications/progress") {
    const auto token = params.find("progressToken");
    const auto found = token != params.end() && token->is_number_integer()
                           ? on_progress_.find(token->get<std::int64_t>())
                           : on_progress_.end();
    const auto value = params.find("progress");
    if (found == on_progress_.end() || value == params.end() || !value->is_number()) return;
    Progress progress{.progress = value->get<double>(), .total = std::nullopt, .message = {}};
    if (const auto total = params.find("total"); total != params.end() && total->is_number()) {
      progress.total = total->get<double>();
    }
    if (const auto words = params.find("message"); words != params.end() && words->is_string()) {
      progress.message = words->get<std::string>();
    }
    found->second(progress);
  } else if (message.method == "notifications/message") {
    LogInfo("mcp {}: {}", label_, Excerpt(params.contains("data") ? params["data"].dump() : params.dump()));
  }
}

asio::awaitable<void> Session::Subscribe(std::shared_ptr<Session> self) {
  while (self->usable()) {
    const auto end = co_await self->Request("subscriptions/listen", {{"notifications", {{"toolsListChanged", true}}}});
    if (end && end->kind == Message::Kind::kError) {
      LogWarning("mcp {}: changes of its tools are not noticed: {}", self->label_,
                 ErrorOf("subscriptions/listen", *end).message());
      co_return;
    }
    co_await Sleep(kResubscribe);
    self->on_tools_changed_();  // what changed meanwhile nobody has told
  }
}

asio::awaitable<void> Session::Close() {
  const auto self = shared_from_this();
  tasks_.Cancel();
  co_await transport_->Close();
}

void Session::Abort() {
  tasks_.Cancel();
  transport_->Abort();
}

}  // namespace strata::mcp
