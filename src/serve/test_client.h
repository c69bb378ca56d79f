// For tests: a client that writes bytes as they are and reads responses by RFC 9112, so that it can misbehave.
// Blocking, with a limit on every wait.
#pragma once

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

namespace strata::serve {

struct TestResponse {
  int status = 0;                              ///< 0 = no response came
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  nlohmann::json Json() const { return nlohmann::json::parse(body, nullptr, false); }
  /// The JSON events of a stream; "[DONE]" becomes the string.
  std::vector<nlohmann::json> Events() const {
    std::vector<nlohmann::json> events;
    for (std::size_t begin = 0; begin < body.size();) {
      const std::size_t end = std::min(body.find("\n\n", begin), body.size());
      std::string data = body.substr(begin, end - begin);
      if (data.starts_with("event: ")) {
        const std::string name = data.substr(7, data.find('\n') - 7);
        data.erase(0, data.find('\n') + 1);
        // The name and the type say the same in every protocol that has names.
        if (!data.contains(fmt::format("\"type\":\"{}\"", name))) events.emplace_back("the event is called " + name);
      }
      if (data == "data: [DONE]") {
        events.emplace_back("[DONE]");
      } else if (data.starts_with("data: ")) {
        events.push_back(nlohmann::json::parse(data.substr(6), nullptr, false));
      }
      begin = end + 2;
    }
    return events;
  }
};

class TestClient {
 public:
  explicit TestClient(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~TestClient() { Close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }
  void Close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

  bool Send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  static std::string Request(std::string_view method, std::string_view path, std::string_view body = {},
                             std::string_view headers = {}) {
    return fmt::format("{} {} HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n{}\r\n{}", method, path, body.size(),
                       headers, body);
  }

  /// The next response; status 0 when the connection ended before it was whole.
  TestResponse Read(bool head_only = false) {
    TestResponse response;
    std::size_t end;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!Receive()) return {};
    }
    const std::string head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    std::from_chars(head.data() + 9, head.data() + 12, response.status);
    for (std::size_t line = head.find("\r\n") + 2; line < head.size();) {
      const std::size_t stop = head.find("\r\n", line), colon = head.find(": ", line);
      std::string name = head.substr(line, colon - line);
      std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      response.headers[name] = head.substr(colon + 2, stop - colon - 2);
      line = stop + 2;
    }
    if (head_only || response.status == 100 || response.status == 204) return response;
    if (response.headers.contains("transfer-encoding")) {
      if (!ReadChunks(response.body)) return {};
    } else if (const auto length = response.headers.find("content-length"); length != response.headers.end()) {
      if (!ReadExactly(std::stoul(length->second), response.body)) return {};
    } else {
      while (Receive()) {
      }
      response.body = std::exchange(buffer_, {});
    }
    return response;
  }

  TestResponse Ask(std::string_view method, std::string_view path, std::string_view body = {},
                   std::string_view headers = {}) {
    return Send(Request(method, path, body, headers)) ? Read(method == "HEAD") : TestResponse{};
  }

  /// Waits for at least `count` bytes of whatever comes.
  bool ReceiveAtLeast(std::size_t count) {
    while (buffer_.size() < count) {
      if (!Receive()) return false;
    }
    return true;
  }
  /// True when the server closes the connection (whatever it sends before).
  bool WaitForClose() {
    while (Receive()) {
    }
    return last_ == 0 || errno == ECONNRESET;
  }

 private:
  bool Receive() {
    char bytes[16384];
    // A socket with a time limit is not restarted after a stop or a frozen moment, though no signal is handled here.
    do {
      last_ = ::recv(fd_, bytes, sizeof bytes, 0);
    } while (last_ < 0 && errno == EINTR);
    if (last_ <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(last_));
    return true;
  }
  bool ReadExactly(std::size_t count, std::string& into) {
    if (!ReceiveAtLeast(count)) return false;
    into += buffer_.substr(0, count);
    buffer_.erase(0, count);
    return true;
  }
  bool ReadChunks(std::string& body) {
    for (;;) {
      std::size_t end;
      while ((end = buffer_.find("\r\n")) == std::string::npos) {
        if (!Receive()) return false;
      }
      std::size_t size = 0;
      std::from_chars(buffer_.data(), buffer_.data() + end, size, 16);
      buffer_.erase(0, end + 2);
      std::string crlf;
      if (!ReadExactly(size, body) || !ReadExactly(2, crlf)) return false;
      if (size == 0) return true;
    }
  }

  int fd_;
  bool connected_ = false;
  ssize_t last_ = 0;
  std::string buffer_;
};

}  // namespace strata::serve
