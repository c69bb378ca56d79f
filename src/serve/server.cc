#include "serve/server.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/ranges.h>
#include <pthread.h>

#include "base/log.h"
#include "serve/knowledge/service.h"
#include "serve/listener.h"
#include "serve/mcp_servers.h"
#include "serve/state.h"
#include "serve/tools/dialect.h"

namespace strata::serve {

namespace asio = boost::asio;

namespace {

constexpr std::chrono::seconds kMcpCloseTime{5};

}  // namespace

struct Server::Impl {
  explicit Impl(ServerOptions options)
      : state(std::make_shared<ServerState>(std::move(options))), context(state->options.io_threads) {
    state->mcp_servers = std::make_unique<McpServers>(context.get_executor(), state->options.mcp_servers,
                                                      state->options.mcp_allowed_urls);
    if (!state->options.knowledge_folder.empty()) state->knowledge = std::make_unique<knowledge::Service>(*state);
  }

  /// Connections may hold the state until the context is gone; the clients of MCP servers live in it.
  ~Impl() {
    state->knowledge = nullptr;  // ends when what its threads do has ended; they post to the context
    state->mcp_servers = nullptr;
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const std::shared_ptr<ServerState> state;
  asio::io_context context;
  std::optional<asio::ip::tcp::acceptor> acceptor;
  std::uint16_t port = 0;
  std::vector<std::thread> threads;

  std::mutex mutex;
  std::condition_variable stopped_changed;
  bool stopped = false;

  void Stop() {
    if (!threads.empty()) {
      // Child processes end on their own terms, if they do it soon.
      asio::co_spawn(context, state->mcp_servers->Close(), asio::use_future).wait_for(kMcpCloseTime);
    }
    context.stop();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
    const std::lock_guard lock(mutex);
    stopped = true;
    stopped_changed.notify_all();
  }
};

namespace {

Status CheckParsers(const ServerOptions& options) {
  const auto refuse = [](const char* what, const std::string& name, const auto& known) {
    return Fail(ErrorCode::kInvalidArgument, "there is no {} parser called {}; there are {}", what, name,
                fmt::join(known, ", "));
  };
  std::set<std::string_view> names;
  for (const tools::Dialect& dialect : tools::Dialects()) names.insert(dialect.name());
  if (const auto& name = options.tool_call_parser; !name.empty() && !names.contains(name)) {
    return refuse("tool-call", name, names);
  }
  names = {tools::kNoReasoning};
  for (const tools::ReasoningFormat& format : tools::ReasoningFormats()) names.insert(format.name);
  if (const auto& name = options.reasoning_parser; !name.empty() && !names.contains(name)) {
    return refuse("reasoning", name, names);
  }
  return {};
}

/// Connections catch what their handlers throw; what is left is a lack of memory between them, and ends nobody else.
void RunUntilStopped(asio::io_context& context) {
  while (!context.stopped()) {
    try {
      context.run();
    } catch (const std::exception& error) {
      LogError("an I/O thread goes on after: {}", error.what());
    }
  }
}

}  // namespace

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  STRATA_CHECK(CheckParsers(options));
  auto impl = std::make_unique<Impl>(std::move(options));
  const ServerOptions& chosen = impl->state->options;
  STRATA_TRY(impl->acceptor, Listen(impl->context.get_executor(), chosen.host, chosen.port));
  boost::system::error_code error;
  impl->port = impl->acceptor->local_endpoint(error).port();
  if (error) return Fail(ErrorCode::kIo, "cannot tell the port of {}: {}", chosen.host, error.message());
  asio::co_spawn(impl->context, AcceptLoop(*impl->acceptor, impl->state), asio::detached);
  for (int i = 0; i < chosen.io_threads; ++i) {
    std::thread& thread = impl->threads.emplace_back([context = &impl->context] { RunUntilStopped(*context); });
    ::pthread_setname_np(thread.native_handle(), fmt::format("strata/io{}", i).c_str());
  }
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() { impl_->Stop(); }

void Server::SetModel(std::shared_ptr<ServedModel> model, std::vector<std::shared_ptr<ServedPoolingModel>> pooling) {
  impl_->state->SetModel(std::move(model), std::move(pooling));
  if (const auto& knowledge = impl_->state->knowledge) knowledge->Resume();
}
void Server::SetFailed(Error error) { impl_->state->SetFailed(std::move(error)); }
std::uint16_t Server::port() const { return impl_->port; }
std::shared_ptr<EngineObserver> Server::observer() const { return impl_->state->metrics; }
void Server::RequestDrain() { impl_->state->SetDraining(); }

bool Server::Drain() {
  RequestDrain();
  const bool complete =
      impl_->state->WaitUntilIdle(std::chrono::steady_clock::now() + impl_->state->options.drain_timeout);
  if (!complete) LogWarning("drain: requests still ran after the drain timeout and are cut off");
  impl_->Stop();
  return complete;
}

void Server::Wait() {
  std::unique_lock lock(impl_->mutex);
  impl_->stopped_changed.wait(lock, [&] { return impl_->stopped; });
}

}  // namespace strata::serve
