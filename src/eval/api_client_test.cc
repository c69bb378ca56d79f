// The client against a real server of a few lines on the loopback: what it sends, waits for and gives up on.
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/tool_eval.h"

namespace strata::eval {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Json = nlohmann::ordered_json;
using testing::HasSubstr;

/// Answers each connection with the next of `answers`, and closes it.
class ScriptedServer {
 public:
  struct Answer {
    int status = 200;
    std::string body = {};
    std::string retry_after = {};
  };

  explicit ScriptedServer(std::vector<Answer> answers)
      : acceptor_(context_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)),
        thread_([this, answers = std::move(answers)] {
          for (const Answer& answer : answers) Serve(answer);
        }) {}
  ~ScriptedServer() {
    if (thread_.joinable()) thread_.join();
  }

  std::string url() const { return fmt::format("http://127.0.0.1:{}/v1", acceptor_.local_endpoint().port()); }
  /// What was asked, when all has been answered.
  const std::vector<http::request<http::string_body>>& requests() {
    if (thread_.joinable()) thread_.join();
    return requests_;
  }

 private:
  void Serve(const Answer& answer) {
    tcp::socket socket = acceptor_.accept();
    boost::beast::flat_buffer buffer;
    http::read(socket, buffer, requests_.emplace_back());
    http::response<http::string_body> response(static_cast<http::status>(answer.status), 11, answer.body);
    if (!answer.retry_after.empty()) response.set(http::field::retry_after, answer.retry_after);
    response.prepare_payload();
    http::write(socket, response);
    socket.shutdown(tcp::socket::shutdown_both);
  }

  asio::io_context context_;
  tcp::acceptor acceptor_;
  std::vector<http::request<http::string_body>> requests_;
  std::thread thread_;
};

Result<Json> Send(const std::string& url, const Json& body,
                  std::chrono::milliseconds timeout = std::chrono::seconds(10)) {
  const auto endpoint = ParseEndpoint(url);
  EXPECT_TRUE(endpoint);
  const ApiClient client(*endpoint, "secret", timeout);
  asio::io_context context;
  std::optional<Result<Json>> reply;
  asio::co_spawn(context, client.Send("/x", body),
                 [&](const std::exception_ptr& /*error*/, Result<Json> result) { reply = std::move(result); });
  context.run();
  return reply ? std::move(*reply) : Fail(ErrorCode::kInternal, "no reply");
}

TEST(Endpoint, ReadsAddresses) {
  const auto plain = ParseEndpoint("http://localhost:8000/v1/");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->host, "localhost");
  EXPECT_EQ(plain->port, "8000");
  EXPECT_EQ(plain->path, "/v1");
  const auto secure = ParseEndpoint("https://[::1]");
  ASSERT_TRUE(secure);
  EXPECT_TRUE(secure->tls);
  EXPECT_EQ(secure->host, "::1");
  EXPECT_EQ(secure->port, "443");
  for (const char* bad : {"localhost:8000", "ftp://a", "http://", "http://a:b/", "http://u@a", "http://a/?q"}) {
    EXPECT_FALSE(ParseEndpoint(bad)) << bad;
  }
}

TEST(ApiClient, PostsAndComesBackWhenTold) {
  std::vector<http::request<http::string_body>> asked;
  const auto begin = std::chrono::steady_clock::now();
  {
    ScriptedServer server(
        {{.status = 429, .retry_after = "0"}, {.status = 503, .retry_after = "1"}, {.body = R"({"a":1})"}});
    EXPECT_EQ(Send(server.url(), {{"q", 1}}).value_or(Json()), Json({{"a", 1}}));
    asked = server.requests();
  }
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  ASSERT_EQ(asked.size(), 3u);
  EXPECT_EQ(asked[2].method(), http::verb::post);
  EXPECT_EQ(asked[2].target(), "/v1/x");
  EXPECT_EQ(asked[2][http::field::authorization], "Bearer secret");
  EXPECT_EQ(asked[2].body(), R"({"q":1})");
}

TEST(ApiClient, TellsWhatTheServerSays) {
  const auto error = [](ScriptedServer::Answer answer) {
    ScriptedServer server({std::move(answer)});
    const Result<Json> reply = Send(server.url(), nullptr);
    return reply ? "an answer" : reply.error().ToString();
  };
  EXPECT_THAT(error({.status = 400, .body = R"({"error":{"message":"no such tool"}})"}),
              HasSubstr("400: no such tool"));
  EXPECT_THAT(error({.status = 500, .body = "oops"}), HasSubstr("500: oops"));
  EXPECT_THAT(error({.body = "<html>"}), HasSubstr("not JSON"));
}

TEST(ApiClient, GivesUpInTime) {
  asio::io_context context;
  tcp::acceptor silent(context, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0));
  const std::string url = fmt::format("http://127.0.0.1:{}", silent.local_endpoint().port());
  const Result<Json> reply = Send(url, nullptr, std::chrono::milliseconds(200));
  ASSERT_FALSE(reply);
  EXPECT_THAT(reply.error().ToString(), HasSubstr("no answer"));
  silent.close();
  const Result<Json> refused = Send(url, nullptr);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().ToString(), HasSubstr("cannot connect"));
}

TEST(RunCases, AsksAndScoresEveryCase) {
  const auto cases = ParseBfclCases(
      R"({"id":"simple_0","question":[[{"role":"user","content":"?"}]],"functions":[{"name":"f","parameters":{"type":"dict","properties":{"a":{"type":"integer"}},"required":["a"]}}],"ground_truth":[{"f":{"a":[1]}}]})",
      "");
  ASSERT_TRUE(cases) << cases.error().ToString();
  ScriptedServer server(
      {{.body = R"({"data":[{"id":"m"}]})"},
       {.body = R"({"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{\"a\": 1}"}}]},)"
                R"("finish_reason":"tool_calls"}],"usage":{"prompt_tokens":5,"completion_tokens":7}})"}});
  EvalOptions options;
  options.endpoint = *ParseEndpoint(server.url());
  options.strict = options.required = options.one_call = true;
  int told = 0;
  const auto results = RunCases(cases->cases, options, [&](const CaseResult&) { ++told; });
  ASSERT_TRUE(results) << results.error().ToString();
  EXPECT_EQ(told, 1);
  EXPECT_TRUE((*results)[0].verdict.right) << (*results)[0].verdict.detail;
  EXPECT_EQ((*results)[0].completion_tokens, 7);
  EXPECT_EQ(ToJson((*results)[0])["finish_reason"], "tool_calls");
  const Json asked = Json::parse(server.requests()[1].body());
  EXPECT_EQ(asked["model"], "m");
  EXPECT_EQ(asked["tool_choice"], "required");
  EXPECT_EQ(asked["tools"][0]["function"]["strict"], true);
  EXPECT_EQ(asked["parallel_tool_calls"], false);
}

}  // namespace
}  // namespace strata::eval
