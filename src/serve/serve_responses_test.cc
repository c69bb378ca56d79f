// OpenAI's Responses API: what its answers look like, what is stored, and the whole way over sockets.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/responses/output_writer.h"
#include "serve/responses/response_store.h"
#include "serve/test_server.h"

namespace strata::serve::responses {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kResponses = "/v1/responses";

std::string Body(const std::string& more = "", const std::string& input = R"("Hi")") {
  return R"({"input":)" + input + (more.empty() ? "" : "," + more) + "}";
}

// ---- Answers -------------------------------------------------------------------------------------------------------

const Usage kUsage{.prompt_tokens = 10, .completion_tokens = 5, .cached_tokens = 4, .reasoning_tokens = 2};

struct Written {
  std::string kept;
  OutputWriter writer{{.id = "resp_ab", .created = 7, .model = "m", .echo = {{"store", true}}},
                      [this](std::string_view response) { kept = response; }};
};

std::vector<ChoiceDelta> Deltas(std::string_view finish) {
  std::vector<ChoiceDelta> deltas;
  deltas.push_back({.reasoning = "Hm"});
  deltas.push_back({.text = "O"});
  deltas.push_back({.text = "k", .calls = {{.index = 0, .id = "c0", .name = "f", .arguments = R"({"a")"}}});
  deltas.push_back({.calls = {{.index = 0, .arguments = ":1}"}}});
  deltas.push_back({.finish_reason = finish});
  return deltas;
}

const char* const kOutput = R"([
    {"id":"rs_ab0000","type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"Hm"}],"status":"completed"},
    {"id":"msg_ab0001","type":"message","status":"completed","role":"assistant","content":[
      {"type":"output_text","text":"Ok","annotations":[],"logprobs":[]}]},
    {"id":"fc_ab0002","type":"function_call","status":"completed","call_id":"c0","name":"f","arguments":"{\"a\":1}"}])";

TEST(ResponsesAnswer, Whole) {
  ChoiceDelta sum;
  for (ChoiceDelta& delta : Deltas("tool_calls")) sum.Append(std::move(delta));
  Written w;
  w.writer.Answer({sum});
  const std::string body = w.writer.Whole(kUsage);
  EXPECT_EQ(w.kept, body);
  json response = json::parse(body);
  EXPECT_GT(response["completed_at"], 0);
  response["completed_at"] = 8;
  EXPECT_EQ(response, json::parse(R"({"id":"resp_ab","object":"response","created_at":7,"status":"completed",
      "background":false,"completed_at":8,"error":null,"incomplete_details":null,"model":"m","output":)" +
                                  std::string(kOutput) + R"(,"store":true,"usage":{"input_tokens":10,
      "input_tokens_details":{"cached_tokens":4,"cache_write_tokens":0},"output_tokens":5,
      "output_tokens_details":{"reasoning_tokens":2},"total_tokens":15}})"));
}

