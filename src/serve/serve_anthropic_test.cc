// Anthropic's Messages API: what its answers look like, and the whole way over sockets.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/anthropic/error.h"
#include "serve/anthropic/messages_writer.h"
#include "serve/test_server.h"

namespace strata::serve::anthropic {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kMessages = "/v1/messages";

std::string Body(const std::string& more = "", const std::string& messages = R"([{"role":"user","content":"Hello"}])") {
  return R"({"model":"tiny","max_tokens":12,"messages":)" + messages + (more.empty() ? "" : "," + more) + "}";
}

// ---- Answers -------------------------------------------------------------------------------------------------------

const MessageHeader kHeader{.id = "msg_1", .model = "m", .max_tokens = 9, .omit_thinking = false};
const Usage kUsage{.prompt_tokens = 10, .completion_tokens = 5, .cached_tokens = 4, .reasoning_tokens = 2};

std::vector<ChoiceDelta> Deltas() {
  std::vector<ChoiceDelta> deltas;
  deltas.push_back({.reasoning = "H"});
  deltas.push_back({.text = "Ok", .reasoning = "m"});
  deltas.push_back({.text = ".", .calls = {{.index = 0, .id = "c0", .name = "f", .arguments = R"({"a")"}}});
  deltas.push_back({.calls = {{.index = 0, .arguments = ":1}"}, {.index = 1, .id = "c1", .name = "g"}}});
  deltas.push_back({.finish_reason = "tool_calls"});
  return deltas;
}

json WholeOf(const MessageHeader& header, ChoiceDelta answer, const Usage& usage = kUsage) {
  MessagesWriter writer(header);
  writer.Answer({std::move(answer)});
  return json::parse(writer.Whole(usage));
}

TEST(AnthropicAnswer, Whole) {
  ChoiceDelta sum;
  for (ChoiceDelta& delta : Deltas()) sum.Append(std::move(delta));
  EXPECT_EQ(WholeOf(kHeader, sum), json::parse(R"({"id":"msg_1",
      "type":"message","role":"assistant","model":"m","content":[
        {"type":"thinking","thinking":"Hm","signature":"unsigned"},{"type":"text","text":"Ok."},
        {"type":"tool_use","id":"c0","name":"f","input":{"a":1}},{"type":"tool_use","id":"c1","name":"g","input":{}}],
      "stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":6,"cache_creation_input_tokens":0,
        "cache_read_input_tokens":4,"output_tokens":5,"output_tokens_details":{"thinking_tokens":2},
        "service_tier":"standard"}})"));
}

TEST(AnthropicAnswer, Streamed) {
  MessagesWriter writer(kHeader);
  TestResponse stream;
  writer.Begin(stream.body);
  EXPECT_EQ(stream.body, "");
  for (ChoiceDelta& delta : Deltas()) writer.Delta(std::move(delta), kUsage, stream.body);
  writer.End(kUsage, stream.body);
  const json expected = json::parse(R"([
    {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],
      "stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":6,"cache_creation_input_tokens":0,
      "cache_read_input_tokens":4,"output_tokens":5,"output_tokens_details":{"thinking_tokens":2},
      "service_tier":"standard"}}},
    {"type":"ping"},
    {"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}},
    {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"H"}},
    {"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"m"}},
    {"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"unsigned"}},
    {"type":"content_block_stop","index":0},
    {"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}},
    {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"Ok"}},
    {"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"."}},
    {"type":"content_block_stop","index":1},
    {"type":"content_block_start","index":2,"content_block":{"type":"tool_use","id":"c0","name":"f","input":{}}},
    {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}},
    {"type":"content_block_delta","index":2,"delta":{"type":"input_json_delta","partial_json":":1}"}},
    {"type":"content_block_stop","index":2},
    {"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"c1","name":"g","input":{}}},
    {"type":"content_block_stop","index":3},
    {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},"usage":{"input_tokens":6,
      "cache_creation_input_tokens":0,"cache_read_input_tokens":4,"output_tokens":5,
      "output_tokens_details":{"thinking_tokens":2}}},
    {"type":"message_stop"}])");
  EXPECT_EQ(json(stream.Events()), expected);
}

TEST(AnthropicAnswer, ThinkingMayBeOmitted) {
  MessageHeader header = kHeader;
  header.omit_thinking = true;
  const json whole = WholeOf(header, {.reasoning = "Hm"});
  EXPECT_EQ(whole["content"][0], json::parse(R"({"type":"thinking","thinking":"","signature":"unsigned"})"));
  MessagesWriter writer(header);
  TestResponse stream;
  writer.Delta({.reasoning = "Hm"}, kUsage, stream.body);
  EXPECT_THAT(stream.body, testing::Not(HasSubstr("Hm")));
}

