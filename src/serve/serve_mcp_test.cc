// The server's own MCP endpoint: both eras of the protocol, over sockets.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "mcp/param_headers.h"
#include "serve/mcp/endpoint.h"
#include "serve/mcp/json_rpc.h"
#include "serve/mcp/protocol.h"
#include "serve/test_server.h"

namespace strata::serve::mcp {
namespace {

using nlohmann::json;
using testing::HasSubstr;

ServerOptions McpOptions() {
  ServerOptions options = Options();
  options.mcp = true;
  return options;
}

constexpr const char* kModernMeta =
    R"({"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}})";

std::string Body(const std::string& method, const std::string& params = "{}", const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":)" + params + "}";
}

/// A modern request: its _meta and the headers that repeat the body.
struct Modern {
  Modern(std::string method_name, json given = json::object())
      : method(std::move(method_name)), params(std::move(given)) {
    params["_meta"].update(json::parse(kModernMeta));
    headers = "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: " + method + "\r\n";
    if (params.contains("name")) headers += "Mcp-Name: " + params["name"].get<std::string>() + "\r\n";
  }
  TestResponse Ask(const Running& running, const std::string& more_headers = "") const {
    return TestClient(running.port()).Ask("POST", "/mcp", Body(method, params.dump()), headers + more_headers);
  }
  std::string method;
  json params;
  std::string headers;
};

json ChatArguments(int max_tokens) { return {{"prompt", "Hi"}, {"max_tokens", max_tokens}, {"temperature", 0}}; }
/// An answer that cannot end soon.
json LongArguments() { return {{"prompt", "Hi"}, {"json_schema", {{"type", "string"}, {"minLength", 3000}}}}; }
json CallParams(const json& arguments) { return {{"name", "chat"}, {"arguments", arguments}}; }

void ExpectRpcError(const TestResponse& response, int status, int code, const json& id = 1) {
  EXPECT_EQ(response.status, status) << response.body;
  const json body = response.Json();
  ASSERT_TRUE(body.is_object() && body.contains("error")) << response.body;
  EXPECT_EQ(body["error"]["code"], code) << response.body;
  EXPECT_FALSE(body["error"]["message"].get<std::string>().empty());
  EXPECT_EQ(body.value("id", json()), id) << response.body;
}

// ---- Pure parts ----------------------------------------------------------------------------------------------------

TEST(McpProtocol, HeadersMayBeBase64) {
  EXPECT_EQ(spec::DecodeHeaderValue("plain"), "plain");
  EXPECT_EQ(spec::DecodeHeaderValue("=?base64?SGVsbG8sIOS4lueVjA==?="), "Hello, 世界");
  EXPECT_EQ(spec::DecodeHeaderValue("=?base64?"
                                    "?="),
            "");  // in two, since it looks like a trigraph
  EXPECT_EQ(spec::DecodeHeaderValue("=?base64?SGVs!G8=?="), std::nullopt);
  EXPECT_EQ(spec::DecodeHeaderValue("=?base64?SGVsbG8?="), std::nullopt);
  EXPECT_EQ(spec::DecodeHeaderValue("=?base64?====?="), std::nullopt);
}

TEST(McpProtocol, OriginsOfThisMachineAreAllowed) {
  ServerOptions options;
  for (const char* good :
       {"", "http://localhost", "http://localhost:3000", "https://127.0.0.1:1", "http://[::1]:8000"}) {
    EXPECT_TRUE(IsOriginAllowed(options, good)) << good;
  }
  for (const char* bad : {"http://evil.example.com", "http://localhost.evil.example.com", "http://127.0.0.1.evil",
                          "null", "localhost", "http://evil:pass@localhost.x"}) {
    EXPECT_FALSE(IsOriginAllowed(options, bad)) << bad;
  }
  options.allowed_origins = {"https://app.example"};
  EXPECT_TRUE(IsOriginAllowed(options, "https://app.example"));
  EXPECT_FALSE(IsOriginAllowed(options, "https://app.example.org"));
}