TEST(ResponsesAnswer, Streamed) {
  Written w;
  TestResponse stream;
  w.writer.Begin(stream.body);
  for (ChoiceDelta& delta : Deltas("tool_calls")) w.writer.Delta(std::move(delta), kUsage, stream.body);
  w.writer.End(kUsage, stream.body);
  std::vector<json> events = stream.Events();
  for (std::size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(events[i]["sequence_number"], i);
    events[i].erase("sequence_number");
  }
  ASSERT_GT(events.size(), 4U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(events[i]["type"], i == 0 ? "response.created" : "response.in_progress");
    EXPECT_EQ(events[i]["response"]["status"], "in_progress");
    EXPECT_EQ(events[i]["response"]["output"], json::array());
    EXPECT_TRUE(events[i]["response"]["usage"].is_null());
  }
  const json last = events.back();
  EXPECT_EQ(last["type"], "response.completed");
  EXPECT_EQ(last["response"], json::parse(w.kept));
  const json output = json::parse(kOutput);
  EXPECT_EQ(last["response"]["output"], output);
  EXPECT_EQ(json(std::vector<json>(events.begin() + 2, events.end() - 1)), json::parse(R"([
    {"type":"response.output_item.added","output_index":0,"item":{"id":"rs_ab0000","type":"reasoning","summary":[],
      "content":[],"status":"in_progress"}},
    {"type":"response.content_part.added","item_id":"rs_ab0000","output_index":0,"content_index":0,
      "part":{"type":"reasoning_text","text":""}},
    {"type":"response.reasoning_text.delta","item_id":"rs_ab0000","output_index":0,"content_index":0,"delta":"Hm"},
    {"type":"response.reasoning_text.done","item_id":"rs_ab0000","output_index":0,"content_index":0,"text":"Hm"},
    {"type":"response.content_part.done","item_id":"rs_ab0000","output_index":0,"content_index":0,
      "part":{"type":"reasoning_text","text":"Hm"}},
    {"type":"response.output_item.done","output_index":0,"item":)" + output[0].dump() + R"(},
    {"type":"response.output_item.added","output_index":1,"item":{"id":"msg_ab0001","type":"message",
      "status":"in_progress","role":"assistant","content":[]}},
    {"type":"response.content_part.added","item_id":"msg_ab0001","output_index":1,"content_index":0,
      "part":{"type":"output_text","text":"","annotations":[],"logprobs":[]}},
    {"type":"response.output_text.delta","item_id":"msg_ab0001","output_index":1,"content_index":0,"delta":"O","logprobs":[]},
    {"type":"response.output_text.delta","item_id":"msg_ab0001","output_index":1,"content_index":0,"delta":"k","logprobs":[]},
    {"type":"response.output_text.done","item_id":"msg_ab0001","output_index":1,"content_index":0,"text":"Ok","logprobs":[]},
    {"type":"response.content_part.done","item_id":"msg_ab0001","output_index":1,"content_index":0,
      "part":{"type":"output_text","text":"Ok","annotations":[],"logprobs":[]}},
    {"type":"response.output_item.done","output_index":1,"item":)" + output[1].dump() + R"(},
    {"type":"response.output_item.added","output_index":2,"item":{"id":"fc_ab0002","type":"function_call",
      "status":"in_progress","call_id":"c0","name":"f","arguments":""}},
    {"type":"response.function_call_arguments.delta","item_id":"fc_ab0002","output_index":2,"delta":"{\"a\""},
    {"type":"response.function_call_arguments.delta","item_id":"fc_ab0002","output_index":2,"delta":":1}"},
    {"type":"response.function_call_arguments.done","item_id":"fc_ab0002","output_index":2,"name":"f",
      "arguments":"{\"a\":1}"},
    {"type":"response.output_item.done","output_index":2,"item":)" + output[2].dump() + "}]"));
}

TEST(ResponsesAnswer, WhatIsCutOffIsIncomplete) {
  Written w;
  TestResponse stream;
  w.writer.Begin(stream.body);
  for (ChoiceDelta& delta : Deltas("length")) w.writer.Delta(std::move(delta), kUsage, stream.body);
  w.writer.End(kUsage, stream.body);
  const json last = stream.Events().back();
  EXPECT_EQ(last["type"], "response.incomplete");
  EXPECT_EQ(last["response"]["status"], "incomplete");
  EXPECT_EQ(last["response"]["incomplete_details"], (json{{"reason", "max_output_tokens"}}));
  EXPECT_EQ(last["response"]["output"][1]["status"], "completed");
  EXPECT_EQ(last["response"]["output"][2]["status"], "incomplete");
  EXPECT_TRUE(last["response"]["completed_at"].is_null());
}

TEST(ResponsesAnswer, FailuresOfAStreamAreNotKept) {
  Written w;
  TestResponse stream;
  w.writer.Begin(stream.body);
  w.writer.Delta({.text = "a"}, kUsage, stream.body);
  w.writer.Fail({.status = 503, .message = "gone"}, kUsage, stream.body);
  const json last = stream.Events().back();
  EXPECT_EQ(last["type"], "response.failed");
  EXPECT_EQ(last["response"]["status"], "failed");
  EXPECT_EQ(last["response"]["error"], json::parse(R"({"code":"server_error","message":"gone"})"));
  EXPECT_EQ(w.kept, "");
}

// ---- The store -----------------------------------------------------------------------------------------------------

