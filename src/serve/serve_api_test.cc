// What the endpoints mean, with a real engine: the same answers whole and streamed, alone and among others.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/test_server.h"

namespace strata::serve {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kCompletions = "/v1/completions";

/// One server for all: a request must not matter to the next.
class Api : public testing::Test {
 protected:
  static Running& Server() {
    static Running running([] {
      ServerOptions options = Options();
      options.model_aliases = {"org/alias"};
      return options;
    }());
    return running;
  }
  static TestResponse Post(std::string_view path, const std::string& body) {
    return TestClient(Server().port()).Ask("POST", path, body);
  }
  static json Ok(std::string_view path, const std::string& body) {
    const TestResponse response = Post(path, body);
    EXPECT_EQ(response.status, 200) << body << "\n" << response.body;
    return response.Json();
  }
  static json Get(const std::string& path) { return TestClient(Server().port()).Ask("GET", path).Json(); }

  static std::string Sampled(const std::string& more) {
    return R"({"prompt":"Once","max_tokens":12,"ignore_eos":true,"seed":11,"temperature":1)" + more + "}";
  }
};

std::string WeatherAndOthers(int others) {
  std::string tools = R"({"type":"function","function":{"name":"get_weather","description":"Weather of a city",
      "parameters":{"type":"object","properties":{"u":{"enum":["C","F"]}},"required":["u"],"additionalProperties":false}}})";
  for (int i = 0; i < others; ++i) {
    tools = fmt::format(R"({{"type":"function","function":{{"name":"other_{}"}}}},{})", i, tools);
  }
  return R"(,"tools":[)" + tools + "]";
}

json AskChat(const Running& running, const std::string& body) {
  const TestResponse response = TestClient(running.port()).Ask("POST", kChat, body);
  EXPECT_EQ(response.status, 200) << response.body;
  return response.Json();
}

TEST(ManyTools, APromptCarriesTheToolsThatFit) {
  const Running running(Options(), {.max_context = 4096});
  const std::string body = R"({"messages":[{"role":"user","content":"weather?"}],"max_tokens":20,"temperature":0,)"
                           R"("ignore_eos":true)" +
                           WeatherAndOthers(3);
  const json all = AskChat(running, body + "}");
  EXPECT_FALSE(all.contains("strata"));
  const json some = AskChat(running, body + R"(,"max_tool_tokens":230})");
  EXPECT_EQ(some["strata"], json::parse(R"({"tools_offered":4,"tools_carried":["get_weather"]})"));
  EXPECT_LT(some["usage"]["prompt_tokens"], all["usage"]["prompt_tokens"]);
  const TestResponse streamed =
      TestClient(running.port()).Ask("POST", kChat, body + R"(,"max_tool_tokens":230,"stream":true})");
  EXPECT_THAT(streamed.body, HasSubstr(R"("strata":{"tools_offered":4,"tools_carried":["get_weather"]})"));
  EXPECT_THAT(TestClient(running.port()).Ask("GET", "/metrics").body, HasSubstr("strata:tools_offered_total"));
}

TEST(ManyTools, ToolsThatThePromptDoesNotCarryCanBeCalled) {
  const Running running(Options(), {.max_context = 4096});
  const json answer =
      AskChat(running, ChatBody(100, WeatherAndOthers(2) + R"(,"max_tool_tokens":0,"tool_choice":"required")"));
  EXPECT_EQ(answer["strata"]["tools_carried"], json::array());
  const std::string name = answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"];
  EXPECT_TRUE(name.starts_with("other_") || name == "get_weather") << name;
  const json named = AskChat(
      running,
      ChatBody(100, WeatherAndOthers(2) +
                        R"(,"max_tool_tokens":0,"tool_choice":{"type":"function","function":{"name":"other_1"}})"));
  EXPECT_EQ(named["strata"]["tools_carried"], json::array({"other_1"}));
}

