// Tools of MCP servers in the Responses API: the server lists them, runs them, and answers with what they say.
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/mcp_servers.h"
#include "serve/responses/output_item.h"
#include "serve/test_mcp_server.h"
#include "serve/test_server.h"
#include "serve/tools/tool.h"

namespace strata::serve {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kResponses = "/v1/responses";

const json kDigit = json::parse(R"({"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":9}},
    "required":["n"],"additionalProperties":false})");

/// What a tool waits for.
struct Gate {
  void Open() {
    const std::lock_guard lock(mutex);
    open = true;
    changed.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return open; });
  }
  std::mutex mutex;
  std::condition_variable changed;
  bool open = false;
};

class McpTools : public testing::Test {
 protected:
  void Start(std::vector<mcp::ServerConfig> servers, std::vector<std::string> allowed_urls = {},
             ServerOptions options = Options()) {
    options.mcp_servers = std::move(servers);
    options.mcp_allowed_urls = std::move(allowed_urls);
    running_.emplace(std::move(options), TestModelOptions{.max_context = 4096});
  }
  /// The greedy random model, made to call a tool first. What it does then is its own affair.
  json Body(const json& more = json::object(), const std::string& tool = "twice") {
    json body = {{"input", "Go"},
                 {"temperature", 0},
                 {"max_output_tokens", 200},
                 {"max_tool_calls", 1},
                 {"parallel_tool_calls", false},
                 {"tools", {{{"type", "mcp"}, {"server_label", "t"}, {"require_approval", "never"}}}},
                 {"tool_choice", {{"type", "mcp"}, {"server_label", "t"}, {"name", tool}}}};
    body.update(more);
    return body;
  }
  TestResponse Ask(const json& body) { return TestClient(running_->port()).Ask("POST", kResponses, body.dump()); }
  json Ok(const json& body) {
    const TestResponse response = Ask(body);
    EXPECT_EQ(response.status, 200) << response.body;
    return response.Json();
  }
  void ExpectRefused(const json& body, const std::string& param, const std::string& word) {
    const TestResponse response = Ask(body);
    EXPECT_EQ(response.status, 400) << response.body;
    EXPECT_EQ(response.Json()["error"]["param"], param) << response.body;
    EXPECT_THAT(response.body, HasSubstr(word));
  }
  static const json* Find(const json& response, const std::string& type) {
    for (const json& item : response["output"]) {
      if (item["type"] == type) return &item;
    }
    ADD_FAILURE() << "no " << type << " in " << response.dump();
    return nullptr;
  }