TEST(ResponsesStore, IsEachTenantsOwn) {
  ResponseStore store;
  store.Put(1, "a", {.response = "r", .input = "i"});
  EXPECT_EQ(store.Get(2, "a"), nullptr);
  EXPECT_FALSE(store.Remove(2, "a"));
  ASSERT_NE(store.Get(1, "a"), nullptr);
  EXPECT_EQ(store.Get(1, "a")->input, "i");
  EXPECT_TRUE(store.Remove(1, "a"));
  EXPECT_FALSE(store.Remove(1, "a"));
  EXPECT_EQ(store.Get(1, "a"), nullptr);
}

TEST(ResponsesStore, ForgetsWhatWasNotUsedForTheLongestTime) {
  ResponseStore store;
  for (std::size_t i = 0; i < ResponseStore::kMaxResponses; ++i) store.Put(0, std::to_string(i), {});
  ASSERT_NE(store.Get(0, "0"), nullptr);
  store.Put(0, "more", {});
  store.Put(1, "another's", {});
  EXPECT_NE(store.Get(0, "0"), nullptr);
  EXPECT_EQ(store.Get(0, "1"), nullptr);
  EXPECT_NE(store.Get(0, "2"), nullptr);
}

TEST(ResponsesStore, IsBoundedInBytes) {
  ResponseStore store;
  const std::string half(ResponseStore::kMaxBytes / 2, 'x');
  store.Put(0, "a", {.response = half, .input = ""});
  store.Put(0, "b", {.response = "", .input = half});
  EXPECT_NE(store.Get(0, "a"), nullptr);
  store.Put(0, "c", {.response = "1", .input = ""});
  EXPECT_EQ(store.Get(0, "b"), nullptr);
  EXPECT_NE(store.Get(0, "a"), nullptr);
  EXPECT_NE(store.Get(0, "c"), nullptr);
}

// ---- Over sockets --------------------------------------------------------------------------------------------------

class ResponsesApi : public testing::Test {
 protected:
  static Running& Server() {
    static Running running;
    return running;
  }
  static TestResponse Ask(std::string_view method, const std::string& path, const std::string& body = "") {
    return TestClient(Server().port()).Ask(method, path, body);
  }
  static json Ok(const std::string& body) {
    const TestResponse response = Ask("POST", std::string(kResponses), body);
    EXPECT_EQ(response.status, 200) << body << "\n" << response.body;
    return response.Json();
  }
  static std::string PathOf(const json& response) {
    return std::string(kResponses) + "/" + response["id"].get<std::string>();
  }
  static std::string TextOf(const json& response) {
    std::string text;
    for (const json& item : response["output"]) text += item["content"][0]["text"];
    return text;
  }
  static std::string Greedy(const std::string& more = "", const std::string& input = R"("Hi")") {
    return Body(R"("temperature":0,"max_output_tokens":8)" + (more.empty() ? "" : "," + more), input);
  }
};

TEST_F(ResponsesApi, AResponseIsWhatAChatIs) {
  const json response = Ok(Greedy());
  EXPECT_TRUE(response["id"].get<std::string>().starts_with("resp_"));
  EXPECT_EQ(response["model"], "tiny");
  const json chat =
      Ask("POST", std::string(kChat), R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":8,"temperature":0})")
          .Json();
  EXPECT_EQ(json(TextOf(response)), chat["choices"][0]["message"]["content"]);
  EXPECT_EQ(response["usage"]["input_tokens"], chat["usage"]["prompt_tokens"]);
  EXPECT_EQ(response["status"], chat["choices"][0]["finish_reason"] == "length" ? "incomplete" : "completed");
}