TEST_F(Api, Models) {
  const json list = Get("/v1/models");
  EXPECT_EQ(list["object"], "list");
  ASSERT_EQ(list["data"].size(), 2U);
  EXPECT_EQ(list["data"][0]["id"], "tiny");
  EXPECT_EQ(list["data"][0]["max_model_len"], 256);
  EXPECT_EQ(list["data"][0]["created"], 1'700'000'000);
  EXPECT_EQ(Get("/v1/models/org%2Falias")["id"], "org/alias");
  EXPECT_EQ(Get("/v1/models/org/alias")["object"], "model");
  ExpectError(TestClient(Server().port()).Ask("GET", "/v1/models/other"), 404, "model_not_found");
  const TestResponse wrong = Post(kChat, ChatBody(1, R"(,"model":"other")"));
  ExpectError(wrong, 404, "model_not_found");
  EXPECT_EQ(wrong.Json()["error"]["param"], "model");
  EXPECT_EQ(Ok(kChat, ChatBody(1, R"(,"model":"org/alias")"))["model"], "org/alias");
}

TEST_F(Api, TokenizeAndBack) {
  const json tokens = Ok("/tokenize", R"({"model":"tiny","prompt":"Hi you","return_token_strs":true})");
  EXPECT_EQ(tokens["count"], 6);
  EXPECT_EQ(tokens["max_model_len"], 256);
  EXPECT_EQ(tokens["token_strs"], (json{"H", "i", "Ġ", "y", "o", "u"}));
  EXPECT_EQ(Ok("/detokenize", json{{"tokens", tokens["tokens"]}}.dump()), (json{{"prompt", "Hi you"}}));
  EXPECT_TRUE(Ok("/tokenize", R"({"prompt":""})")["token_strs"].is_null());
  const json chat = Ok("/tokenize", R"({"messages":[{"role":"user","content":"a"}],"add_generation_prompt":false})");
  EXPECT_EQ(Ok("/detokenize", json{{"tokens", chat["tokens"]}}.dump())["prompt"], "<|start|>user\na<|end|>\n");
  const TestResponse unknown = Post("/detokenize", R"({"tokens":[0,131]})");
  ExpectError(unknown, 400, "");
  EXPECT_EQ(unknown.Json()["error"]["param"], "tokens[1]");
}

TEST_F(Api, ChatIsWhatTheTemplateAndACompletionAre) {
  const json chat = Ok(kChat, ChatBody(10, R"(,"return_token_ids":true)"));
  EXPECT_TRUE(chat["id"].get<std::string>().starts_with("chatcmpl-"));
  EXPECT_EQ(chat["usage"]["prompt_tokens"], chat["prompt_token_ids"].size());
  EXPECT_EQ(chat["usage"]["completion_tokens"], 10);
  EXPECT_EQ(chat["choices"][0]["finish_reason"], "length");
  const json text = Ok(kCompletions, R"({"prompt":"<|start|>user\nHi<|end|>\n<|start|>assistant\n","max_tokens":10,)"
                                     R"("temperature":0,"ignore_eos":true,"return_token_ids":true})");
  EXPECT_EQ(text["choices"][0]["text"], chat["choices"][0]["message"]["content"]);
  EXPECT_EQ(text["choices"][0]["prompt_token_ids"], chat["prompt_token_ids"]);
}

TEST_F(Api, AStreamAddsUpToTheWhole) {
  for (const char* more : {"", R"(,"stop":["a","e "])", R"(,"logprobs":true,"top_logprobs":3)", R"(,"n":3)"}) {
    const json whole = Ok(kChat, ChatBody(40, more));
    const auto events =
        Post(kChat, ChatBody(40, std::string(more) + R"(,"stream":true,"stream_options":{"include_usage":true})"))
            .Events();
    ASSERT_GE(events.size(), 4U);
    EXPECT_EQ(events.back(), "[DONE]");
    const json& usage = events[events.size() - 2];
    EXPECT_EQ(usage["choices"], json::array());
    EXPECT_EQ(usage["usage"], whole["usage"]);
    std::map<int, json> choices;
    for (std::size_t i = 0; i + 2 < events.size(); ++i) {
      const json& event = events[i];
      EXPECT_TRUE(event.at("usage").is_null());
      EXPECT_EQ(event["object"], "chat.completion.chunk");
      ASSERT_EQ(event["choices"].size(), 1U);
      const json& part = event["choices"][0];
      const bool first = !choices.contains(part["index"]);
      json& choice = choices[part["index"]];
      EXPECT_EQ(part["delta"].contains("role"), first);
      if (first) {
        EXPECT_EQ(part["delta"], (json{{"role", "assistant"}, {"content", ""}}));
        choice = {{"text", ""}, {"logprobs", json::array()}};
        continue;
      }
      EXPECT_FALSE(choice.contains("finish_reason")) << "a chunk after the last";
      choice["text"] = choice["text"].get<std::string>() + part["delta"].value("content", "");
      if (!part["logprobs"].is_null()) {
        for (const json& entry : part["logprobs"]["content"]) choice["logprobs"].push_back(entry);
      }
      if (!part["finish_reason"].is_null()) {
        EXPECT_EQ(part["delta"], json::object());
        choice["finish_reason"] = part["finish_reason"];
        choice["stop_reason"] = part["stop_reason"];
      }
    }
    ASSERT_EQ(choices.size(), whole["choices"].size());
    for (const json& choice : whole["choices"]) {
      const json& streamed = choices[choice["index"]];
      EXPECT_EQ(streamed["text"], choice["message"]["content"]) << more;
      EXPECT_EQ(streamed["finish_reason"], choice["finish_reason"]);
      EXPECT_EQ(streamed["stop_reason"], choice["stop_reason"]);
      if (!choice["logprobs"].is_null()) EXPECT_EQ(streamed["logprobs"], choice["logprobs"]["content"]);
    }
  }
}

TEST_F(Api, ACompletionStreamAddsUpToTheWhole) {
  const std::string more = R"(,"echo":true,"logprobs":2,"stop":["zz"])";
  const json whole = Ok(kCompletions, Sampled(more))["choices"][0];
  const auto events = Post(kCompletions, Sampled(more + R"(,"stream":true)")).Events();
  std::string text;
  json logprobs = {{"tokens", json::array()},
                   {"token_logprobs", json::array()},
                   {"top_logprobs", json::array()},
                   {"text_offset", json::array()}};
  for (const json& event : events) {
    if (event == "[DONE]") continue;
    EXPECT_FALSE(event.contains("usage"));
    text += event["choices"][0]["text"];
    for (auto& [name, list] : logprobs.items()) {
      for (const json& entry : event["choices"][0]["logprobs"][name]) list.push_back(entry);
    }
  }
  EXPECT_EQ(json(text), whole["text"]);
  EXPECT_EQ(logprobs, whole["logprobs"]);
}

TEST_F(Api, ContinuousUsageGrows) {
  const auto events = Post(kChat, ChatBody(5, R"(,"stream":true,"stream_options":{"include_usage":true,)"
                                              R"("continuous_usage_stats":true})"))
                          .Events();
  int last = 0;
  for (const json& event : events) {
    if (event == "[DONE]") continue;
    const int now = event["usage"]["completion_tokens"];
    EXPECT_GE(now, last);
    last = now;
  }
  EXPECT_EQ(last, 5);
}

TEST_F(Api, SeedsDecide) {
  const json three = Ok(kCompletions, Sampled(R"(,"n":3)"));
  const auto text = [](const json& response, std::size_t i) {
    return response["choices"][i]["text"].get<std::string>();
  };
  EXPECT_NE(text(three, 0), text(three, 1));
  EXPECT_NE(text(three, 1), text(three, 2));
  EXPECT_EQ(Ok(kCompletions, Sampled(R"(,"n":3)"))["choices"], three["choices"]);
  EXPECT_EQ(text(Ok(kCompletions, Sampled("")), 0), text(three, 0));  // whatever n is
  EXPECT_EQ(three["usage"]["prompt_tokens"], 4);                      // once
  EXPECT_EQ(three["usage"]["completion_tokens"], 36);
  const std::string unseeded = R"({"prompt":"Once","max_tokens":12,"ignore_eos":true})";
  EXPECT_NE(text(Ok(kCompletions, unseeded), 0), text(Ok(kCompletions, unseeded), 0));
}

TEST_F(Api, PromptsOfAListAnswerAsEachAlone) {
  const auto ask = [](const std::string& prompt, int n) {
    return Ok(kCompletions, R"({"prompt":)" + prompt + R"(,"max_tokens":6,"seed":3,"ignore_eos":true,"n":)" +
                                std::to_string(n) + "}");
  };
  const json both = ask(R"(["ab","cd"])", 2);
  ASSERT_EQ(both["choices"].size(), 4U);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(both["choices"][static_cast<std::size_t>(i)]["index"], i);
  EXPECT_EQ(both["choices"][2]["text"], ask(R"("cd")", 1)["choices"][0]["text"]);
  EXPECT_EQ(both["choices"][1]["text"], ask(R"("ab")", 2)["choices"][1]["text"]);
  EXPECT_EQ(both["usage"]["prompt_tokens"], 4);
  const json tokens = Ok("/tokenize", R"({"prompt":"cd"})")["tokens"];
  EXPECT_EQ(ask(json::array({tokens, tokens}).dump(), 1)["choices"][1]["text"], both["choices"][2]["text"]);
  EXPECT_EQ(ask(tokens.dump(), 1)["choices"][0]["text"], both["choices"][2]["text"]);
}

/// What lm-eval does: score a text by echo, with no or one token more.
TEST_F(Api, EchoScoresPrompts) {
  const json tokens = Ok("/tokenize", R"({"prompt":"some text"})")["tokens"];
  const auto ask = [&](int max_tokens) {
    return Ok(kCompletions, json{{"prompt", json::array({tokens})},
                                 {"echo", true},
                                 {"logprobs", 1},
                                 {"max_tokens", max_tokens},
                                 {"temperature", 0},
                                 {"ignore_eos", true}}
                                .dump())["choices"][0];
  };
  const json zero = ask(0), one = ask(1);
  EXPECT_EQ(zero["text"], "some text");
  EXPECT_EQ(zero["finish_reason"], "length");
  const json& logprobs = zero["logprobs"];
  ASSERT_EQ(logprobs["tokens"].size(), 9U);
  EXPECT_TRUE(logprobs["token_logprobs"][0].is_null());
  EXPECT_TRUE(logprobs["top_logprobs"][0].is_null());
  EXPECT_EQ(logprobs["text_offset"], (json{0, 1, 2, 3, 4, 5, 6, 7, 8}));
  ASSERT_EQ(one["logprobs"]["tokens"].size(), 10U);
  for (std::size_t i = 1; i < 9; ++i) {
    EXPECT_EQ(one["logprobs"]["token_logprobs"][i], logprobs["token_logprobs"][i]);
    const json& top = logprobs["top_logprobs"][i];
    EXPECT_EQ(top[logprobs["tokens"][i].get<std::string>()], logprobs["token_logprobs"][i]);
    EXPECT_LE(top.size(), 2U);
  }
  // The greedy token is the likeliest one.
  const json& top = one["logprobs"]["top_logprobs"][9];
  EXPECT_EQ(top.size(), 1U);
  EXPECT_TRUE(top.contains(one["logprobs"]["tokens"][9].get<std::string>()));
  EXPECT_EQ(Ok(kCompletions, R"({"prompt":"abc","echo":true,"max_tokens":0})")["choices"][0]["text"], "abc");
}

TEST_F(Api, PromptLogprobsOfBothEndpoints) {
  EXPECT_EQ(
      Ok(kCompletions, R"({"prompt":["abc","de"],"max_tokens":1,"prompt_logprobs":2})")["choices"][1]["prompt_logprobs"]
          .size(),
      2U);
  const json chat = Ok(kChat, ChatBody(1, R"(,"prompt_logprobs":0)"));
  EXPECT_EQ(chat["prompt_logprobs"].size(), chat["usage"]["prompt_tokens"]);
  EXPECT_EQ(chat["prompt_logprobs"][1].size(), 1U);
}

TEST_F(Api, StopsEndTheAnswer) {
  const json free = Ok(kChat, ChatBody(30, R"(,"return_token_ids":true)"));
  const std::string text = free["choices"][0]["message"]["content"];
  const std::string stop = text.substr(5, 2);
  const std::size_t at = text.find(stop);
  json stopped = Ok(kChat, ChatBody(30, ",\"stop\":" + json(stop).dump()))["choices"][0];
  EXPECT_EQ(stopped["message"]["content"], text.substr(0, at));
  EXPECT_EQ(stopped["finish_reason"], "stop");
  EXPECT_EQ(stopped["stop_reason"], stop);
  stopped = Ok(kChat, ChatBody(30, ",\"include_stop_str_in_output\":true,\"stop\":" + json(stop).dump()))["choices"][0];
  EXPECT_EQ(stopped["message"]["content"], text.substr(0, at + stop.size()));
  const json token = free["choices"][0]["token_ids"][4];
  stopped =
      Ok(kChat,
         ChatBody(30, fmt::format(",\"return_token_ids\":true,\"stop_token_ids\":[{}]", token.dump())))["choices"][0];
  EXPECT_EQ(stopped["stop_reason"], token);
  EXPECT_EQ(stopped["token_ids"].back(), token);
}

TEST_F(Api, BiasAndAllowedTokensDecide) {
  const json tokens = Ok("/tokenize", R"({"prompt":"QZ"})")["tokens"];
  const json biased = Ok(kChat, ChatBody(3, fmt::format(",\"logit_bias\":{{\"{}\":100}}", tokens[0].dump())));
  EXPECT_EQ(biased["choices"][0]["message"]["content"], "QQQ");
  const json allowed = Ok(kChat, ChatBody(3, fmt::format(",\"allowed_token_ids\":[{}]", tokens[1].dump())));
  EXPECT_EQ(allowed["choices"][0]["message"]["content"], "ZZZ");
}

TEST_F(Api, LengthsAreHeldToTheContext) {
  const TestResponse too_much = Post(kChat, ChatBody(250));
  ExpectError(too_much, 400, "context_length_exceeded");
  EXPECT_EQ(too_much.Json()["error"]["param"], "max_tokens");
  EXPECT_THAT(too_much.body, HasSubstr("250"));
  EXPECT_THAT(too_much.body, HasSubstr("256"));
  const std::string long_prompt = R"({"prompt":")" + std::string(300, 'x') + "\"";
  const TestResponse too_long = Post(kCompletions, long_prompt + "}");
  ExpectError(too_long, 400, "context_length_exceeded");
  EXPECT_EQ(too_long.Json()["error"]["param"], "prompt");
  EXPECT_THAT(too_long.body, HasSubstr("300"));
  const json cut = Ok(kCompletions, long_prompt + R"(,"truncate_prompt_tokens":10,"max_tokens":1,"echo":true})");
  EXPECT_EQ(cut["usage"]["prompt_tokens"], 10);
  EXPECT_TRUE(cut["choices"][0]["text"].get<std::string>().starts_with("xxxxxxxxxx"));
  EXPECT_EQ(Ok(kCompletions, long_prompt + R"(,"truncate_prompt_tokens":-1,"max_tokens":6})")["usage"]["prompt_tokens"],
            250);
  // Without max_tokens the answer may fill the context.
  const json full = Ok(kCompletions, R"({"prompt":"abcd","ignore_eos":true})");
  EXPECT_EQ(full["usage"]["total_tokens"], 256);
  ExpectError(Post(kCompletions, R"({"prompt":""})"), 400, "");
  ExpectError(Post(kCompletions, R"({"prompt":[131]})"), 400, "");
}