  Gate gate_;
  TestMcpServer server_{
      {{"twice", kDigit,
        [](const json& arguments) { return TextResult(std::to_string(2 * arguments["n"].get<int>())); }},
       {"fail", kDigit, [](const json&) { return TextResult("no such thing", true); }},
       {"flood", kDigit, [](const json&) { return TextResult(std::string(100'000, 'x')); }},
       {"slow", kDigit, [this](const json&) {
          gate_.Wait();
          return TextResult("at last");
        }}}};
  std::optional<Running> running_;
};

TEST_F(McpTools, ACallIsRunAndAnswered) {
  Start({server_.Config("t")});
  const json response = Ok(Body());
  const json& listed = response["output"][0];
  EXPECT_EQ(listed["type"], "mcp_list_tools");
  EXPECT_EQ(listed["server_label"], "t");
  EXPECT_EQ(listed["tools"].size(), 4U);
  EXPECT_EQ(listed["tools"][0]["input_schema"], kDigit);
  const json* call = Find(response, "mcp_call");
  ASSERT_NE(call, nullptr);
  EXPECT_EQ((*call)["name"], "twice");
  EXPECT_EQ((*call)["server_label"], "t");
  EXPECT_EQ((*call)["status"], "completed");
  EXPECT_TRUE((*call)["error"].is_null());
  ASSERT_EQ(server_.calls().size(), 1U);
  EXPECT_EQ(json::parse((*call)["arguments"].get<std::string>()), server_.calls()[0]);
  EXPECT_EQ((*call)["output"], std::to_string(2 * server_.calls()[0]["n"].get<int>()));
  EXPECT_EQ(response["tools"][0]["server_label"], "t");
  // Another answer follows, whose prompt counts as well.
  EXPECT_NE(response["output"].back()["type"], "mcp_call");
  json alone = Body({{"tool_choice", "none"}, {"max_output_tokens", 1}});
  EXPECT_GT(response["usage"]["input_tokens"], 2 * Ok(alone)["usage"]["input_tokens"].get<int>());
}

TEST_F(McpTools, AStreamSaysTheSame) {
  Start({server_.Config("t")});
  const json whole = Ok(Body());
  const std::vector<json> events = Ask(Body({{"stream", true}})).Events();
  ASSERT_FALSE(events.empty());
  const json& last = events.back()["response"];
  ASSERT_EQ(last["output"].size(), whole["output"].size()) << last;
  for (std::size_t i = 0; i < whole["output"].size(); ++i) {
    json a = whole["output"][i], b = last["output"][i];
    a.erase("id");
    b.erase("id");
    EXPECT_EQ(a, b);
  }
  EXPECT_EQ(last["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
  std::vector<std::string> of_list, of_call;
  std::string arguments;
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence_number"], i);
    const std::string type = events[i]["type"];
    if (type.starts_with("response.mcp_list_tools")) of_list.push_back(type.substr(24));
    if (type.starts_with("response.mcp_call")) of_call.push_back(type.substr(17));
    if (type == "response.mcp_call_arguments.delta") arguments += events[i]["delta"];
    if (type == "response.output_item.done")
      EXPECT_EQ(events[i]["item"], last["output"][events[i]["output_index"].get<std::size_t>()]);
  }
  EXPECT_THAT(of_list, testing::ElementsAre("in_progress", "completed"));
  ASSERT_GE(of_call.size(), 4U);
  EXPECT_EQ(of_call.front(), ".in_progress");
  EXPECT_EQ(of_call[of_call.size() - 2], "_arguments.done");
  EXPECT_EQ(of_call.back(), ".completed");
  EXPECT_EQ(json(arguments), (*Find(last, "mcp_call"))["arguments"]);
}

TEST_F(McpTools, TheConversationGoesOn) {
  Start({server_.Config("t")});
  const json first = Ok(Body());
  const json second = Ok(Body({{"input", "More"}, {"previous_response_id", first["id"]}, {"tool_choice", "none"}}));
  for (const json& item : second["output"]) EXPECT_NE(item["type"], "mcp_list_tools");
  // The same from the items themselves.
  json input = json::array({{{"role", "user"}, {"content", "Go"}}});
  for (const json& item : first["output"]) input.push_back(item);
  input.push_back({{"role", "user"}, {"content", "More"}});
  const json by_hand = Ok(Body({{"input", input}, {"tool_choice", "none"}}));
  EXPECT_EQ(by_hand["usage"]["input_tokens"], second["usage"]["input_tokens"]);
  EXPECT_GT(second["usage"]["input_tokens"].get<int>(),
            Ok(Body({{"input", "More"}, {"tool_choice", "none"}}))["usage"]["input_tokens"].get<int>());
}

TEST_F(McpTools, AnApprovedCallIsRun) {
  Start({server_.Config("t")});
  const json always = {{{"type", "mcp"}, {"server_label", "t"}}};
  const json asked = Ok(Body({{"tools", always}}));
  const json& request = asked["output"].back();
  ASSERT_EQ(request["type"], "mcp_approval_request") << asked;
  EXPECT_EQ(request["name"], "twice");
  EXPECT_TRUE(server_.calls().empty());
  const auto answer = [&](const json& response) {
    return Body({{"tools", always},
                 {"tool_choice", "none"},
                 {"previous_response_id", asked["id"]},
                 {"input", json::array({response})}});
  };
  json response = {{"type", "mcp_approval_response"}, {"approval_request_id", request["id"]}, {"approve", true}};
  const json approved = Ok(answer(response));
  const json& call = approved["output"][0];
  ASSERT_EQ(call["type"], "mcp_call") << approved;
  EXPECT_EQ(call["approval_request_id"], request["id"]);
  EXPECT_EQ(call["arguments"], request["arguments"]);
  EXPECT_EQ(call["status"], "completed");
  ASSERT_EQ(server_.calls().size(), 1U);
  EXPECT_EQ(call["output"], std::to_string(2 * server_.calls()[0]["n"].get<int>()));
  // What goes on from there runs nothing again.
  Ok(Body({{"tools", always}, {"tool_choice", "none"}, {"previous_response_id", approved["id"]}}));
  EXPECT_EQ(server_.calls().size(), 1U);

  response["approve"] = false;
  response["reason"] = "Not today.";
  const json refused = Ok(answer(response));
  EXPECT_EQ(server_.calls().size(), 1U);
  for (const json& item : refused["output"]) EXPECT_NE(item["type"], "mcp_call");

  ExpectRefused(answer({{"role", "user"}, {"content", "x"}}), "input", "No approval response found");
  response["approval_request_id"] = "mcpr_other";
  ExpectRefused(answer(response), "input[0].approval_request_id", "mcpr_other");
  json elsewhere =
      answer({{"type", "mcp_approval_response"}, {"approval_request_id", request["id"]}, {"approve", true}});
  elsewhere["tools"] = json::array();
  ExpectRefused(elsewhere, "tools", "t");
}

TEST_F(McpTools, WhatTheOperatorDemandsNoRequestCanLower) {
  Start({server_.Config("t", /*approval=*/true)});
  EXPECT_EQ(Ok(Body())["output"].back()["type"], "mcp_approval_request");
  EXPECT_TRUE(server_.calls().empty());
}

TEST_F(McpTools, AToolThatFailsSaysSoToTheModel) {
  Start({server_.Config("t")});
  const json response = Ok(Body(json::object(), "fail"));
  const json* call = Find(response, "mcp_call");
  ASSERT_NE(call, nullptr);
  EXPECT_EQ((*call)["status"], "failed");
  EXPECT_EQ((*call)["error"]["type"], "mcp_tool_execution_error");
  EXPECT_EQ((*call)["error"]["content"][0]["text"], "no such thing");
  EXPECT_TRUE(response["error"].is_null());
}

TEST_F(McpTools, AFloodIsCutOff) {
  Start({server_.Config("t")});
  const json* call = nullptr;
  const json response = Ok(Body({{"max_output_tokens", 100}}, "flood"));
  call = Find(response, "mcp_call");
  ASSERT_NE(call, nullptr);
  const std::string output = (*call)["output"];
  EXPECT_LE(output.size(), 2100U);  // half of the context, and the note
  EXPECT_THAT(output, HasSubstr("cut off"));
}

TEST_F(McpTools, ASlowToolRunsOutOfTime) {
  mcp::ServerConfig config = server_.Config("t");
  config.tool_timeout = std::chrono::milliseconds(100);
  Start({config});
  const json response = Ok(Body(json::object(), "slow"));
  gate_.Open();
  const json* call = Find(response, "mcp_call");
  ASSERT_NE(call, nullptr);
  EXPECT_EQ((*call)["status"], "failed");
  EXPECT_EQ((*call)["error"]["code"], 504);
}

TEST_F(McpTools, AClientThatGoesAwayEndsItsCall) {
  Start({server_.Config("t")});
  {
    TestClient client(running_->port());
    ASSERT_TRUE(client.Send(TestClient::Request("POST", kResponses, Body(json::object(), "slow").dump())));
    for (int i = 0; i < 500 && server_.calls().empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(server_.calls().size(), 1U);
  }
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(running_->server->Drain());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(8));
  gate_.Open();
}

TEST_F(McpTools, AServerThatIsNotThereFailsTheResponse) {
  mcp::ServerConfig dead = server_.Config("t");
  dead.transport = mcp::HttpTransport{.url = "http://127.0.0.1:1/mcp", .headers = {}};
  Start({dead});
  const TestResponse response = Ask(Body());
  ExpectError(response, 424, "mcp_server_failed");
  EXPECT_EQ(response.Json()["error"]["param"], "tools");
  const std::vector<json> events = Ask(Body({{"stream", true}})).Events();
  EXPECT_EQ(events.back()["type"], "response.failed");
  bool failed = false;
  for (const json& event : events) failed = failed || event["type"] == "response.mcp_list_tools.failed";
  EXPECT_TRUE(failed);
}

TEST_F(McpTools, RequestsNameServersThatTheyMay) {
  Start({server_.Config("t")}, {"http://127.0.0.1:2/allowed", server_.url()});
  const auto with = [&](const json& tool, const json& choice = "auto") {
    json full = {{"type", "mcp"}, {"server_label", "t"}};
    full.update(tool);
    return Body({{"tools", json::array({full})}, {"tool_choice", choice}});
  };
  ExpectRefused(with({{"server_label", "other"}}), "tools[0].server_label", "--mcp-servers");
  ExpectRefused(with({{"server_label", "a b"}}), "tools[0].server_label", "server_label");
  ExpectRefused(with({{"server_url", "http://127.0.0.1:2/secret"}}), "tools[0].server_url", "--mcp-allow-url");
  ExpectRefused(with({{"headers", {{"A", "b"}}}}), "tools[0].headers", "server_url");
  ExpectRefused(with({{"require_approval", "sometimes"}}), "tools[0].require_approval", "always");
  ExpectRefused(with({{"allowed_tools", {{"read_only", true}}}}), "tools[0].allowed_tools.read_only", "not supported");
  ExpectRefused(with({{"connector_id", "connector_dropbox"}}), "tools[0].connector_id", "not supported");
  ExpectRefused(with(json::object(), {{"type", "mcp"}, {"server_label", "x"}}), "tool_choice", "x");
  ExpectRefused(with(json::object(), {{"type", "mcp"}, {"server_label", "t"}, {"name", "none"}}), "tool_choice",
                "none");
  ExpectRefused(with({{"allowed_tools", {"twice"}}}, {{"type", "mcp"}, {"server_label", "t"}, {"name", "slow"}}),
                "tool_choice", "slow");
  json both = Body();
  both["tools"].push_back(both["tools"][0]);
  ExpectRefused(both, "tools[1].server_label", "another server");
  // One that it may, with a secret that is not repeated.
  json own = Body();
  own["tools"][0].update({{"server_label", "mine"}, {"server_url", server_.url()}, {"authorization", "secret"}});
  own["tool_choice"]["server_label"] = "mine";
  const TestResponse response = Ask(own);
  EXPECT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(server_.calls().size(), 1U);
  EXPECT_THAT(response.body, testing::Not(HasSubstr("secret")));
}

TEST_F(McpTools, StandBesideAllOthers) {
  ServerOptions options = Options();
  options.registered_tools = std::make_shared<const tools::ToolSet>(std::vector<tools::Tool>{{.name = "lookup"}});
  Start({server_.Config("t")}, {}, std::move(options));
  const json own = {{{"type", "mcp"}, {"server_label", "t"}, {"require_approval", "never"}},
                    {{"type", "custom"},
                     {"name", "say"},
                     {"format", {{"type", "grammar"}, {"syntax", "regex"}, {"definition", "ab{2,5}"}}}},
                    {{"type", "registered"}, {"name", "lookup"}},
                    {{"type", "tool_search"}}};
  const json response = Ok(Body({{"tools", own}, {"tool_choice", {{"type", "custom"}, {"name", "say"}}}}));
  EXPECT_EQ(response["tools"].size(), 4U);
  EXPECT_EQ(response["tools"][0]["server_label"], "t");
  EXPECT_EQ(response["tools"][1]["format"], own[1]["format"]);
  EXPECT_EQ(response["tools"][2], own[2]);
  // It is the client's to run, so the response ends.
  const json& said = response["output"].back();
  ASSERT_EQ(said["type"], "custom_tool_call") << response;
  EXPECT_THAT(said["input"], testing::AnyOf("abb", "abbb", "abbbb", "abbbbb"));
  EXPECT_TRUE(server_.calls().empty());
  const json result = {{"type", "custom_tool_call_output"}, {"call_id", said["call_id"]}, {"output", "ok"}};
  const json next = {{"tools", own}, {"input", json::array({result})}, {"previous_response_id", response["id"]}};
  Find(Ok(Body(next)), "mcp_call");
  EXPECT_EQ(server_.calls().size(), 1U);
  json looks = Body(next);
  looks["tool_choice"] = {{"type", "function"}, {"name", "lookup"}};
  EXPECT_EQ((*Find(Ok(looks), "function_call"))["name"], "lookup");
}

TEST_F(McpTools, APromptCarriesAsManyAsItMay) {
  ServerOptions options = Options();
  options.max_tool_tokens = 300;
  Start({server_.Config("t")}, {}, std::move(options));
  json functions = json::array({{{"type", "mcp"}, {"server_label", "t"}}});
  for (int i = 0; i < 20; ++i) {  // more than the context, together
    functions.push_back(
        {{"type", "function"}, {"name", fmt::format("f{}", i)}, {"description", std::string(250, 'x')}});
  }
  const json asked = Ok(Body({{"tools", functions}}));
  const json& request = asked["output"].back();
  ASSERT_EQ(request["type"], "mcp_approval_request") << asked;
  EXPECT_LT(asked["usage"]["input_tokens"], 1000);
  // Nor does it carry more when MCP's tools are withdrawn: the one call is made.
  const json answered = Ok(Body(
      {{"tools", functions},
       {"tool_choice", "auto"},
       {"previous_response_id", asked["id"]},
       {"input", {{{"type", "mcp_approval_response"}, {"approval_request_id", request["id"]}, {"approve", true}}}}}));
  EXPECT_EQ(server_.calls().size(), 1U);
  EXPECT_LT(answered["usage"]["input_tokens"], 2000);
  for (const json& item : answered["output"]) EXPECT_NE(item["type"], "mcp_approval_request");
}

TEST(McpUrls, PrefixesEndWhereNamesEnd) {
  EXPECT_TRUE(IsUrlAllowed("https://a.example/mcp", "https://a.example"));
  EXPECT_TRUE(IsUrlAllowed("https://a.example/mcp?x=1", "https://a.example/mcp"));
  EXPECT_TRUE(IsUrlAllowed("https://a.example/x/mcp", "https://a.example/x/"));
  for (const char* bad : {"https://a.example.org/mcp", "https://a.example@b.example/", "https://a.example:8/mcp",
                          "http://a.example/mcp"}) {
    EXPECT_FALSE(IsUrlAllowed(bad, "https://a.example")) << bad;
  }
  for (const char* bad : {"https://a.example/x/../y", "https://a.example/x/%2e%2E/y", "https://a.example/xy",
                          "https://a.example/x/..\\y"}) {
    EXPECT_FALSE(IsUrlAllowed(bad, "https://a.example/x")) << bad;
  }
}

TEST(McpItemIds, HaveTheCallsIds) {
  using responses::CallIdOf;
  using responses::OutputItem;
  const std::string response = "resp_" + std::string(32, 'a');
  for (const auto kind : {OutputItem::Kind::kMcpCall, OutputItem::Kind::kMcpApprovalRequest}) {
    const std::string id = responses::ItemId(kind, response, 3, "call_x");
    EXPECT_EQ(CallIdOf(id), "call_x") << id;
  }
  for (const char* other : {"mcp_1", "mcp_", "", "x"}) EXPECT_EQ(CallIdOf(other), other);
}

}  // namespace
}  // namespace strata::serve