TEST_F(ResponsesApi, AStreamEndsWithTheWhole) {
  const json whole = Ok(Greedy());
  const auto events = Ask("POST", std::string(kResponses), Greedy(R"("stream":true)")).Events();
  std::string text;
  for (const json& event : events) {
    if (event["type"] == "response.output_text.delta") text += event["delta"];
  }
  EXPECT_EQ(text, TextOf(whole));
  const json& last = events.back()["response"];
  EXPECT_EQ(TextOf(last), text);
  EXPECT_EQ(last["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
  EXPECT_EQ(Ask("GET", PathOf(last)).Json(), last);
}

TEST_F(ResponsesApi, IsStoredUntilItIsDeleted) {
  const json response = Ok(Greedy());
  EXPECT_EQ(Ask("GET", PathOf(response)).Json(), response);
  EXPECT_EQ(Ask("DELETE", PathOf(response)).Json(),
            (json{{"id", response["id"]}, {"object", "response"}, {"deleted", true}}));
  ExpectError(Ask("GET", PathOf(response)), 404, "not_found");
  ExpectError(Ask("DELETE", PathOf(response)), 404, "not_found");
  ExpectError(Ask("GET", PathOf(Ok(Greedy(R"("store":false)")))), 404, "not_found");
  const TestResponse streamed = Ask("GET", PathOf(Ok(Greedy())) + "?stream=true");
  ExpectError(streamed, 400, "");
  EXPECT_EQ(streamed.Json()["error"]["param"], "stream");
}

TEST_F(ResponsesApi, GoesOnFromAnEarlierOne) {
  const json first = Ok(Greedy(R"("instructions":"Be brief")"));
  const json second =
      Ok(Greedy(R"("previous_response_id":)" + first["id"].dump(), R"([{"role":"user","content":"More"}])"));
  EXPECT_EQ(second["previous_response_id"], first["id"]);
  json input = json::array({{{"role", "user"}, {"content", "Hi"}}});
  for (const json& item : first["output"]) input.push_back(item);
  input.push_back({{"role", "user"}, {"content", "More"}});
  const json by_hand = Ok(Greedy("", input.dump()));
  EXPECT_EQ(TextOf(second), TextOf(by_hand));
  EXPECT_EQ(second["usage"]["input_tokens"], by_hand["usage"]["input_tokens"]);
  const TestResponse unknown = Ask("POST", std::string(kResponses), Greedy(R"("previous_response_id":"resp_x")"));
  ExpectError(unknown, 400, "previous_response_not_found");
}

TEST_F(ResponsesApi, ListsInputItemsInPages) {
  const json response = Ok(Greedy("", R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"},
      {"role":"user","content":"c"}])"));
  const std::string path = PathOf(response) + "/input_items";
  const auto texts = [](const json& list) {
    std::vector<std::string> all;
    for (const json& item : list["data"]) all.push_back(item["content"][0]["text"]);
    return all;
  };
  const json all = Ask("GET", path).Json();
  EXPECT_EQ(all["object"], "list");
  EXPECT_THAT(texts(all), ElementsAre("c", "b", "a"));
  EXPECT_EQ(all["has_more"], false);
  EXPECT_EQ(all["first_id"], all["data"][0]["id"]);
  const json page = Ask("GET", path + "?order=asc&limit=2").Json();
  EXPECT_THAT(texts(page), ElementsAre("a", "b"));
  EXPECT_EQ(page["has_more"], true);
  EXPECT_EQ(page["last_id"], page["data"][1]["id"]);
  EXPECT_THAT(texts(Ask("GET", path + "?order=asc&after=" + page["last_id"].get<std::string>()).Json()),
              ElementsAre("c"));
  for (const char* bad : {"?limit=0", "?limit=x", "?order=up", "?after=nothing", "?page=2"}) {
    ExpectError(Ask("GET", path + bad), 400, "");
  }
  ExpectError(Ask("GET", std::string(kResponses) + "/resp_none/input_items"), 404, "not_found");
}

TEST_F(ResponsesApi, ErrorsNameItsFields) {
  const TestResponse long_prompt = Ask("POST", std::string(kResponses), Body("", json(std::string(300, 'x')).dump()));
  ExpectError(long_prompt, 400, "context_length_exceeded");
  EXPECT_EQ(long_prompt.Json()["error"]["param"], "input");
  const TestResponse raised = Ask("POST", std::string(kResponses), Body("", R"("forbidden")"));
  ExpectError(raised, 400, "");
  EXPECT_EQ(raised.Json()["error"]["param"], "input");
  ExpectError(Ask("POST", std::string(kResponses), Body(R"("model":"other")")), 404, "model_not_found");
  const TestResponse wrong = Ask("PUT", std::string(kResponses) + "/resp_x");
  ExpectError(wrong, 405, "method_not_allowed");
  EXPECT_EQ(wrong.headers.at("allow"), "GET, HEAD, DELETE, OPTIONS");
}

constexpr const char* kSchema =
    R"({"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":99}},"required":["n"],
        "additionalProperties":false})";

