#include "serve/connection.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/beast/core/flat_buffer.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "serve/anthropic/error.h"
#include "serve/endpoints.h"
#include "serve/generate.h"
#include "serve/knowledge/serve.h"
#include "serve/mcp/endpoint.h"
#include "serve/mcp/json_rpc.h"
#include "serve/pooling/serve.h"
#include "serve/wire.h"

namespace strata::serve {
namespace {

namespace asio = boost::asio;
using Outcome = RequestReader::Outcome;

// How long a client may go on sending after the last response: time to notice it.
constexpr ClientSocket::Milliseconds kLinger{2000};

ApiError Simple(int status, std::string message, std::string code) {
  return {.status = status, .message = std::move(message), .code = std::move(code)};
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, std::shared_ptr<ServerState> state)
    : socket_(std::move(socket)), state_(std::move(state)) {}

asio::awaitable<void> Connection::Run() {
  boost::beast::flat_buffer ahead;
  bool first = true;
  do {
    const ServerOptions& options = state_->options;
    RequestReader reader(socket_, ahead,
                         {.header_bytes = options.max_header_bytes,
                          .body_bytes = std::max(options.max_body_bytes, options.max_upload_bytes),
                          .first_byte = first ? options.read_timeout : options.idle_timeout,
                          .whole = options.read_timeout});
    request_ = {};
    keep_alive_ = responding_ = false;
    protocol_ = Protocol::kOpenAi;
    first = false;
    const Outcome outcome = co_await reader.ReadHeader();
    if (outcome == Outcome::kClosed) co_return;
    if (outcome == Outcome::kBad) {
      request_.request_id = RequestIdFor("");
      co_await Refuse(reader.error());
      state_->metrics->OnHttp("none", "OTHER", status_, 0);
    } else {
      co_await Serve(reader);
    }
  } while (keep_alive_ && !broken_);
  if (!broken_) co_await socket_.CloseGently(kLinger);
}

asio::awaitable<void> Connection::Serve(RequestReader& reader) {
  const double arrived = MonotonicSeconds();
  request_ = reader.TakeHeader();
  request_.request_id = RequestIdFor(request_.request_id);
  old_client_ = reader.is_http_1_0();
  const RouteMatch match = FindRoute(request_.method, request_.path);
  protocol_ = ProtocolOf(match.route);
  std::optional<HttpResponse> early = AnswerEarly(match);
  if (!early && reader.has_body()) {
    Outcome outcome = LimitBody(reader, match.route);
    if (outcome == Outcome::kRead) {
      if (reader.expects_continue()) co_await Send("HTTP/1.1 100 Continue\r\n\r\n");
      outcome = co_await reader.ReadBody();
    }
    if (outcome == Outcome::kClosed) {
      broken_ = true;
      co_return;
    }
    if (outcome == Outcome::kBad) early = ErrorOf(reader.error());
  }
  // Drain waits for a request from here on: one that has not arrived is not worth waiting for.
  const ServerState::Active active(*state_);
  // What is not read of a refused body cannot be told from a next request.
  keep_alive_ = !reader.has_body() && reader.keep_alive() && !state_->draining();
  if (early) {
    co_await Respond(std::move(*early));
  } else {
    request_.body = reader.TakeBody();
    std::string failure;
    try {
      co_await Handle(match);
    } catch (const std::exception& error) {  // the border: a handler's mistake or lack of memory ends this request only
      failure = error.what();
    }
    socket_.StopWatching();
    if (!failure.empty()) {
      LogError("{} {} failed: {}", request_.method, request_.path, failure);
      keep_alive_ = keep_alive_ && !responding_;
      if (!responding_) {
        co_await Refuse({.status = 500,
                         .message = "The server failed to answer this request.",
                         .type = "server_error",
                         .code = "internal_error"});
      }
    }
  }
  const double seconds = MonotonicSeconds() - arrived;
  state_->metrics->OnHttp(match.handler, request_.method, broken_ ? 499 : status_, seconds);
  LogDebug("{} {} {} {:.1f} ms {}", request_.method, request_.path, status_, seconds * 1e3, request_.request_id);
}

std::optional<HttpResponse> Connection::AnswerEarly(const RouteMatch& match) const {
  const ApiError nothing_here = Simple(404, "There is no " + request_.path + " here.", "not_found");
  if (protocol_ == Protocol::kMcp && !state_->options.mcp) return ErrorResponse(nothing_here);
  const bool about_knowledge = match.kind != RouteMatch::Kind::kNoSuchPath && AsksKnowledge(match.route);
  if (about_knowledge && !state_->knowledge) return ErrorOf(nothing_here);
  switch (match.kind) {
    case RouteMatch::Kind::kNoSuchPath:
      return ErrorOf(nothing_here);
    case RouteMatch::Kind::kWrongMethod: {
      HttpResponse response =
          ErrorOf(Simple(405, request_.path + " does not take " + request_.method + ".", "method_not_allowed"));
      response.headers.emplace_back("Allow", match.allow);
      return response;
    }
    case RouteMatch::Kind::kOptions:
      return HttpResponse{.status = 204, .headers = {{"Allow", match.allow}}};
    case RouteMatch::Kind::kFound:
      break;
  }
  if (protocol_ == Protocol::kMcp && !mcp::IsOriginAllowed(state_->options, request_.origin)) {
    return ErrorOf(
        Simple(403, "Pages of this origin may not use the server (--allowed-origin).", "origin_not_allowed"));
  }
  if (!IsAuthorized(state_->options, match.route, request_.authorization)) {
    const bool none = request_.authorization.empty();
    return ErrorOf(Simple(
        401, none ? "An API key is needed: Authorization: Bearer KEY, or X-Api-Key: KEY." : "The API key is not known.",
        "invalid_api_key"));
  }
  if (Generates(match.route)) {
    if (const auto model = state_->Ready(); !model) return ErrorOf(model.error());
  }
  if (Pools(match.route) || about_knowledge) {
    if (const auto models = state_->Loaded(); !models) return ErrorOf(models.error());
  }
  return std::nullopt;
}

HttpResponse Connection::ErrorOf(const ApiError& error) const {
  switch (protocol_) {
    case Protocol::kAnthropic:
      return anthropic::ErrorResponse(error, request_.request_id);
    case Protocol::kMcp:
      return mcp::RpcErrorResponse(error);
    case Protocol::kOpenAi:
      break;
  }
  return ErrorResponse(error);
}

Outcome Connection::LimitBody(RequestReader& reader, Route route) const {
  const ServerOptions& options = state_->options;
  if (route != Route::kKnowledgeAddDocument) return reader.LimitBody(options.max_body_bytes, options.read_timeout);
  return reader.LimitBody(options.max_upload_bytes, options.request_timeout);
}

/// With its body, which may be large; what the response needs of a request stays.
HttpRequest Connection::TakeRequest() {
  std::string body = std::exchange(request_.body, {});
  HttpRequest taken = request_;
  taken.body = std::move(body);
  return taken;
}

asio::awaitable<void> Connection::Handle(const RouteMatch& match) {
  const double arrived = MonotonicSeconds();
  if (Pools(match.route)) {
    auto models = state_->Loaded();
    if (!models) {
      co_await Refuse(models.error());
      co_return;
    }
    co_await pooling::Serve(*state_, std::move(*models), match.route, request_, arrived, *this);
    co_return;
  }
  if (AsksKnowledge(match.route)) {
    HttpRequest taken = TakeRequest();
    co_await knowledge::Serve(*state_, match, std::move(taken), *this);
    co_return;
  }
  if (!Generates(match.route)) {
    Answer answer = AnswerPlain(*state_, match, request_);
    co_await Respond(answer ? std::move(*answer) : ErrorOf(answer.error()));
    co_return;
  }
  const auto model = state_->Ready();
  if (!model) {
    co_await Refuse(model.error());
    co_return;
  }
  if (match.route == Route::kMcp) {
    co_await mcp::ServePost(*state_, *model, request_, arrived, *this);
    co_return;
  }
  co_await Generate(*state_, *model, match.route, request_, arrived, *this);
}

void Connection::AddCommonHeaders(HttpResponse& response, bool preflight) const {
  response.headers.emplace_back("X-Request-Id", request_.request_id);
  if (protocol_ == Protocol::kAnthropic) response.headers.emplace_back("Request-Id", request_.request_id);
  for (auto& header : CorsHeaders(state_->options, request_, preflight)) response.headers.push_back(std::move(header));
}

asio::awaitable<void> Connection::Send(std::string_view data) {
  if (broken_) co_return;
  if (co_await socket_.Write(data, state_->options.write_timeout)) {
    broken_ = true;
    keep_alive_ = false;
  }
}

asio::awaitable<void> Connection::Respond(HttpResponse response) {
  responding_ = true;
  status_ = response.status;
  AddCommonHeaders(response, request_.method == "OPTIONS");
  std::string text = ResponseHead(response, BodyFraming::kLength, keep_alive_, UnixSeconds());
  if (request_.method != "HEAD" && response.status != 204) text += response.body;
  co_await Send(text);
}

asio::awaitable<void> Connection::Refuse(const ApiError& error) { return Respond(ErrorOf(error)); }

asio::awaitable<void> Connection::BeginStream(HttpResponse head) {
  responding_ = true;
  status_ = head.status;
  if (old_client_) keep_alive_ = false;
  AddCommonHeaders(head, false);
  co_await Send(
      ResponseHead(head, old_client_ ? BodyFraming::kClose : BodyFraming::kChunked, keep_alive_, UnixSeconds()));
}

asio::awaitable<bool> Connection::Write(std::string_view piece) {
  if (old_client_) {
    co_await Send(piece);
  } else {
    const std::string chunk = Chunk(piece);
    co_await Send(chunk);
  }
  co_return !broken_;
}

asio::awaitable<void> Connection::EndStream() {
  if (!old_client_) co_await Send(kLastChunk);
}

asio::awaitable<void> Connection::Reject() {
  request_.request_id = RequestIdFor("");
  co_await Refuse({.status = 503,
                   .message = "The server has as many connections as it may.",
                   .type = "unavailable_error",
                   .code = "too_many_connections",
                   .retry_after_seconds = 1});
  co_await socket_.CloseGently(kLinger);
}

}  // namespace strata::serve
