// Plain blocking sockets, one thread a client; an event of the stream is a token.
#include "cli/bench_http.h"

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

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

  Status Send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return Fail(ErrorCode::kIo, "cannot send: {}", std::strerror(errno));
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  /// False at the end of the answer.
  Result<bool> Receive(std::string& received) const {
    char buffer[1 << 16];
    ssize_t n = 0;
    do {
      n = ::recv(fd_, buffer, sizeof buffer, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) return Fail(ErrorCode::kIo, "cannot receive: {}", std::strerror(errno));
    received.append(buffer, static_cast<std::size_t>(n));
    return n > 0;
  }

 private:
  explicit Connection(int fd) : fd_(fd) {}
  int fd_;
};

/// Streams one completion; the times of its events in seconds, the first of them when it connected.
Result<std::vector<double>> Stream(std::uint16_t port, const std::string& model, std::int64_t client,
                                   std::int64_t tokens) {
  const nlohmann::json fields = {{"model", model},       {"prompt", HttpPrompt(client)}, {"temperature", 0},
                                 {"max_tokens", tokens}, {"ignore_eos", true},           {"stream", true}};
  const std::string body = fields.dump();
  std::vector<double> times = {MonotonicSeconds()};
  STRATA_TRY(const Connection connection, Connection::Open(port));
  STRATA_CHECK(connection.Send(
      fmt::format("POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                  "Content-Length: {}\r\nConnection: close\r\n\r\n{}",
                  body.size(), body)));
  constexpr std::string_view kEvent = "data: {";
  std::string received;
  std::size_t scanned = 0;
  while (true) {
    STRATA_TRY(const bool more, connection.Receive(received));
    for (std::size_t at; (at = received.find(kEvent, scanned)) != std::string::npos; scanned = at + kEvent.size()) {
      times.push_back(MonotonicSeconds());
    }
    if (!more) break;
  }
  if (!received.starts_with("HTTP/1.1 200")) {
    return Fail(ErrorCode::kIo, "the server answered {}", received.substr(0, received.find("\r\n")));
  }
  if (received.find("data: [DONE]") == std::string::npos || times.size() < 2) {
    return Fail(ErrorCode::kIo, "the stream of client {} was cut off", client);
  }
  return times;
}

}  // namespace

std::string HttpPrompt(std::int64_t client) {
  return fmt::format("{} The quick brown fox jumps over the lazy dog and", client);
}

Result<HttpLoad> MeasureHttp(std::uint16_t port, const std::string& model, std::int64_t clients, std::int64_t tokens) {
  std::vector<Result<std::vector<double>>> streams(static_cast<std::size_t>(clients));
  const double begin = MonotonicSeconds();
  {
    std::vector<std::jthread> threads;
    for (std::int64_t client = 0; client < clients; ++client) {
      threads.emplace_back(
          [&, client] { streams[static_cast<std::size_t>(client)] = Stream(port, model, client, tokens); });
    }
  }
  HttpLoad load;
  // Several tokens may share an event; the clients asked for exactly this many.
  load.tokens_per_second = static_cast<double>(clients * tokens) / (MonotonicSeconds() - begin);
  for (const auto& stream : streams) {
    if (!stream) return std::unexpected(stream.error());
    load.first_token_ms.push_back(((*stream)[1] - (*stream)[0]) * 1000);
    for (std::size_t i = 2; i < stream->size(); ++i)
      load.between_ms.push_back(((*stream)[i] - (*stream)[i - 1]) * 1000);
  }
  return load;
}

}  // namespace strata::cli
