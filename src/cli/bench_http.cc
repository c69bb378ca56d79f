// The load side of `strata bench --http`: plain blocking sockets, one thread a client, tokens counted as SSE events.
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/bench_engine.h"

namespace strata::cli {
namespace {

class Connection {
 public:
  static Result<Connection> Open(std::uint16_t port) {
    Connection connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connection.fd_ < 0 || ::connect(connection.fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      return Fail(ErrorCode::kIo, "cannot connect to 127.0.0.1:{}: {}", port, std::strerror(errno));
    }
    return connection;
  }
  Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  explicit Connection(int fd) : fd_(fd) {}
  int fd_;
};

/// Streams one completion and returns the number of data events but [DONE].
Result<std::int64_t> StreamCompletion(std::uint16_t port, const std::string& model, std::int64_t client,
                                      std::int64_t tokens) {
  STRATA_TRY(const Connection connection, Connection::Open(port));
  const std::string body = fmt::format(
      R"({{"model":"{}","prompt":"{} The quick brown fox jumps over the lazy dog and","max_tokens":{},"temperature":0,"ignore_eos":true,"stream":true}})",
      model, client, tokens);
  const std::string request = fmt::format(
      "POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\nConnection: "
      "close\r\n\r\n{}",
      body.size(), body);
  if (::send(connection.fd(), request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return Fail(ErrorCode::kIo, "cannot send: {}", std::strerror(errno));
  }
  constexpr std::string_view kEvent = "data: {";
  std::string received;
  std::size_t scanned = 0;
  std::int64_t events = 0;
  char buffer[1 << 16];
  for (;;) {
    const ssize_t n = ::recv(connection.fd(), buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Fail(ErrorCode::kIo, "cannot receive: {}", std::strerror(errno));
    if (n == 0) break;
    received.append(buffer, static_cast<std::size_t>(n));
    for (std::size_t at; (at = received.find(kEvent, scanned)) != std::string::npos; scanned = at + kEvent.size())
      ++events;
  }
  if (!received.starts_with("HTTP/1.1 200")) {
    return Fail(ErrorCode::kIo, "the server answered {}", received.substr(0, received.find("\r\n")));
  }
  return events;
}

}  // namespace

Result<double> MeasureHttp(std::uint16_t port, const std::string& model, std::int64_t clients, std::int64_t tokens) {
  std::atomic<std::int64_t> events{0};
  std::mutex mutex;
  std::optional<Error> failure;
  const double begin = MonotonicSeconds();
  {
    std::vector<std::jthread> threads;
    for (std::int64_t client = 0; client < clients; ++client) {
      threads.emplace_back([&, client] {
        const Result<std::int64_t> result = StreamCompletion(port, model, client, tokens);
        if (result) {
          events += *result;
        } else {
          const std::lock_guard lock(mutex);
          failure = result.error();
        }
      });
    }
  }
  if (failure) return std::unexpected(*failure);
  if (events == 0) return Fail(ErrorCode::kInternal, "no stream event was received");
  // Several tokens may share an event; the clients asked for exactly this many.
  return static_cast<double>(clients * tokens) / (MonotonicSeconds() - begin);
}

}  // namespace strata::cli