TEST_F(Api, TemplatesSpeakForThemselves) {
  const TestResponse raised = Post(kChat, R"({"messages":[{"role":"user","content":"forbidden"}]})");
  ExpectError(raised, 400, "");
  EXPECT_THAT(raised.body, HasSubstr("not this word"));
  EXPECT_EQ(raised.Json()["error"]["param"], "messages");
}

TEST_F(Api, WhatTheEngineRefusesIsNamed) {
  const TestResponse bias = Post(kChat, ChatBody(1, R"(,"logit_bias":{"131":1})"));
  ExpectError(bias, 400, "");
  EXPECT_EQ(bias.Json()["error"]["param"], "logit_bias");
  ExpectError(Post(kChat, ChatBody(1, R"(,"logit_bias":{"1":"x"})")), 400, "");
}

TEST_F(Api, ToolsAreDescribedToTheModel) {
  Running running(Options(), {.max_context = 2048});
  const auto ask = [&](const std::string& more) {
    return TestClient(running.port()).Ask("POST", kChat, ChatBody(8, more)).Json();
  };
  const std::string tools = R"(,"tools":[{"type":"function","function":{"name":"now","description":"The time."}}])";
  const json plain = ask(""), offered = ask(tools), withheld = ask(tools + R"(,"tool_choice":"none")");
  EXPECT_GT(offered["usage"]["prompt_tokens"], plain["usage"]["prompt_tokens"].get<int>() + 100);
  EXPECT_EQ(withheld["usage"]["prompt_tokens"], plain["usage"]["prompt_tokens"]);
  EXPECT_EQ(withheld["choices"], plain["choices"]);
  // A random model calls nothing: its text is content, all of it, streamed or not.
  EXPECT_FALSE(offered["choices"][0]["message"].contains("tool_calls"));
  EXPECT_EQ(offered["choices"][0]["finish_reason"], "length");
  std::string text;
  for (const json& event :
       TestClient(running.port()).Ask("POST", kChat, ChatBody(8, tools + R"(,"stream":true)")).Events()) {
    if (event != "[DONE]") text += event["choices"][0]["delta"].value("content", "");
  }
  EXPECT_EQ(json(text), offered["choices"][0]["message"]["content"]);
}