TEST(ResponsesTools, AForcedToolIsCalledAndAnswered) {
  const Running running(Options(), {.max_context = 2048});
  const auto ask = [&](const std::string& more) {
    const std::string body = R"({"max_output_tokens":200,"temperature":0,"parallel_tool_calls":false,"tools":[
        {"type":"function","name":"f","strict":true,"parameters":)" +
                             std::string(kSchema) + "}]," + more + "}";
    const TestResponse response = TestClient(running.port()).Ask("POST", kResponses, body);
    EXPECT_EQ(response.status, 200) << response.body;
    return response;
  };
  for (const char* choice :
       {R"("required")", R"({"type":"function","name":"f"})",
        R"({"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"}]})"}) {
    const std::string asked = R"("input":"Go","tool_choice":)" + std::string(choice);
    const json response = ask(asked).Json();
    EXPECT_EQ(response["status"], "completed");
    EXPECT_EQ(response["tool_choice"], json::parse(choice));
    ASSERT_FALSE(response["output"].empty());
    const json& call = response["output"].back();
    EXPECT_EQ(call["type"], "function_call");
    EXPECT_EQ(call["name"], "f");
    EXPECT_LE(json::parse(call["arguments"].get<std::string>()).at("n").get<int>(), 99);
    std::string arguments;
    for (const json& event : ask(asked + R"(,"stream":true)").Events()) {
      if (event["type"] == "response.function_call_arguments.delta") arguments += event["delta"];
      if (event["type"] == "response.function_call_arguments.done") EXPECT_EQ(event["arguments"], arguments);
    }
    EXPECT_EQ(json(arguments), call["arguments"]);
    const json result = {{"type", "function_call_output"}, {"call_id", call["call_id"]}, {"output", "7"}};
    const json next = ask(R"("tool_choice":"none","previous_response_id":)" + response["id"].dump() +
                          ",\"input\":" + json::array({result}).dump())
                          .Json();
    const json alone = ask(R"("input":"Go","tool_choice":"none")").Json();
    EXPECT_GT(next["usage"]["input_tokens"], alone["usage"]["input_tokens"]);
  }
}

TEST_F(ResponsesApi, AnswersHaveTheFormatThatIsAskedFor) {
  const std::string schema(kSchema);
  const json response =
      Ok(Body(R"("text":{"format":{"type":"json_schema","name":"x","strict":true,"schema":)" + schema + "}}"));
  EXPECT_LE(json::parse(TextOf(response)).at("n").get<int>(), 99);
  EXPECT_EQ(response["text"]["format"]["name"], "x");
  const TestResponse refused =
      Ask("POST", std::string(kResponses),
          Body(R"("text":{"format":{"type":"json_schema","name":"x","schema":{"pattern":"(?<=x)y"}}})"));
  ExpectError(refused, 400, "unsupported_parameter");
  EXPECT_EQ(refused.Json()["error"]["param"], "text.format.schema");
}

TEST(ResponsesAccess, StoredResponsesAreTheKeysOwn) {
  ServerOptions options = Options();
  options.api_keys = {"one", "two"};
  const Running running(std::move(options));
  TestClient client(running.port());
  const json response =
      client.Ask("POST", kResponses, Body(R"("max_output_tokens":2)"), "Authorization: Bearer one\r\n").Json();
  const std::string path = std::string(kResponses) + "/" + response["id"].get<std::string>();
  ExpectError(client.Ask("GET", path), 401, "invalid_api_key");
  ExpectError(client.Ask("GET", path, "", "Authorization: Bearer two\r\n"), 404, "not_found");
  ExpectError(client.Ask("POST", kResponses, Body(R"("previous_response_id":)" + response["id"].dump()),
                         "Authorization: Bearer two\r\n"),
              400, "previous_response_not_found");
  EXPECT_EQ(client.Ask("GET", path, "", "Authorization: Bearer one\r\n").status, 200);
}

}  // namespace
}  // namespace strata::serve::responses