TEST(AnthropicAnswer, StopReasons) {
  const auto stop = [](ChoiceDelta answer, std::int64_t tokens = 5) {
    const json whole = WholeOf(kHeader, std::move(answer), {.completion_tokens = tokens});
    return std::pair(whole["stop_reason"].get<std::string>(), whole["stop_sequence"]);
  };
  EXPECT_EQ(stop({.finish_reason = "stop"}), std::pair(std::string("end_turn"), json()));
  EXPECT_EQ(stop({.finish_reason = "stop", .stop_reason = std::string("x")}),
            std::pair(std::string("stop_sequence"), json("x")));
  EXPECT_EQ(stop({.finish_reason = "length"}, 9), std::pair(std::string("max_tokens"), json()));
  EXPECT_EQ(stop({.finish_reason = "length"}).first, "model_context_window_exceeded");
}

TEST(AnthropicAnswer, ACallThatIsCutOffHasNoInput) {
  const json whole =
      WholeOf(kHeader, {.calls = {{.id = "c", .name = "f", .arguments = R"({"a":)"}}, .finish_reason = "length"});
  EXPECT_EQ(whole["content"][0]["input"], json::object());
}

TEST(AnthropicAnswer, FailuresOfAStream) {
  MessagesWriter writer(kHeader);
  TestResponse stream;
  writer.Fail({.status = 503, .message = "gone"}, kUsage, stream.body);
  EXPECT_EQ(json(stream.Events()),
            json::parse(R"([{"type":"error","error":{"type":"overloaded_error","message":"gone"}}])"));
}

TEST(AnthropicError, StatusesAndTypes) {
  const auto of = [](int status) {
    const HttpResponse response = anthropic::ErrorResponse({.status = status, .message = "m"}, "req-1");
    const json body = json::parse(response.body);
    EXPECT_EQ(body["type"], "error");
    EXPECT_EQ(body["request_id"], "req-1");
    EXPECT_EQ(body["error"]["message"], "m");
    return std::pair(response.status, body["error"]["type"].get<std::string>());
  };
  const std::vector<std::pair<int, std::pair<int, std::string>>> expected = {
      {400, {400, "invalid_request_error"}}, {401, {401, "authentication_error"}},
      {404, {404, "not_found_error"}},       {405, {405, "invalid_request_error"}},
      {408, {504, "timeout_error"}},         {413, {413, "request_too_large"}},
      {429, {429, "rate_limit_error"}},      {500, {500, "api_error"}},
      {503, {529, "overloaded_error"}}};
  for (const auto& [status, shown] : expected) EXPECT_EQ(of(status), shown);
}

// ---- Over sockets --------------------------------------------------------------------------------------------------

class AnthropicApi : public testing::Test {
 protected:
  static Running& Server() {
    static Running running;
    return running;
  }
  static TestResponse Post(const std::string& body, std::string_view path = kMessages) {
    return TestClient(Server().port()).Ask("POST", path, body, "anthropic-version: 2023-06-01\r\n");
  }
  static json Ok(const std::string& body, std::string_view path = kMessages) {
    const TestResponse response = Post(body, path);
    EXPECT_EQ(response.status, 200) << body << "\n" << response.body;
    return response.Json();
  }
};

void ExpectAnthropicError(const TestResponse& response, int status, const std::string& type) {
  EXPECT_EQ(response.status, status) << response.body;
  const json body = response.Json();
  ASSERT_TRUE(body.is_object()) << response.body;
  EXPECT_EQ(body["type"], "error");
  EXPECT_EQ(body["error"]["type"], type);
  EXPECT_FALSE(body["error"]["message"].get<std::string>().empty());
  EXPECT_EQ(body["request_id"], response.headers.at("request-id"));
}

/// Without a seed the answer is the same only when it is greedy.
constexpr const char* kGreedy = R"("temperature":0)";

TEST_F(AnthropicApi, AMessageIsWhatAChatIs) {
  const json message = Ok(Body(kGreedy));
  EXPECT_TRUE(message["id"].get<std::string>().starts_with("msg_"));
  EXPECT_EQ(message["model"], "tiny");
  const json chat =
      TestClient(Server().port())
          .Ask("POST", kChat, R"({"messages":[{"role":"user","content":"Hello"}],"max_tokens":12,"temperature":0})")
          .Json();
  std::string text;
  for (const json& block : message["content"]) text += block["text"];
  EXPECT_EQ(json(text), chat["choices"][0]["message"]["content"]);
  const json& usage = message["usage"];
  EXPECT_EQ(usage["input_tokens"].get<int>() + usage["cache_read_input_tokens"].get<int>(),
            chat["usage"]["prompt_tokens"]);
  EXPECT_EQ(usage["output_tokens"], chat["usage"]["completion_tokens"]);
}