TEST(McpProtocol, MessagesAreChecked) {
  const auto code = [](const char* body) {
    Json id;
    const auto message = ParseMessage(body, id);
    return message ? 0 : message.error().code;
  };
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":"a","method":"ping"})"), 0);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","method":"ping"})"), 0);
  EXPECT_EQ(code("{"), -32700);
  EXPECT_EQ(code(R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])"), -32600);
  for (const char* bad :
       {R"({"id":1,"method":"ping"})", R"({"jsonrpc":"1.0","id":1,"method":"ping"})",
        R"({"jsonrpc":"2.0","id":null,"method":"ping"})", R"({"jsonrpc":"2.0","id":1.5,"method":"ping"})",
        R"({"jsonrpc":"2.0","id":1})", R"({"jsonrpc":"2.0","id":1,"result":{}})",
        R"({"jsonrpc":"2.0","id":1,"method":7})", R"({"jsonrpc":"2.0","id":1,"method":"ping","params":[]})"}) {
    EXPECT_EQ(code(bad), -32600) << bad;
  }
}

// ---- Modern --------------------------------------------------------------------------------------------------------

class McpModern : public testing::Test {
 protected:
  static Running& Server() {
    static Running running(McpOptions());
    return running;
  }
};

TEST_F(McpModern, IsDiscovered) {
  const TestResponse response = Modern("server/discover").Ask(Server());
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_FALSE(response.headers.contains("mcp-session-id"));
  const json result = response.Json()["result"];
  EXPECT_EQ(result["resultType"], "complete");
  EXPECT_EQ(result["supportedVersions"][0], "2026-07-28");
  EXPECT_EQ(result["capabilities"], (json{{"tools", json::object()}}));
  EXPECT_GE(result["ttlMs"], 0);
  EXPECT_EQ(result["cacheScope"], "public");
  EXPECT_EQ(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "strata");
}

TEST_F(McpModern, ListsItsTools) {
  const json result = Modern("tools/list").Ask(Server()).Json()["result"];
  ASSERT_EQ(result["tools"].size(), 1U);
  const json& tool = result["tools"][0];
  EXPECT_EQ(tool["name"], "chat");
  EXPECT_EQ(tool["inputSchema"]["type"], "object");
  EXPECT_EQ(tool["outputSchema"]["type"], "object");
  EXPECT_EQ(result["cacheScope"], "public");
}

TEST_F(McpModern, ACallIsWhatAChatIs) {
  const TestResponse response = Modern("tools/call", CallParams(ChatArguments(8))).Ask(Server());
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.headers.at("content-type"), "application/json");
  const json result = response.Json()["result"];
  EXPECT_EQ(result["resultType"], "complete");
  EXPECT_EQ(result["isError"], false);
  const json chat =
      TestClient(Server().port())
          .Ask("POST", kChat, R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":8,"temperature":0})")
          .Json();
  EXPECT_EQ(result["content"][0]["text"], chat["choices"][0]["message"]["content"]);
  EXPECT_EQ(result["structuredContent"]["text"], result["content"][0]["text"]);
  EXPECT_EQ(result["structuredContent"]["finish_reason"], chat["choices"][0]["finish_reason"]);
  for (const char* count : {"prompt_tokens", "completion_tokens", "total_tokens"}) {
    EXPECT_EQ(result["structuredContent"]["usage"][count], chat["usage"][count]);
  }
}

TEST_F(McpModern, AnswersHaveTheSchemaThatIsAskedFor) {
  const json schema = {{"type", "object"},
                       {"properties", {{"n", {{"type", "integer"}, {"minimum", 0}, {"maximum", 9}}}}},
                       {"required", {"n"}},
                       {"additionalProperties", false}};
  json arguments = {{"prompt", "Hi"}, {"system", "Be brief"}, {"temperature", 0}, {"json_schema", schema}};
  const json result = Modern("tools/call", CallParams(arguments)).Ask(Server()).Json()["result"];
  ASSERT_EQ(result["isError"], false) << result;
  EXPECT_LE(result["structuredContent"]["json"].at("n").get<int>(), 9);
  arguments["json_schema"] = {{"pattern", "(?<=x)y"}};
  EXPECT_EQ(Modern("tools/call", CallParams(arguments)).Ask(Server()).Json()["result"]["isError"], true);
}

TEST_F(McpModern, TellsItsProgress) {
  json params = CallParams(ChatArguments(40));
  params["_meta"]["progressToken"] = "p";
  const TestResponse response =
      Modern("tools/call", params).Ask(Server(), "Accept: application/json, text/event-stream\r\n");
  EXPECT_EQ(response.headers.at("content-type"), "text/event-stream; charset=utf-8");
  const std::vector<json> events = response.Events();
  ASSERT_GE(events.size(), 2U) << response.body;
  double last = 0;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    EXPECT_EQ(events[i]["method"], "notifications/progress");
    EXPECT_EQ(events[i]["params"]["progressToken"], "p");
    EXPECT_EQ(events[i]["params"]["total"], 40);
    EXPECT_GT(events[i]["params"]["progress"], last);
    last = events[i]["params"]["progress"];
  }
  EXPECT_EQ(events.back()["id"], 1);
  EXPECT_EQ(events.back()["result"]["isError"], false);
  // Who reads no streams gets none.
  const TestResponse whole = Modern("tools/call", params).Ask(Server(), "Accept: application/json\r\n");
  EXPECT_EQ(whole.headers.at("content-type"), "application/json");
}