TEST_F(Api, ToolsThatMustBeCalledAre) {
  Running running(Options(), {.max_context = 2048});
  const std::string fields =
      R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{
         "n":{"type":"integer","minimum":0,"maximum":99},"on":{"type":"boolean"}},"required":["n","on"],
         "additionalProperties":false}}},{"type":"function","function":{"name":"g"}},
         {"type":"function","function":{"name":"h","parameters":{"type":"object",
         "properties":{"a":{"type":"string","pattern":"(?<=x)y"}}}}}],"parallel_tool_calls":false)";
  const auto ask = [&](const std::string& more) {
    return TestClient(running.port()).Ask("POST", kChat, ChatBody(200, fields + more));
  };
  const json named = ask(R"(,"tool_choice":{"type":"function","function":{"name":"f"}})").Json();
  const json& choice = named["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  EXPECT_TRUE(choice["message"]["content"].is_null());
  ASSERT_EQ(choice["message"]["tool_calls"].size(), 1U);
  EXPECT_EQ(choice["message"]["tool_calls"][0]["function"]["name"], "f");
  const json arguments =
      json::parse(choice["message"]["tool_calls"][0]["function"]["arguments"].get<std::string>(), nullptr, false);
  EXPECT_LE(arguments.at("n").get<int>(), 99);
  EXPECT_TRUE(arguments.at("on").is_boolean());
  EXPECT_EQ(arguments.size(), 2U);
  // A schema that no grammar holds is refused by its place.
  const TestResponse refused =
      TestClient(running.port())
          .Ask(
              "POST", kChat,
              ChatBody(
                  8,
                  R"(,"tools":[{"type":"function","function":{"name":"g"}},{"type":"function","function":{"name":"h","strict":true,
         "parameters":{"type":"object","properties":{"a":{"type":"string","pattern":"(?<=x)y"}}}}}])"));
  ExpectError(refused, 400, "unsupported_parameter");
  EXPECT_EQ(refused.Json()["error"]["param"], "tools[1].function.parameters");
  const json either = ask(R"(,"tool_choice":"required","response_format":{"type":"json_object"})").Json();
  EXPECT_EQ(either["error"]["param"], "tools[2].function.parameters");
}