TEST_F(AnthropicApi, AStreamAddsUpToTheWhole) {
  const json whole = Ok(Body(kGreedy));
  const TestResponse response = Post(Body(std::string(kGreedy) + R"(,"stream":true)"));
  EXPECT_THAT(response.headers.at("content-type"), HasSubstr("text/event-stream"));
  const std::vector<json> events = response.Events();
  ASSERT_GE(events.size(), 4U);
  json message = events.front()["message"];
  EXPECT_EQ(message["content"], json::array());
  for (const json& event : events) {
    if (event["type"] == "content_block_start") message["content"].push_back(event["content_block"]);
    if (event["type"] == "content_block_delta") {
      json& text = message["content"][event["index"].get<std::size_t>()]["text"];
      text = text.get<std::string>() + event["delta"]["text"].get<std::string>();
    }
    if (event["type"] == "message_delta") {
      message.update(event["delta"]);
      message["usage"].update(event["usage"]);
    }
  }
  EXPECT_EQ(events.back()["type"], "message_stop");
  EXPECT_EQ(message["content"], whole["content"]);
  EXPECT_EQ(message["stop_reason"], whole["stop_reason"]);
  EXPECT_EQ(message["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
}

TEST_F(AnthropicApi, StopSequencesAreNamed) {
  const std::string text = Ok(Body(kGreedy))["content"][0]["text"];
  ASSERT_GE(text.size(), 6U);
  const std::string stop = text.substr(2, 2);
  const json message = Ok(Body(std::string(kGreedy) + ",\"stop_sequences\":" + json::array({stop}).dump()));
  EXPECT_EQ(message["stop_reason"], "stop_sequence");
  EXPECT_EQ(message["stop_sequence"], stop);
  EXPECT_EQ(message["content"][0]["text"], text.substr(0, text.find(stop)));
}

TEST_F(AnthropicApi, APrefillIsContinued) {
  const std::string messages = R"([{"role":"user","content":"Hello"},{"role":"assistant","content":"The"}])";
  const json message = Ok(Body(kGreedy, messages));
  const json chat =
      TestClient(Server().port())
          .Ask("POST", kChat,
               R"({"messages":)" + messages + R"(,"max_tokens":12,"temperature":0,"continue_final_message":true})")
          .Json();
  EXPECT_EQ(message["content"][0]["text"], chat["choices"][0]["message"]["content"]);
}

TEST_F(AnthropicApi, MaxTokensBeyondTheContextFillIt) {
  const std::string body =
      R"({"model":"tiny","max_tokens":100000,"temperature":0,"messages":[{"role":"user","content":"Hello"}]})";
  const json message = Ok(body);
  const int total = message["usage"]["input_tokens"].get<int>() +
                    message["usage"]["cache_read_input_tokens"].get<int>() +
                    message["usage"]["output_tokens"].get<int>();
  if (message["stop_reason"] == "model_context_window_exceeded") {
    EXPECT_EQ(total, 256);
  } else {
    EXPECT_EQ(message["stop_reason"], "end_turn");
  }
}

TEST_F(AnthropicApi, CountTokensIsThePrompt) {
  const std::string system = R"("system":"Be brief")";
  const json usage = Ok(Body(system))["usage"];
  const std::string count = R"({"model":"tiny","messages":[{"role":"user","content":"Hello"}],)" + system + "}";
  EXPECT_EQ(Ok(count, "/v1/messages/count_tokens"),
            (json{{"input_tokens", usage["input_tokens"].get<int>() + usage["cache_read_input_tokens"].get<int>()}}));
  ExpectAnthropicError(
      Post(R"({"model":"other","messages":[{"role":"user","content":"a"}]})", "/v1/messages/count_tokens"), 404,
      "not_found_error");
}

TEST_F(AnthropicApi, ErrorsAreAnthropics) {
  ExpectAnthropicError(Post("{"), 400, "invalid_request_error");
  const TestResponse image = Post(Body("", R"([{"role":"user","content":[{"type":"image","source":{}}]}])"));
  ExpectAnthropicError(image, 400, "invalid_request_error");
  EXPECT_THAT(image.body, HasSubstr("messages[0].content[0].type"));
  ExpectAnthropicError(Post(R"({"model":"other","max_tokens":1,"messages":[{"role":"user","content":"a"}]})"), 404,
                       "not_found_error");
  ExpectAnthropicError(TestClient(Server().port()).Ask("GET", kMessages), 405, "invalid_request_error");
  const TestResponse raised = Post(Body("", R"([{"role":"user","content":"forbidden"}])"));
  ExpectAnthropicError(raised, 400, "invalid_request_error");
  EXPECT_THAT(raised.body, HasSubstr("not this word"));
  const TestResponse long_prompt = Post(Body("", R"([{"role":"user","content":")" + std::string(300, 'x') + R"("}])"));
  ExpectAnthropicError(long_prompt, 400, "invalid_request_error");
  EXPECT_THAT(long_prompt.body, HasSubstr("prompt is too long"));
}

constexpr const char* kSchema =
    R"({"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":99}},"required":["n"],
        "additionalProperties":false})";