TEST_F(McpModern, ErrorsOfACallAreItsResult) {
  for (const auto& [arguments, word] : std::vector<std::pair<json, std::string>>{
           {{{"prompt", "Hi"}, {"temperature", 9}}, "temperature"},
           {{{"prompt", "Hi"}, {"colour", 1}}, "colour"},
           {json::object(), "prompt"},
           {{{"prompt", 7}}, "prompt"},
           {{{"prompt", "Hi"}, {"messages", json::array()}}, "prompt"},
           {{{"messages", json::array({{{"role", "nobody"}, {"content", "x"}}})}}, "messages[0].role"},
           {{{"prompt", std::string(300, 'x')}}, "context"},
           {{{"prompt", "forbidden"}}, "not this word"}}) {
    const TestResponse response = Modern("tools/call", CallParams(arguments)).Ask(Server());
    EXPECT_EQ(response.status, 200) << response.body;
    const json result = response.Json()["result"];
    EXPECT_EQ(result["isError"], true) << response.body;
    EXPECT_THAT(result["content"][0]["text"].get<std::string>(), HasSubstr(word));
  }
  ExpectRpcError(Modern("tools/call", {{"name", "nothing"}}).Ask(Server()), 400, -32602);
  ExpectRpcError(Modern("tools/call", {{"name", "chat"}, {"arguments", 1}}).Ask(Server()), 400, -32602);
}

TEST_F(McpModern, ItsMetadataIsChecked) {
  const auto ask = [&](const json& params, const std::string& headers, const std::string& method = "tools/list") {
    return TestClient(Server().port()).Ask("POST", "/mcp", Body(method, params.dump()), headers);
  };
  const std::string version = "MCP-Protocol-Version: 2026-07-28\r\n", method = "Mcp-Method: tools/list\r\n";
  const json meta = json::parse(kModernMeta);
  ExpectRpcError(ask(json::object(), version + method), 400, -32602);
  json partial = {{"_meta", meta}};
  partial["_meta"].erase("io.modelcontextprotocol/clientCapabilities");
  ExpectRpcError(ask(partial, version + method), 400, -32602);
  ExpectRpcError(ask({{"_meta", meta}}, method), 400, -32020);
  ExpectRpcError(ask({{"_meta", meta}}, version), 400, -32020);
  ExpectRpcError(ask({{"_meta", meta}}, version + "Mcp-Method: tools/call\r\n"), 400, -32020);
  ExpectRpcError(ask({{"_meta", meta}}, "MCP-Protocol-Version: 2025-11-25\r\n" + method), 400, -32020);
  const std::string call = version + "Mcp-Method: tools/call\r\n";
  const json chat = {{"_meta", meta}, {"name", "chat"}, {"arguments", ChatArguments(1)}};
  ExpectRpcError(ask(chat, call, "tools/call"), 400, -32020);
  ExpectRpcError(ask(chat, call + "Mcp-Name: other\r\n", "tools/call"), 400, -32020);
  EXPECT_EQ(ask(chat, call + "Mcp-Name: =?base64?Y2hhdA==?=\r\n", "tools/call").status, 200);
  json other = {{"_meta", meta}};
  other["_meta"]["io.modelcontextprotocol/protocolVersion"] = "1900-01-01";
  const TestResponse unsupported = ask(other, "MCP-Protocol-Version: 1900-01-01\r\n" + method);
  ExpectRpcError(unsupported, 400, -32022);
  EXPECT_EQ(unsupported.Json()["error"]["data"]["requested"], "1900-01-01");
  EXPECT_EQ(unsupported.Json()["error"]["data"]["supported"][0], "2026-07-28");
}