TEST(Parsers, MustExist) {
  ServerOptions options = Options();
  options.tool_call_parser = "no such";
  auto started = Server::Start(options);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(started.error().ToString(), HasSubstr("hermes"));
  options.tool_call_parser = "hermes";
  options.reasoning_parser = "no such";
  EXPECT_FALSE(Server::Start(options));
  options.reasoning_parser = "none";
  EXPECT_TRUE(Server::Start(options));
}

TEST_F(Api, RequestIdsNameResponses) {
  EXPECT_EQ(Ok(kChat, ChatBody(1, R"(,"request_id":"abc")"))["id"], "chatcmpl-abc");
}

TEST_F(Api, BadRequestsDisturbNobody) {
  const json before = Ok(kCompletions, Sampled(""))["choices"];
  TestClient client(Server().port());
  for (const char* body :
       {"", "{", "[]", "{\"prompt\":\"\xff\"}", R"({"prompt":"a","n":1,"n":2})", R"({"prompt":"a","x":1})"}) {
    ExpectError(client.Ask("POST", kCompletions, body), 400, "");  // over one connection: the body's fault, not HTTP's
  }
  EXPECT_EQ(Ok(kCompletions, Sampled(""))["choices"], before);
}

TEST_F(Api, CountsRequests) {
  Ok(kChat, ChatBody(2));
  const std::string text = TestClient(Server().port()).Ask("GET", "/metrics").body;
  EXPECT_THAT(text, HasSubstr("http_requests_total{handler=\"/v1/chat/completions\",method=\"POST\",status=\"2xx\"}"));
  EXPECT_THAT(text,
              HasSubstr("vllm:request_success_total{engine=\"0\",model_name=\"tiny\",finished_reason=\"length\"}"));
}

