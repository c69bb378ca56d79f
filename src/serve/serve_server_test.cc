// The server over real sockets with a real engine: the protocol, its limits, and that nobody disturbs anybody.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/test_server.h"
#include "serve/wire.h"

namespace strata::serve {
namespace {

using std::chrono::milliseconds;
// Longer than any test waits: what ends it is what the test does.
constexpr std::int64_t kEndless = 60'000;

TestModelOptions Long() { return {.max_context = kEndless + 100, .kv_bytes = 80 << 20}; }

/// Within two minutes: under sanitizers a socket's buffers take one to fill.
bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 12'000; ++i) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

bool IsIdle(const Engine& engine) {
  const EngineStats stats = engine.stats();
  return stats.running == 0 && stats.waiting == 0 && stats.kv_blocks_used == 0;
}

TEST(Server, AnswersManyRequestsOverOneConnection) {
  const Running running;
  TestClient client(running.port());
  for (int i = 0; i < 5; ++i) {
    const TestResponse response = client.Ask("POST", kChat, ChatBody(4));
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.headers.at("connection"), "keep-alive");
    EXPECT_EQ(response.Json()["usage"]["completion_tokens"], 4);
  }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
  const Running running;
  TestClient client(running.port());
  ASSERT_TRUE(client.Send(TestClient::Request("POST", kChat, ChatBody(50, R"(,"stream":true)")) +
                          TestClient::Request("GET", "/version") + TestClient::Request("POST", kChat, ChatBody(3)) +
                          TestClient::Request("GET", "/nowhere")));
  const TestResponse stream = client.Read();
  ASSERT_EQ(stream.status, 200);
  EXPECT_EQ(stream.Events().back(), "[DONE]");
  EXPECT_TRUE(client.Read().Json().contains("version"));
  EXPECT_EQ(client.Read().Json()["usage"]["completion_tokens"], 3);
  EXPECT_EQ(client.Read().status, 404);
}

TEST(Server, ReadsChunkedBodies) {
  const Running running;
  TestClient client(running.port());
  const std::string body = ChatBody(2);
  ASSERT_TRUE(client.Send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"));
  ASSERT_TRUE(client.Send(Chunk(body.substr(0, 10))));
  ASSERT_TRUE(client.Send(Chunk(body.substr(10)) + "0\r\n\r\n"));
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_EQ(client.Ask("GET", "/health").status, 200);
}

TEST(Server, SendsContinueBeforeTheBodyIsThere) {
  const Running running;
  TestClient client(running.port());
  const std::string body = ChatBody(2);
  ASSERT_TRUE(client.Send(fmt::format(
      "POST {} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {}\r\n\r\n", kChat, body.size())));
  EXPECT_EQ(client.Read().status, 100);
  ASSERT_TRUE(client.Send(body));
  EXPECT_EQ(client.Read().status, 200);
}

TEST(Server, RefusesALargeBodyBeforeItIsSent) {
  ServerOptions options = Options();
  options.max_body_bytes = 1000;
  const Running running(options);
  TestClient client(running.port());
  ASSERT_TRUE(
      client.Send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2000\r\n\r\n"));
  ExpectError(client.Read(), 413, "body_too_large");
  EXPECT_TRUE(client.WaitForClose());
  // A client that sends first and reads then gets the answer too, and a chunked body hides nothing.
  TestClient eager(running.port());
  ExpectError(eager.Ask("POST", "/v1/completions", std::string(300'000, ' ')), 413, "body_too_large");
  TestClient chunked(running.port());
  ASSERT_TRUE(chunked.Send("POST /v1/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                           Chunk(std::string(2000, ' '))));
  ExpectError(chunked.Read(), 413, "body_too_large");
  EXPECT_EQ(TestClient(running.port()).Ask("POST", kChat, ChatBody(1)).status, 200);
}

TEST(Server, RefusesALargeHeader) {
  const Running running;
  TestClient client(running.port());
  ASSERT_TRUE(client.Send("GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + std::string(100'000, 'a')));
  ExpectError(client.Read(), 431, "header_too_large");
  EXPECT_TRUE(client.WaitForClose());
}

class Malformed : public testing::TestWithParam<const char*> {};
TEST_P(Malformed, GetsAnErrorObjectAndTheEnd) {
  const Running running;
  TestClient client(running.port());
  ASSERT_TRUE(client.Send(GetParam()));
  ExpectError(client.Read(), 400, "bad_request");
  EXPECT_TRUE(client.WaitForClose());
  EXPECT_EQ(TestClient(running.port()).Ask("GET", "/health").status, 200);
}
INSTANTIATE_TEST_SUITE_P(
    Requests, Malformed,
    testing::Values("GARBAGE\r\n\r\n", "GET /health\r\n\r\n", "GET /health HTTP/9.9\r\n\r\n",
                    "GET /health HTTP/1.1\r\n\r\n",                        // no Host
                    "GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",  // two
                    "GET /health HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
                    "POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                    "POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
                    "POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    "POST /tokenize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                    "\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\r\n\r\n"));  // TLS to a plain port

TEST(Server, SpeaksHttp10WithoutChunks) {
  const Running running;
  TestClient client(running.port());
  const std::string body = ChatBody(3, R"(,"stream":true)");
  ASSERT_TRUE(client.Send(fmt::format("POST {} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{}", kChat, body.size(), body)));
  const TestResponse response = client.Read();
  EXPECT_EQ(response.status, 200);
  EXPECT_FALSE(response.headers.contains("transfer-encoding"));
  EXPECT_EQ(response.headers.at("connection"), "close");
  EXPECT_EQ(response.Events().back(), "[DONE]");
}

TEST(Server, SlowHeadersAndBodiesTimeOut) {
  ServerOptions options = Options();
  options.read_timeout = milliseconds(100);
  const Running running(options);
  for (const char* beginning :
       {"GET /health HTTP/1.1\r\nHost:", "POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"}) {
    TestClient client(running.port());
    ASSERT_TRUE(client.Send(beginning));
    ExpectError(client.Read(), 408, "request_timeout");
    EXPECT_TRUE(client.WaitForClose());
  }
  EXPECT_TRUE(TestClient(running.port()).WaitForClose());  // says nothing at all
}

TEST(Server, IdleConnectionsAreClosed) {
  ServerOptions options = Options();
  options.idle_timeout = milliseconds(50);
  const Running running(options);
  TestClient client(running.port());
  EXPECT_EQ(client.Ask("GET", "/health").status, 200);
  EXPECT_TRUE(client.WaitForClose());
}

TEST(Server, HeadAndOptions) {
  const Running running;
  TestClient client(running.port());
  const TestResponse head = client.Ask("HEAD", "/health");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "15");
  EXPECT_TRUE(head.body.empty());
  const TestResponse options = client.Ask("OPTIONS", kChat);
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.headers.at("allow"), "POST, OPTIONS");
  const TestResponse wrong = client.Ask("GET", kChat);
  ExpectError(wrong, 405, "method_not_allowed");
  EXPECT_EQ(wrong.headers.at("allow"), "POST, OPTIONS");
  ExpectError(client.Ask("GET", "/v2"), 404, "not_found");
}

TEST(Server, EchoesRequestIds) {
  const Running running;
  TestClient client(running.port());
  EXPECT_EQ(client.Ask("GET", "/health", "", "X-Request-Id: mine-1\r\n").headers.at("x-request-id"), "mine-1");
  EXPECT_NE(client.Ask("GET", "/health", "", "X-Request-Id: a b\r\n").headers.at("x-request-id"), "a b");
}

TEST(Server, SaysThatItLoadsOrFailed) {
  auto server = Server::Start(Options());
  ASSERT_TRUE(server);
  TestClient client((*server)->port());
  for (const char* path : {"/health", "/ping", "/v1/models"}) {
    const TestResponse response = client.Ask("GET", path);
    ExpectError(response, 503, "model_loading");
    EXPECT_EQ(response.headers.at("retry-after"), "1");
  }
  ExpectError(client.Ask("POST", kChat, ChatBody(1)), 503, "model_loading");
}

TEST(Server, StaysUsableWhileLoading) {
  auto server = Server::Start(Options());
  ASSERT_TRUE(server);
  TestClient client((*server)->port());
  ExpectError(client.Ask("GET", "/health"), 503, "model_loading");
  EXPECT_EQ(client.Ask("GET", "/version").status, 200);
  EXPECT_EQ(client.Ask("GET", "/metrics").status, 200);
  auto model = MakeTestModel({}, (*server)->observer());
  ASSERT_TRUE(model);
  (*server)->SetModel(std::move(*model));
  EXPECT_EQ(client.Ask("GET", "/health").status, 200);
}

TEST(Server, TellsWhyLoadingFailed) {
  auto server = Server::Start(Options());
  ASSERT_TRUE(server);
  (*server)->SetFailed(Error(ErrorCode::kCorrupt, "x.gguf: bad magic"));
  const TestResponse response = TestClient((*server)->port()).Ask("GET", "/health");
  ExpectError(response, 500, "model_load_failed");
  EXPECT_THAT(response.body, testing::HasSubstr("x.gguf: bad magic"));
}

TEST(Server, KeysAreNeededWhereTheyShould) {
  ServerOptions options = Options();
  options.api_keys = {"secret"};
  const Running running(options);
  TestClient client(running.port());
  const TestResponse none = client.Ask("GET", "/v1/models");
  ExpectError(none, 401, "invalid_api_key");
  EXPECT_EQ(none.headers.at("www-authenticate"), "Bearer");
  ExpectError(client.Ask("GET", "/v1/models", "", "Authorization: Bearer wrong\r\n"), 401, "invalid_api_key");
  EXPECT_EQ(client.Ask("GET", "/v1/models", "", "Authorization: Bearer secret\r\n").status, 200);
  EXPECT_EQ(client.Ask("GET", "/health").status, 200);
  ExpectError(client.Ask("POST", kChat, ChatBody(1)), 401, "invalid_api_key");  // the body is not read
}

TEST(Server, BoundsConnections) {
  ServerOptions options = Options();
  options.max_connections = 2;
  const Running running(options);
  TestClient one(running.port()), two(running.port());
  EXPECT_EQ(one.Ask("GET", "/health").status, 200);
  EXPECT_EQ(two.Ask("GET", "/health").status, 200);
  ExpectError(TestClient(running.port()).Ask("GET", "/health"), 503, "too_many_connections");
  one.Close();
  EXPECT_TRUE(Eventually([&] { return TestClient(running.port()).Ask("GET", "/health").status == 200; }));
}

TEST(Server, ALeavingClientFreesItsBlocksWhileStreaming) {
  const Running running(Options(), Long());
  {
    TestClient client(running.port());
    ASSERT_TRUE(client.Send(TestClient::Request("POST", kChat, ChatBody(kEndless, R"(,"stream":true,"n":2)"))));
    ASSERT_TRUE(client.ReceiveAtLeast(2000));
    // Choices are submitted one by one: on a busy machine the first may have written this much by itself.
    ASSERT_TRUE(Eventually([&] { return running.engine->stats().running == 2; }));
  }
  EXPECT_TRUE(Eventually([&] { return IsIdle(*running.engine); }));
  EXPECT_LT(running.engine->stats().generated_tokens, 2 * kEndless);
}

TEST(Server, ALeavingClientFreesItsBlocksWhileNothingIsWritten) {
  const Running running(Options(), Long());
  {
    TestClient client(running.port());
    ASSERT_TRUE(client.Send(TestClient::Request("POST", kChat, ChatBody(kEndless))));
    ASSERT_TRUE(Eventually([&] { return running.engine->stats().running == 1; }));
  }
  EXPECT_TRUE(Eventually([&] { return IsIdle(*running.engine); }));
  {
    // The same with a pipelined request behind it, whose unread bytes hide the end.
    TestClient client(running.port());
    ASSERT_TRUE(
        client.Send(TestClient::Request("POST", kChat, ChatBody(kEndless)) + TestClient::Request("GET", "/health")));
    ASSERT_TRUE(Eventually([&] { return running.engine->stats().running == 1; }));
  }
  EXPECT_TRUE(Eventually([&] { return IsIdle(*running.engine); }));
  EXPECT_LT(running.engine->stats().generated_tokens, 2 * kEndless);
}

TEST(Server, AClientThatReadsNothingIsDroppedAndDisturbsNobody) {
  ServerOptions options = Options();
  options.write_timeout = milliseconds(200);
  const Running running(options, Long());
  TestClient slow(running.port(), /*receive_buffer=*/4096);
  ASSERT_TRUE(slow.Send(
      TestClient::Request("POST", kChat, ChatBody(kEndless, R"(,"stream":true,"logprobs":true,"top_logprobs":20)"))));
  ASSERT_TRUE(Eventually([&] { return running.engine->stats().running == 1; }));
  TestClient other(running.port());
  EXPECT_EQ(other.Ask("POST", kChat, ChatBody(20)).status, 200);
  EXPECT_TRUE(Eventually([&] { return IsIdle(*running.engine); }));
  EXPECT_LT(running.engine->stats().generated_tokens, kEndless);
}

TEST(Server, TheTimeToSendARequestDoesNotCutItsResponse) {
  ServerOptions options = Options();
  options.read_timeout = milliseconds(200);
  const Running running(options, Long());
  TestClient slow(running.port(), /*receive_buffer=*/4096);
  ASSERT_TRUE(slow.Send(
      TestClient::Request("POST", kChat, ChatBody(8000, R"(,"stream":true,"logprobs":true,"top_logprobs":20)"))));
  // The engine is done, the response waits for the client when the time is over.
  ASSERT_TRUE(Eventually([&] { return running.engine->stats().generated_tokens == 8000; }));
  std::this_thread::sleep_for(milliseconds(300));
  const auto events = slow.Read().Events();
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back(), "[DONE]");
}

TEST(Server, ARequestThatRunsTooLongEnds) {
  ServerOptions options = Options();
  options.request_timeout = milliseconds(100);
  const Running running(options, Long());
  TestClient client(running.port());
  ExpectError(client.Ask("POST", kChat, ChatBody(kEndless)), 408, "timeout");
  const auto events = client.Ask("POST", kChat, ChatBody(kEndless, R"(,"stream":true)")).Events();
  ASSERT_GE(events.size(), 2U);
  EXPECT_EQ(events[events.size() - 2]["error"]["code"], "timeout");
  EXPECT_EQ(events.back(), "[DONE]");
}

TEST(Server, AFullQueueIsARateLimit) {
  const Running running(Options(), {.max_context = kEndless + 100,
                                    .kv_bytes = 80 << 20,
                                    .engine = {.scheduler = {.max_sequences = 1}, .max_queued = 1}});
  TestClient client(running.port());
  const TestResponse response = client.Ask("POST", kChat, ChatBody(kEndless, R"(,"n":3)"));
  ExpectError(response, 429, "overloaded");
  EXPECT_EQ(response.headers.at("retry-after"), "1");  // nothing has ended yet that would tell a rate
  // The two that were taken are cancelled; until the engine has seen it, the queue is full.
  EXPECT_TRUE(Eventually([&] { return client.Ask("POST", kChat, ChatBody(2)).status == 200; }));
}

TEST(Server, DrainsWhatRunsAndRefusesWhatComes) {
  const Running running(Options(), {.max_context = 4000, .kv_bytes = 80 << 20});
  TestClient busy(running.port()), idle(running.port());
  EXPECT_EQ(idle.Ask("GET", "/health").status, 200);
  ASSERT_TRUE(busy.Send(TestClient::Request("POST", kChat, ChatBody(3000, R"(,"stream":true)"))));
  ASSERT_TRUE(busy.ReceiveAtLeast(500));
  running.server->RequestDrain();
  const TestResponse refused = TestClient(running.port()).Ask("POST", kChat, ChatBody(1));
  ExpectError(refused, 503, "shutting_down");
  EXPECT_EQ(refused.headers.at("retry-after"), "1");
  EXPECT_EQ(refused.headers.at("connection"), "close");
  ExpectError(idle.Ask("GET", "/health"), 503, "shutting_down");
  bool complete = false;
  std::thread drain([&] { complete = running.server->Drain(); });
  EXPECT_EQ(busy.Read().Events().back(), "[DONE]");
  drain.join();
  EXPECT_TRUE(complete);
  running.server->Wait();
}

TEST(Server, DrainCutsOffWhatTakesTooLong) {
  ServerOptions options = Options();
  options.drain_timeout = milliseconds(50);
  const Running running(options, Long());
  TestClient client(running.port());
  ASSERT_TRUE(client.Send(TestClient::Request("POST", kChat, ChatBody(kEndless))));
  ASSERT_TRUE(Eventually([&] { return running.engine->stats().running == 1; }));
  EXPECT_FALSE(running.server->Drain());
}

TEST(Server, EndsWithRequestsUnderWay) {
  std::shared_ptr<Engine> engine;
  std::optional<TestClient> client;
  {
    const Running running(Options(), Long());
    engine = running.engine;
    client.emplace(running.port());
    ASSERT_TRUE(client->Send(TestClient::Request("POST", kChat, ChatBody(kEndless, R"(,"stream":true)"))));
    ASSERT_TRUE(client->ReceiveAtLeast(500));
  }
  EXPECT_TRUE(Eventually([&] { return IsIdle(*engine); }));
}

TEST(Server, SaysWhatIsWrongWithAnAddress) {
  const Running running;
  ServerOptions options = Options();
  options.port = running.port();
  const auto taken = Server::Start(options);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), ErrorCode::kIo);
  EXPECT_THAT(taken.error().ToString(), testing::HasSubstr(std::to_string(running.port())));
  options.host = "no such host";
  const auto unknown = Server::Start(options);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace strata::serve