TEST_F(McpModern, MethodsThatAreNotThere) {
  for (const char* method : {"initialize", "ping", "logging/setLevel", "resources/list", "subscriptions/listen", "x"}) {
    ExpectRpcError(Modern(method).Ask(Server()), 404, -32601);
  }
  TestClient client(Server().port());
  EXPECT_EQ(client.Ask("GET", "/mcp").status, 405);
  EXPECT_EQ(client.Ask("DELETE", "/mcp").status, 405);
  const TestResponse notified = client.Ask("POST", "/mcp", R"({"jsonrpc":"2.0","method":"notifications/x"})",
                                           "MCP-Protocol-Version: 2026-07-28\r\n");
  EXPECT_EQ(notified.status, 202);
  EXPECT_EQ(notified.body, "");
}

TEST_F(McpModern, BadMessagesHurtNobody) {
  TestClient client(Server().port());
  ExpectRpcError(client.Ask("POST", "/mcp", "{"), 400, -32700, json());
  ExpectRpcError(client.Ask("POST", "/mcp", "[]"), 400, -32600, json());
  ExpectRpcError(client.Ask("POST", "/mcp", R"({"jsonrpc":"2.0","id":"x"})"), 400, -32600, "x");
  EXPECT_EQ(Modern("tools/list").Ask(Server()).status, 200);
}

TEST_F(McpModern, ForeignPagesAreRefused) {
  EXPECT_EQ(Modern("tools/list").Ask(Server(), "Origin: http://evil.example.com\r\n").status, 403);
  EXPECT_EQ(Modern("tools/list").Ask(Server(), "Origin: http://localhost:3000\r\n").status, 200);
}

TEST(McpAccess, KeysAndTheOption) {
  ServerOptions options = McpOptions();
  options.api_keys = {"secret"};
  const Running closed(std::move(options));
  const TestResponse refused = Modern("tools/list").Ask(closed);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.at("www-authenticate"), "Bearer");
  EXPECT_EQ(refused.Json()["error"]["code"], -32600);
  EXPECT_EQ(Modern("tools/list").Ask(closed, "Authorization: Bearer secret\r\n").status, 200);
  const Running without;
  for (const char* method : {"POST", "GET", "DELETE"}) {
    ExpectError(TestClient(without.port()).Ask(method, "/mcp", "{}"), 404, "not_found");
  }
}

TEST(McpAccess, ItWaitsForTheModel) {
  auto server = Server::Start(McpOptions());
  ASSERT_TRUE(server);
  const TestResponse response =
      TestClient((*server)->port()).Ask("POST", "/mcp", Body("tools/list"), "MCP-Protocol-Version: 2026-07-28\r\n");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("retry-after"), "1");
  EXPECT_EQ(response.Json()["error"]["code"], -32603);
}

// ---- Legacy --------------------------------------------------------------------------------------------------------

class McpLegacy : public testing::Test {
 protected:
  static Running& Server() {
    static Running running(McpOptions(), {.max_context = 4096});
    return running;
  }
  static TestResponse Post(const std::string& body, const std::string& headers = "") {
    return TestClient(Server().port()).Ask("POST", "/mcp", body, headers);
  }
  /// Opens a session; returns the headers of its requests.
  static std::string Initialize(const std::string& version = "2025-11-25") {
    const json params = {{"protocolVersion", version},
                         {"capabilities", json::object()},
                         {"clientInfo", {{"name", "test"}, {"version", "1"}}}};
    const TestResponse response = Post(Body("initialize", params.dump()));
    EXPECT_EQ(response.status, 200) << response.body;
    const json result = response.Json()["result"];
    EXPECT_EQ(result["serverInfo"]["name"], "strata");
    EXPECT_FALSE(result.contains("resultType"));
    const std::string headers = "Mcp-Session-Id: " + response.headers.at("mcp-session-id") +
                                "\r\nMCP-Protocol-Version: " + result["protocolVersion"].get<std::string>() + "\r\n";
    EXPECT_EQ(Post(R"({"jsonrpc":"2.0","method":"notifications/initialized"})", headers).status, 202);
    return headers;
  }
};