TEST(ApiWithoutTemplate, SaysSo) {
  const Running running(Options(), {.chat = false});
  TestClient client(running.port());
  ExpectError(client.Ask("POST", kChat, ChatBody(1)), 400, "no_chat_template");
  ExpectError(client.Ask("POST", "/tokenize", R"({"messages":[{"role":"user","content":"a"}]})"), 400,
              "no_chat_template");
  EXPECT_EQ(client.Ask("POST", kCompletions, R"({"prompt":"a","max_tokens":1})").status, 200);
}

TEST(ApiDefaults, AreTheModels) {
  const Running running(
      Options(), {.defaults = {.temperature = 0.0, .top_p = {}, .min_p = {}, .repetition_penalty = {}, .top_k = {}}});
  TestClient client(running.port());
  const std::string body = R"({"prompt":"Once","max_tokens":20,"ignore_eos":true})";
  EXPECT_EQ(client.Ask("POST", kCompletions, body).Json()["choices"],
            client.Ask("POST", kCompletions, body).Json()["choices"]);
}

TEST_F(Api, StructuredOutputs) {
  const std::string schema =
      R"({"type":"object","properties":{"name":{"type":"string","maxLength":5},"n":{"type":"integer","minimum":0,
          "maximum":99}},"required":["name","n"],"additionalProperties":false})";
  for (const std::string& field :
       {R"("response_format":{"type":"json_schema","json_schema":{"name":"x","schema":)" + schema + "}}",
        R"("guided_json":)" + schema}) {
    const json whole = Ok(kChat, ChatBody(120, "," + field));
    const json& choice = whole["choices"][0];
    EXPECT_EQ(choice["finish_reason"], "stop");
    const json value = json::parse(choice["message"]["content"].get<std::string>());
    EXPECT_LE(value.at("name").get<std::string>().size(), 20U);
    EXPECT_LE(value.at("n").get<int>(), 99);
    EXPECT_EQ(value.size(), 2U);
  }
  const json chosen = Ok(kCompletions, R"({"prompt":"Once","max_tokens":9,"guided_choice":["yes","no"]})");
  EXPECT_THAT(chosen["choices"][0]["text"].get<std::string>(), testing::AnyOf("yes", "no"));
  const TestResponse refused = Post(kChat, ChatBody(9, R"(,"guided_json":{"properties":{"a":{"pattern":"(?<=x)y"}}})"));
  ExpectError(refused, 400, "unsupported_parameter");
  EXPECT_EQ(refused.Json()["error"]["param"], "guided_json");
  EXPECT_THAT(refused.Json()["error"]["message"].get<std::string>(), HasSubstr("/properties/a/pattern"));
}

}  // namespace
}  // namespace strata::serve