TEST(AnthropicTools, AForcedToolIsCalledAndAnswered) {
  const Running running(Options(), {.max_context = 2048});
  const auto ask = [&](const std::string& messages, const std::string& choice, const std::string& more = "") {
    const std::string body =
        R"({"model":"tiny","max_tokens":200,"temperature":0,"tools":[{"name":"f","input_schema":)" +
        std::string(kSchema) + R"(}],"tool_choice":)" + choice + ",\"messages\":" + messages + more + "}";
    const TestResponse response = TestClient(running.port()).Ask("POST", kMessages, body);
    EXPECT_EQ(response.status, 200) << response.body;
    return response;
  };
  for (const char* choice : {R"({"type":"any","disable_parallel_tool_use":true})",
                             R"({"type":"tool","name":"f","disable_parallel_tool_use":true})"}) {
    json messages = json::array({{{"role", "user"}, {"content", "Go"}}});
    const json message = ask(messages.dump(), choice).Json();
    EXPECT_EQ(message["stop_reason"], "tool_use");
    ASSERT_FALSE(message["content"].empty());
    const json& call = message["content"].back();
    EXPECT_EQ(call["type"], "tool_use");
    EXPECT_EQ(call["name"], "f");
    EXPECT_LE(call["input"].at("n").get<int>(), 99);
    std::string input;
    for (const json& event : ask(messages.dump(), choice, R"(,"stream":true)").Events()) {
      if (event["type"] == "content_block_delta") input += event["delta"].value("partial_json", "");
    }
    EXPECT_EQ(json::parse(input), call["input"]);
    messages.push_back({{"role", "assistant"}, {"content", message["content"]}});
    messages.push_back(
        {{"role", "user"},
         {"content", json::array({{{"type", "tool_result"}, {"tool_use_id", call["id"]}, {"content", "7"}}})}});
    EXPECT_EQ(ask(messages.dump(), R"({"type":"none"})").Json()["type"], "message");
  }
}

TEST_F(AnthropicApi, AnswersHaveTheFormatThatIsAskedFor) {
  const std::string format =
      R"("output_config":{"format":{"type":"json_schema","schema":)" + std::string(kSchema) + "}}";
  const json message =
      Ok(R"({"model":"tiny","max_tokens":80,"messages":[{"role":"user","content":"Hello"}],)" + format + "}");
  EXPECT_LE(json::parse(message["content"][0]["text"].get<std::string>()).at("n").get<int>(), 99);
  ExpectAnthropicError(
      Post(Body(R"("output_config":{"format":{"type":"json_schema","schema":{"pattern":"(?<=x)y"}}})")), 400,
      "invalid_request_error");
}

TEST(AnthropicAccess, KeysComeInTheirHeader) {
  ServerOptions options = Options();
  options.api_keys = {"secret"};
  const Running running(std::move(options));
  const auto ask = [&](std::string_view headers) {
    return TestClient(running.port()).Ask("POST", kMessages, Body(), headers);
  };
  ExpectAnthropicError(ask(""), 401, "authentication_error");
  ExpectAnthropicError(ask("X-Api-Key: wrong\r\n"), 401, "authentication_error");
  EXPECT_EQ(ask("x-api-key: secret\r\n").status, 200);
  EXPECT_EQ(ask("Authorization: Bearer secret\r\n").status, 200);
}

TEST(AnthropicAccess, AModelThatIsNotReadyIsOverload) {
  auto server = Server::Start(Options());
  ASSERT_TRUE(server);
  const TestResponse response = TestClient((*server)->port()).Ask("POST", kMessages, Body());
  ExpectAnthropicError(response, 529, "overloaded_error");
  EXPECT_EQ(response.headers.at("retry-after"), "1");
}

}  // namespace
}  // namespace strata::serve::anthropic