TEST_F(McpLegacy, VersionsAreAgreedOn) {
  for (const char* version : {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"}) {
    EXPECT_THAT(Initialize(version), HasSubstr(version));
  }
  EXPECT_THAT(Initialize("2024-01-01"), HasSubstr("2025-11-25"));
  ExpectRpcError(Post(Body("initialize")), 400, -32602);
}

TEST_F(McpLegacy, ASession) {
  const std::string session = Initialize();
  EXPECT_EQ(Post(Body("ping"), session).Json()["result"], json::object());
  EXPECT_EQ(Post(Body("tools/list"), session).Json()["result"]["tools"][0]["name"], "chat");
  const json result = Post(Body("tools/call", CallParams(ChatArguments(4)).dump()), session).Json()["result"];
  EXPECT_EQ(result["isError"], false);
  EXPECT_FALSE(result["content"][0]["text"].get<std::string>().empty());
  EXPECT_FALSE(result.contains("resultType"));
  ExpectRpcError(Post(Body("resources/list"), session), 200, -32601);
  ExpectRpcError(Post(Body("tools/call", R"({"name":"nothing"})"), session), 200, -32602);
  ExpectRpcError(Post(Body("ping")), 400, -32600);
  ExpectRpcError(Post(Body("ping"), "Mcp-Session-Id: other\r\n"), 404, -32600);
  ExpectRpcError(Post(Body("ping"), session.substr(0, session.find("MCP")) + "MCP-Protocol-Version: 1\r\n"), 400,
                 -32022);
  TestClient client(Server().port());
  EXPECT_EQ(client.Ask("DELETE", "/mcp", "", session).status, 204);
  EXPECT_EQ(client.Ask("DELETE", "/mcp", "", session).status, 404);
  ExpectRpcError(Post(Body("ping"), session), 404, -32600);
}

/// Until the engine has nothing to do.
bool BecomesIdle(const Running& running) {
  for (int i = 0; i < 500; ++i) {
    const std::string text = TestClient(running.port()).Ask("GET", "/metrics").body;
    if (text.contains("vllm:num_requests_running{engine=\"0\",model_name=\"tiny\"} 0\n")) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST_F(McpLegacy, ACallIsCancelled) {
  const std::string session = Initialize();
  json params = CallParams(LongArguments());
  params["_meta"]["progressToken"] = 7;
  const std::string cancel = R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"long"}})";
  for (const bool streamed : {true, false}) {
    TestClient client(Server().port());
    const char* accept = streamed ? "Accept: text/event-stream, application/json\r\n" : "Accept: application/json\r\n";
    ASSERT_TRUE(client.Send(
        TestClient::Request("POST", "/mcp", Body("tools/call", params.dump(), R"("long")"), session + accept)));
    if (streamed) ASSERT_TRUE(client.ReceiveAtLeast(400));  // a first notification
    // Repeated: the call may not have begun when the first one comes.
    const auto begin = std::chrono::steady_clock::now();
    TestResponse response;
    std::thread canceller([&] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(Post(cancel, session).status, 202);
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      }
    });
    response = client.Read();
    canceller.join();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
    EXPECT_EQ(response.status, 200);
    if (streamed) {
      for (const json& event : response.Events()) EXPECT_FALSE(event.contains("result")) << event;
    } else {
      EXPECT_EQ(response.Json()["result"]["isError"], true);
    }
    EXPECT_TRUE(BecomesIdle(Server()));
    // The connection goes on, and the id is free again.
    EXPECT_EQ(client.Ask("POST", "/mcp", Body("ping", "{}", R"("long")"), session).status, 200);
  }
}

TEST_F(McpLegacy, ClosingTheConnectionCancelsTheCall) {
  const std::string session = Initialize();
  {
    TestClient client(Server().port());
    const json params = CallParams(LongArguments());
    ASSERT_TRUE(client.Send(TestClient::Request("POST", "/mcp", Body("tools/call", params.dump(), "5"), session)));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_TRUE(BecomesIdle(Server()));
}

TEST_F(McpLegacy, SessionsAreTheKeysOwn) {
  ServerOptions options = McpOptions();
  options.api_keys = {"one", "two"};
  const Running running(std::move(options));
  TestClient client(running.port());
  const TestResponse opened = client.Ask("POST", "/mcp", Body("initialize", R"({"protocolVersion":"2025-06-18"})"),
                                         "Authorization: Bearer one\r\n");
  const std::string session = "Mcp-Session-Id: " + opened.headers.at("mcp-session-id") + "\r\n";
  EXPECT_EQ(client.Ask("POST", "/mcp", Body("ping"), session + "Authorization: Bearer one\r\n").status, 200);
  EXPECT_EQ(client.Ask("POST", "/mcp", Body("ping"), session + "Authorization: Bearer two\r\n").status, 404);
  EXPECT_EQ(client.Ask("DELETE", "/mcp", "", session + "Authorization: Bearer two\r\n").status, 404);
  EXPECT_EQ(client.Ask("DELETE", "/mcp", "", session + "Authorization: Bearer one\r\n").status, 204);
}

}  // namespace
}  // namespace strata::serve::mcp
