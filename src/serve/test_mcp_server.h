// For tests: a server of the Model Context Protocol (2026-07-28) on a free port whose tools are written in the test.
// Every connection has a thread, so that a tool may take its time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include "mcp/server_config.h"

namespace strata::serve {

struct TestTool {
  std::string name;
  nlohmann::json input_schema;
  /// The result of tools/call.
  std::function<nlohmann::json(const nlohmann::json& arguments)> run;
};

inline nlohmann::json TextResult(const std::string& text, bool is_error = false) {
  return {{"content", {{{"type", "text"}, {"text", text}}}}, {"isError", is_error}};
}

class TestMcpServer {
 public:
  explicit TestMcpServer(std::vector<TestTool> tools)
      : tools_(std::move(tools)), acceptor_(context_, {boost::asio::ip::address_v4::loopback(), 0}) {
    accepting_ = std::thread([this] { Accept(); });
  }
  ~TestMcpServer() {
    stopping_ = true;
    // Wakes accept, which closing alone does not.
    boost::system::error_code ignored;
    boost::asio::ip::tcp::socket(context_).connect(acceptor_.local_endpoint(), ignored);
    accepting_.join();
    for (const auto& socket : sockets_) ::shutdown(socket->native_handle(), SHUT_RDWR);
    for (std::thread& thread : threads_) thread.join();
  }
  TestMcpServer(const TestMcpServer&) = delete;
  TestMcpServer& operator=(const TestMcpServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/mcp"; }
  mcp::ServerConfig Config(const std::string& label, bool approval = false) const {
    mcp::ServerConfig config;
    config.label = label;
    config.transport = mcp::HttpTransport{.url = url(), .headers = {}};
    config.approval.by_default = approval;
    return config;
  }
  /// The arguments of the calls so far.
  std::vector<nlohmann::json> calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  using Socket = boost::asio::ip::tcp::socket;

  void Accept() {
    for (;;) {
      auto socket = std::make_shared<Socket>(context_);
      boost::system::error_code error;
      acceptor_.accept(*socket, error);
      if (stopping_ || error) return;
      sockets_.push_back(socket);
      threads_.emplace_back([this, socket] { Serve(*socket); });
    }
  }

  void Serve(Socket& socket) {
    namespace http = boost::beast::http;
    boost::beast::flat_buffer buffer;
    boost::system::error_code error;
    for (;;) {
      http::request<http::string_body> request;
      http::read(socket, buffer, request, error);
      if (error) return;
      http::response<http::string_body> response(http::status::ok, 11);
      const nlohmann::json message = nlohmann::json::parse(request.body(), nullptr, false);
      response.set(http::field::content_type, "application/json");
      if (message.is_object() && message.contains("id")) {
        response.body() = nlohmann::json{{"jsonrpc", "2.0"}, {"id", message["id"]}, {"result", Answer(message)}}.dump();
      } else {
        response.result(http::status::accepted);
      }
      response.prepare_payload();
      http::write(socket, response, error);
      if (error) return;
    }
  }

  nlohmann::json Answer(const nlohmann::json& message) {
    nlohmann::json result = {{"resultType", "complete"}, {"ttlMs", 60000}, {"cacheScope", "private"}};
    if (message["method"] == "tools/call") {
      const nlohmann::json arguments = message["params"].value("arguments", nlohmann::json::object());
      for (const TestTool& tool : tools_) {
        if (message["params"]["name"] != tool.name) continue;
        {
          const std::lock_guard lock(mutex_);
          calls_.push_back(arguments);
        }
        result.update(tool.run(arguments));
      }
    } else if (message["method"] == "tools/list") {
      result["tools"] = nlohmann::json::array();
      for (const TestTool& tool : tools_) {
        result["tools"].push_back({{"name", tool.name}, {"description", "a tool"}, {"inputSchema", tool.input_schema}});
      }
    } else {
      result.update({{"supportedVersions", {"2026-07-28"}}, {"capabilities", {{"tools", nlohmann::json::object()}}}});
    }
    return result;
  }

  const std::vector<TestTool> tools_;
  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  std::vector<nlohmann::json> calls_;
  std::vector<std::shared_ptr<Socket>> sockets_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

}  // namespace strata::serve
