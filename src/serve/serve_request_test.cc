// The request parsers: what each field does, and that everything else is refused by name.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/request.h"

namespace strata::serve {
namespace {

using testing::HasSubstr;

std::string Chat(const std::string& more = "") {
  return R"({"messages":[{"role":"user","content":"Hi"}])" + (more.empty() ? "" : "," + more) + "}";
}
std::string Completion(const std::string& more = "") {
  return R"({"prompt":"Hi")" + (more.empty() ? "" : "," + more) + "}";
}

GenerateRequest Parsed(const std::string& body, bool chat = true) {
  auto request = chat ? ParseChatRequest(body) : ParseCompletionRequest(body);
  EXPECT_TRUE(request) << body << ": " << (request ? "" : request.error().ToString());
  return request ? std::move(*request) : GenerateRequest{};
}

// ---- JSON ----------------------------------------------------------------------------------------------------------

struct BadJson {
  std::string body, says;
};
void PrintTo(const BadJson& one, std::ostream* out) { *out << one.body.substr(0, 40); }

class BadBodies : public testing::TestWithParam<BadJson> {};
TEST_P(BadBodies, AreRefusedWithTheirPlace) {
  for (const auto& error : {ParseChatRequest(GetParam().body).error(), ParseCompletionRequest(GetParam().body).error(),
                            ParseTokenizeRequest(GetParam().body).error()}) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.ToString(), HasSubstr(GetParam().says));
  }
}
INSTANTIATE_TEST_SUITE_P(
    Json, BadBodies,
    testing::Values(BadJson{"", "line 1 column 1"}, BadJson{"{", "line 1 column 2"},
                    BadJson{"{\n\"a\":}", "line 2 column 5"}, BadJson{"[]", "must be a JSON object"},
                    BadJson{"null", "must be a JSON object"}, BadJson{"\"x\"", "must be a JSON object"},
                    BadJson{R"({"a":NaN})", "line 1 column 6"}, BadJson{R"({"a":Infinity})", "line 1 column 6"},
                    BadJson{R"({"a":1e999})", "line 1 column 10"}, BadJson{"{\"a\":\"\xff\"}", "line 1 column 7"},
                    BadJson{R"({"a":"\ud800"})", "line 1 column"}, BadJson{R"({"a":1}x)", "line 1 column 8"},
                    BadJson{R"({"a":1,})", "line 1 column 8"}, BadJson{"{\"a\":\"\n\"}", "line 1 column"},
                    BadJson{R"({'a':1})", "line 1 column 2"},
                    BadJson{R"({"n":1,"n":2})", "the key \"n\" a second time in one object at line 1 column 8"},
                    BadJson{R"({"n":1,"\u006e":2})", "the key \"n\" a second time"},
                    BadJson{R"({"metadata":{"x":[{"a":1,"a":1}]}})", "the key \"a\" a second time"},
                    BadJson{std::string(101, '['), "nested deeper than 100 levels at line 1 column 101"},
                    BadJson{"{\"a\":" + std::string(100'000, '['), "nested deeper than 100 levels"}));

TEST(Json, RepeatedKeysOfDifferentObjectsAreFine) {
  EXPECT_TRUE(ParseJsonObject(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":"a"}],"c":["a","a"]})"));
  EXPECT_TRUE(ParseJsonObject("{\"deep\":" + std::string(99, '[') + std::string(99, ']') + "}"));
}

TEST(Json, ObjectsHaveBounds) {
  std::string body = "{\"logit_bias\":{";
  for (int i = 0; i <= 5000; ++i) body += fmt::format("{}\"{}\":1", i > 0 ? "," : "", i);
  const auto json = ParseJsonObject(body + "}}");
  ASSERT_FALSE(json);
  EXPECT_THAT(json.error().ToString(), HasSubstr("more than 4096 members"));
}

// ---- Fields that work ----------------------------------------------------------------------------------------------

TEST(Fields, ReachSampling) {
  const GenerateRequest r =
      Parsed(Chat(R"("temperature":0.5,"top_p":0.9,"top_k":7,"min_p":0.1,"presence_penalty":-1,"frequency_penalty":2,
              "repetition_penalty":1.5,"seed":-3,"logit_bias":{"5":1.5,"6":-100},"allowed_token_ids":[1,2],
              "min_tokens":2,"max_tokens":9,"stop_token_ids":[4],"ignore_eos":true,"prompt_logprobs":3)"));
  EXPECT_EQ(r.sampling.temperature, 0.5);
  EXPECT_EQ(r.sampling.top_p, 0.9);
  EXPECT_EQ(r.sampling.top_k, 7);
  EXPECT_EQ(r.sampling.min_p, 0.1);
  EXPECT_EQ(r.sampling.presence_penalty, -1);
  EXPECT_EQ(r.sampling.frequency_penalty, 2);
  EXPECT_EQ(r.sampling.repetition_penalty, 1.5);
  EXPECT_EQ(r.sampling.seed, static_cast<std::uint64_t>(-3));
  ASSERT_EQ(r.sampling.logit_bias.size(), 2U);
  EXPECT_EQ(r.sampling.logit_bias[1], (std::pair<TokenId, float>{6, -100.0F}));
  EXPECT_EQ(r.sampling.allowed_token_ids, (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(r.sampling.min_tokens, 2);
  EXPECT_EQ(r.max_tokens, 9);
  EXPECT_EQ(r.sampling.stop_token_ids, std::vector<TokenId>{4});
  EXPECT_TRUE(r.sampling.ignore_eos);
  EXPECT_EQ(r.prompt_logprobs, 3);
}

TEST(Fields, ReachOutput) {
  const GenerateRequest r = Parsed(
      Chat(R"("model":"m","n":3,"stream":true,"stream_options":{"include_usage":true,"continuous_usage_stats":true,
              "include_obfuscation":false},"stop":["a","b"],"include_stop_str_in_output":true,
              "skip_special_tokens":false,"logprobs":true,"top_logprobs":4,"return_token_ids":true,
              "return_tokens_as_token_ids":true,"priority":-2,"request_id":"x","truncate_prompt_tokens":-1)"));
  EXPECT_EQ(r.model, "m");
  EXPECT_EQ(r.n, 3);
  EXPECT_TRUE(r.stream && r.include_usage && r.continuous_usage);
  EXPECT_EQ(r.text.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(r.text.include_stop);
  EXPECT_FALSE(r.text.skip_special_tokens);
  EXPECT_EQ(r.logprobs, 4);
  EXPECT_TRUE(r.return_token_ids && r.tokens_as_ids);
  EXPECT_EQ(r.priority, -2);
  EXPECT_EQ(r.request_id, "x");
  EXPECT_EQ(r.truncate_prompt_tokens, -1);
}

TEST(Fields, NullMeansAbsent) {
  const GenerateRequest r =
      Parsed(Chat(R"("temperature":null,"n":null,"stop":null,"tools":null,"logit_bias":null,"stream_options":null,
              "response_format":null,"seed":null,"max_tokens":null,"store":null,"audio":null,"top_logprobs":null)"));
  EXPECT_EQ(r.n, 1);
  EXPECT_EQ(r.sampling.temperature, 1);
  EXPECT_FALSE(r.max_tokens);
}

TEST(Fields, TheModelsDefaultsApplyUnlessTheRequestSaysOtherwise) {
  const GenerationDefaults defaults{
      .temperature = 0.6, .top_p = 0.95, .min_p = {}, .repetition_penalty = {}, .top_k = 20};
  auto r = ParseChatRequest(Chat(R"("top_k":0)"), defaults);
  ASSERT_TRUE(r);
  EXPECT_EQ(r->sampling.temperature, 0.6);
  EXPECT_EQ(r->sampling.top_p, 0.95);
  EXPECT_EQ(r->sampling.top_k, 0);
  EXPECT_EQ(r->sampling.repetition_penalty, 1);
}

TEST(Fields, TheNewLimitWins) {
  EXPECT_EQ(Parsed(Chat(R"("max_tokens":5,"max_completion_tokens":7)")).max_tokens, 7);
  EXPECT_EQ(Parsed(Chat(R"("max_completion_tokens":7,"max_tokens":5)")).max_tokens, 7);
  EXPECT_EQ(Parsed(Chat(R"("max_completion_tokens":null,"max_tokens":5)")).max_tokens, 5);
}

TEST(Fields, StopIsAStringOrStrings) {
  EXPECT_EQ(Parsed(Chat(R"("stop":"x")")).text.stop, std::vector<std::string>{"x"});
  EXPECT_TRUE(Parsed(Chat(R"("stop":[])")).text.stop.empty());
}

TEST(Fields, PromptsOfEveryKind) {
  const auto prompts = [](const std::string& prompt) { return Parsed("{\"prompt\":" + prompt + "}", false).prompts; };
  EXPECT_EQ(prompts(R"("a")"), std::vector<PromptInput>{"a"});
  EXPECT_EQ(prompts(R"(["a","b"])"), (std::vector<PromptInput>{"a", "b"}));
  EXPECT_EQ(prompts("[1,2]"), std::vector<PromptInput>{(std::vector<TokenId>{1, 2})});
  EXPECT_EQ(prompts("[[1],[2,3]]"), (std::vector<PromptInput>{std::vector<TokenId>{1}, std::vector<TokenId>{2, 3}}));
}

TEST(Fields, CompletionsEchoAndScore) {
  const GenerateRequest r = Parsed(Completion(R"("echo":true,"logprobs":1,"max_tokens":0,"best_of":2,"n":2)"), false);
  EXPECT_TRUE(r.echo);
  EXPECT_EQ(r.logprobs, 1);
  EXPECT_EQ(r.max_tokens, 0);
}

TEST(Fields, ChatTemplateVariables) {
  const GenerateRequest r = Parsed(
      Chat(R"("chat_template_kwargs":{"enable_thinking":false},"documents":[{"text":"d"}],"continue_final_message":true,
              "add_special_tokens":true)"));
  EXPECT_EQ((*r.chat_input.variables)["enable_thinking"], false);
  EXPECT_TRUE(r.chat_input.variables->contains("documents"));
  EXPECT_TRUE(r.chat_input.continue_final_message);
  EXPECT_FALSE(r.chat_input.add_generation_prompt);
  EXPECT_TRUE(r.chat_input.add_special_tokens);
}

TEST(Fields, ThinkingReachesTheTemplateAndTheEngine) {
  const auto variables = [](const std::string& fields) {
    nlohmann::ordered_json json = *Parsed(Chat(fields)).chat_input.variables;
    json.erase("messages");
    return json.dump();
  };
  EXPECT_EQ(variables(R"("reasoning_effort":"low")"),
            R"({"enable_thinking":true,"thinking":true,"reasoning_effort":"low","thinking_effort":"low"})");
  EXPECT_EQ(variables(R"("enable_thinking":false)"), R"({"enable_thinking":false,"thinking":false})");
  EXPECT_EQ(variables(R"("thinking":{"type":"enabled","budget_tokens":7})"),
            R"({"enable_thinking":true,"thinking":true,"thinking_budget":7})");
  EXPECT_EQ(variables(R"("thinking_token_budget":9)"), R"({"thinking_budget":9})");
  // What the client gives the template itself is more particular, wherever it stands.
  EXPECT_EQ(variables(R"("chat_template_kwargs":{"thinking":"deep"},"reasoning_effort":"none")"),
            R"({"thinking":"deep","enable_thinking":false,"reasoning_effort":"none","thinking_effort":"none"})");
  const Thinking thinking = Parsed(Chat(R"("thinking_token_budget":9,"reasoning_effort":"none")")).thinking;
  EXPECT_EQ(thinking.budget, 9);
  EXPECT_EQ(thinking.wanted, false);
  EXPECT_EQ(thinking.param, "thinking_token_budget");
}

constexpr const char* kTools =
    R"("tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"},"strict":false}},
                {"type":"function","function":{"name":"mcp.g-h:i/j"}}])";

TEST(Fields, ToolsReachTheTemplateAndTheParser) {
  const GenerateRequest r = Parsed(Chat(std::string(kTools) + R"(,"parallel_tool_calls":false)"));
  ASSERT_TRUE(r.tool_use.tools);
  ASSERT_EQ(r.tool_use.tools->all().size(), 2U);
  EXPECT_EQ(r.tool_use.tools->all()[0].description, "d");
  EXPECT_EQ(r.tool_use.tools->all()[0].parameters["type"], "object");
  EXPECT_TRUE(r.tool_use.tools->all()[1].parameters.is_null());
  EXPECT_NE(r.tool_use.tools->Find("mcp.g-h:i/j"), nullptr);
  EXPECT_FALSE(r.tool_use.parallel);
  EXPECT_TRUE(r.chat_input.may_call_tools);
  const auto& offered = r.chat_input.variables->at("tools");
  EXPECT_EQ(offered[0]["function"]["strict"], false);  // as the client sent it
  EXPECT_EQ(offered[1]["function"]["parameters"]["type"], "object");
}

TEST(Fields, ToolsMayBeDeferredAndRegistered) {
  const auto registered = std::make_shared<const tools::ToolSet>(
      std::vector<tools::Tool>{{.name = "now", .description = "The time"}, {.name = "then"}});
  const auto read = [&](const std::string& tools, std::shared_ptr<const tools::ToolSet> known) {
    return ParseChatRequest(Chat(R"("tools":[)" + tools + R"(],"max_tool_tokens":50)"), {}, std::move(known));
  };
  const auto all = read(R"({"type":"tool_search"},{"type":"registered"},
                           {"type":"function","defer_loading":true,"function":{"name":"f"}})",
                        registered);
  ASSERT_TRUE(all) << all.error().ToString();
  ASSERT_EQ(all->tool_use.tools->all().size(), 3U);
  EXPECT_TRUE(all->tool_use.tools->all()[2].deferred);
  EXPECT_FALSE(all->tool_use.tools->all()[0].deferred);
  EXPECT_EQ(all->tool_use.max_prompt_tokens, 50);
  const auto& offered = all->chat_input.variables->at("tools");
  EXPECT_EQ(offered[0]["function"]["description"], "The time");
  EXPECT_FALSE(offered[2].contains("defer_loading"));
  const auto one = read(R"({"type":"registered","name":"then","defer_loading":true})", registered);
  ASSERT_TRUE(one) << one.error().ToString();
  EXPECT_TRUE(one->tool_use.tools->Find("then")->deferred);
  const auto param = [&](const std::string& tools, std::shared_ptr<const tools::ToolSet> known) {
    const auto refused = read(tools, std::move(known));
    return refused ? "accepted" : refused.error().param();
  };
  EXPECT_EQ(param(R"({"type":"registered","name":"x"})", registered), "tools[0].name");
  EXPECT_EQ(param(R"({"type":"registered"})", nullptr), "tools[0]");
  EXPECT_EQ(param(R"({"type":"registered"},{"type":"registered","name":"now"})", registered), "tools[1].name");
  EXPECT_EQ(param(R"({"type":"registered","other":1})", registered), "tools[0].other");
  EXPECT_EQ(param(R"({"type":"function","defer_loading":1,"function":{"name":"f"}})", nullptr),
            "tools[0].defer_loading");
}

TEST(Fields, ToolsAreDescribedWhenNoneMayBeCalled) {
  const GenerateRequest r = Parsed(Chat(std::string(kTools) + R"(,"tool_choice":"none")"));
  EXPECT_TRUE(r.chat_input.variables->contains("tools"));
  EXPECT_FALSE(r.tool_use.tools);
  EXPECT_FALSE(r.chat_input.may_call_tools);
  EXPECT_FALSE(Parsed(Chat(R"("tools":[],"tool_choice":"auto")")).chat_input.variables->contains("tools"));
}

TEST(Fields, ToolChoicesAreRead) {
  ToolUse use;
  nlohmann::ordered_json offered;
  const auto read = [&](const char* text) { return ReadToolChoice(nlohmann::ordered_json::parse(text), use); };
  ASSERT_TRUE(read(R"("required")"));
  EXPECT_EQ(use.choice.mode, tools::ToolChoice::Mode::kRequired);
  EXPECT_TRUE(use.choice.Allows("anything"));
  ASSERT_TRUE(read(R"({"type":"function","function":{"name":"f"}})"));
  EXPECT_EQ(use.choice.mode, tools::ToolChoice::Mode::kRequired);
  EXPECT_EQ(use.choice.allowed, std::vector<std::string>{"f"});
  ASSERT_TRUE(read(R"({"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[
      {"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]}})"));
  EXPECT_EQ(use.choice.mode, tools::ToolChoice::Mode::kAuto);
  EXPECT_EQ(use.choice.allowed, (std::vector<std::string>{"f", "g"}));
  EXPECT_FALSE(use.choice.Allows("h"));
}

/// Every parameter that OpenAI documents, at a value that asks for nothing special (what its SDKs' own tests send).
TEST(Fields, WhatSdksSendIsAccepted) {
  Parsed(Chat(R"("model":"m","frequency_penalty":0,"function_call":"none","functions":[],"logit_bias":{"1":0},
    "logprobs":true,"max_completion_tokens":1,"metadata":{"a":"b"},"modalities":["text"],"n":1,
    "parallel_tool_calls":true,"prediction":{"type":"content","content":"x"},"presence_penalty":0,
    "prompt_cache_key":"k","prompt_cache_retention":"24h","reasoning_effort":"none","response_format":{"type":"text"},
    "safety_identifier":"s","seed":0,"service_tier":"auto","stop":"\n","store":false,"stream":false,"temperature":1,
    "tool_choice":"none","top_logprobs":0,"top_p":1,"user":"u","verbosity":"medium")"));
  Parsed(Completion(R"("model":"m","best_of":1,"echo":false,"frequency_penalty":0,"logit_bias":{},"logprobs":0,
    "max_tokens":16,"n":1,"presence_penalty":0,"seed":0,"stop":"\n","stream":false,"suffix":"","temperature":1,
    "top_p":1,"user":"u")"),
         false);
}

// ---- Refusals ------------------------------------------------------------------------------------------------------

struct Refusal {
  std::string fields;  ///< added to a good body
  std::string param;
  ErrorCode code = ErrorCode::kInvalidArgument;
};
void PrintTo(const Refusal& one, std::ostream* out) { *out << one.fields; }

void ExpectRefused(const Result<GenerateRequest>& request, const Refusal& refusal) {
  ASSERT_FALSE(request) << refusal.fields;
  EXPECT_EQ(request.error().param(), refusal.param) << request.error().ToString();
  EXPECT_EQ(request.error().code(), refusal.code) << request.error().ToString();
  EXPECT_THAT(request.error().ToString(), HasSubstr(refusal.param.substr(0, refusal.param.find_first_of("[."))));
}

class BothRefuse : public testing::TestWithParam<Refusal> {};
TEST_P(BothRefuse, ByName) {
  ExpectRefused(ParseChatRequest(Chat(GetParam().fields)), GetParam());
  ExpectRefused(ParseCompletionRequest(Completion(GetParam().fields)), GetParam());
}
constexpr auto kUnsupported = ErrorCode::kUnsupported;
INSTANTIATE_TEST_SUITE_P(
    Types, BothRefuse,
    testing::Values(
        Refusal{R"("no_such_field":1)", "no_such_field"}, Refusal{R"("Temperature":1)", "Temperature"},
        Refusal{R"("model":5)", "model"}, Refusal{R"("temperature":"1")", "temperature"},
        Refusal{R"("temperature":-0.1)", "temperature"}, Refusal{R"("temperature":2.1)", "temperature"},
        Refusal{R"("temperature":true)", "temperature"}, Refusal{R"("top_p":0)", "top_p"},
        Refusal{R"("top_p":1.5)", "top_p"}, Refusal{R"("top_p":[])", "top_p"}, Refusal{R"("min_p":-1)", "min_p"},
        Refusal{R"("top_k":-2)", "top_k"}, Refusal{R"("top_k":1.5)", "top_k"},
        Refusal{R"("presence_penalty":3)", "presence_penalty"},
        Refusal{R"("frequency_penalty":-3)", "frequency_penalty"},
        Refusal{R"("repetition_penalty":0)", "repetition_penalty"}, Refusal{R"("seed":"a")", "seed"},
        Refusal{R"("seed":1.5)", "seed"}, Refusal{R"("n":0)", "n"}, Refusal{R"("n":129)", "n"},
        Refusal{R"("n":99999999999999999999)", "n"}, Refusal{R"("n":18446744073709551615)", "n"},
        Refusal{R"("n":true)", "n"}, Refusal{R"("stream":1)", "stream"}, Refusal{R"("stop":5)", "stop"},
        Refusal{R"("stop":"")", "stop"}, Refusal{R"("stop":["a",""])", "stop[1]"}, Refusal{R"("stop":[1])", "stop[0]"},
        Refusal{R"("stop":["","","","","","","","","","","","","","","","",""])", "stop"},
        Refusal{R"("logit_bias":[])", "logit_bias"}, Refusal{R"("logit_bias":{"x":1})", "logit_bias"},
        Refusal{R"("logit_bias":{"-1":1})", "logit_bias"}, Refusal{R"("logit_bias":{"1":101})", "logit_bias.1"},
        Refusal{R"("logit_bias":{"1":"a"})", "logit_bias.1"}, Refusal{R"("allowed_token_ids":[])", "allowed_token_ids"},
        Refusal{R"("allowed_token_ids":[-1])", "allowed_token_ids[0]"},
        Refusal{R"("stop_token_ids":"1")", "stop_token_ids"},
        Refusal{R"("stop_token_ids":[1,"a"])", "stop_token_ids[1]"}, Refusal{R"("ignore_eos":"yes")", "ignore_eos"},
        Refusal{R"("min_tokens":-1)", "min_tokens"}, Refusal{R"("min_tokens":5,"max_tokens":4)", "min_tokens"},
        Refusal{R"("max_tokens":-1)", "max_tokens"}, Refusal{R"("max_tokens":0)", "max_tokens"},
        Refusal{R"("max_tokens":1.5)", "max_tokens"}, Refusal{R"("max_tokens":"7")", "max_tokens"},
        Refusal{R"("prompt_logprobs":21)", "prompt_logprobs"},
        Refusal{R"("prompt_logprobs":1,"stream":true)", "prompt_logprobs"},
        Refusal{R"("truncate_prompt_tokens":0)", "truncate_prompt_tokens"},
        Refusal{R"("stream_options":{"include_usage":true})", "stream_options"},
        Refusal{R"("stream":true,"stream_options":[])", "stream_options"},
        Refusal{R"("stream":true,"stream_options":{"x":1})", "stream_options.x"},
        Refusal{R"("stream":true,"stream_options":{"include_usage":1})", "stream_options.include_usage"},
        Refusal{R"("priority":99999999999)", "priority"}, Refusal{R"("request_id":"")", "request_id"},
        Refusal{R"("user":5)", "user"}, Refusal{R"("metadata":[])", "metadata"},
        Refusal{R"("service_tier":{})", "service_tier"}));
INSTANTIATE_TEST_SUITE_P(NotThereYet, BothRefuse,
                         testing::Values(Refusal{R"("use_beam_search":true)", "use_beam_search", kUnsupported},
                                         Refusal{R"("length_penalty":2)", "length_penalty", kUnsupported},
                                         Refusal{R"("truncation_side":"right")", "truncation_side", kUnsupported},
                                         Refusal{R"("stream_interval":2)", "stream_interval", kUnsupported},
                                         Refusal{R"("return_prompt_text":true)", "return_prompt_text", kUnsupported},
                                         Refusal{R"("bad_words":["x"])", "bad_words", kUnsupported},
                                         Refusal{R"("kv_transfer_params":{})", "kv_transfer_params", kUnsupported},
                                         Refusal{R"("vllm_xargs":{})", "vllm_xargs", kUnsupported},
                                         Refusal{R"("repetition_detection":{})", "repetition_detection", kUnsupported},
                                         Refusal{R"("logprob_token_ids":[1])", "logprob_token_ids", kUnsupported}));

INSTANTIATE_TEST_SUITE_P(
    Constraints, BothRefuse,
    testing::Values(Refusal{R"("response_format":"json")", "response_format"},
                    Refusal{R"("response_format":{})", "response_format.type"},
                    Refusal{R"("response_format":{"type":"xml"})", "response_format.type"},
                    Refusal{R"("response_format":{"type":"json_schema"})", "response_format.json_schema"},
                    Refusal{R"("response_format":{"type":"json_schema","json_schema":{"schema":5}})",
                            "response_format.json_schema.schema"},
                    Refusal{R"("response_format":{"type":"structural_tag","format":{"type":"tag"}})",
                            "response_format"},
                    Refusal{R"("structured_outputs":{})", "structured_outputs"},
                    Refusal{R"("structured_outputs":{"xml":1})", "structured_outputs.xml"},
                    Refusal{R"("structured_outputs":{"regex":"a","choice":["b"]})", "structured_outputs.choice"},
                    Refusal{R"("guided_json":"{")", "guided_json"}, Refusal{R"("guided_regex":5)", "guided_regex"},
                    Refusal{R"("guided_choice":[])", "guided_choice"},
                    Refusal{R"("guided_choice":["a",1])", "guided_choice[1]"},
                    Refusal{R"("guided_regex":"a","response_format":{"type":"json_object"})", "response_format"}));

TEST(Fields, ConstraintsOfEveryKind) {
  const auto described = [](const std::string& fields) {
    const GenerateRequest request = Parsed(Chat(fields));
    return request.constraint ? grammar::Describe(*request.constraint) : "";
  };
  const std::string schema = R"({"type":"integer"})";
  const std::string by_schema = described(R"("guided_json":)" + schema);
  EXPECT_THAT(by_schema, testing::HasSubstr(schema));
  EXPECT_EQ(described(R"("guided_json":"{\"type\":\"integer\"}")"), by_schema);
  EXPECT_EQ(described(R"("json_schema":)" + schema), by_schema);
  EXPECT_EQ(described(R"("structured_outputs":{"json":)" + schema + "}"), by_schema);
  EXPECT_EQ(described(R"("response_format":{"type":"json_object","schema":)" + schema + "}"), by_schema);
  EXPECT_EQ(described(R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":)" +
                      schema + "}}"),
            by_schema);
  EXPECT_EQ(described(R"("response_format":{"type":"json_object"})"),
            described(R"("structured_outputs":{"json_object":true})"));
  EXPECT_EQ(described(R"("guided_choice":["a","b"])"), described(R"("structured_outputs":{"choice":["a","b"]})"));
  EXPECT_EQ(described(R"("grammar":"root ::= \"a\"")"), described(R"("guided_grammar":"root ::= \"a\"")"));
  EXPECT_NE(described(R"("guided_grammar":"start: \"a\"")"), described(R"("guided_grammar":"root ::= \"a\"")"));
  EXPECT_EQ(described(R"("response_format":{"type":"text"})"), "");
}

class ChatRefuses : public testing::TestWithParam<Refusal> {};
TEST_P(ChatRefuses, ByName) { ExpectRefused(ParseChatRequest(Chat(GetParam().fields)), GetParam()); }
INSTANTIATE_TEST_SUITE_P(
    Fields, ChatRefuses,
    testing::Values(
        Refusal{R"("prompt":"x")", "prompt"}, Refusal{R"("logprobs":1)", "logprobs"},
        Refusal{R"("top_logprobs":3)", "top_logprobs"}, Refusal{R"("top_logprobs":21,"logprobs":true)", "top_logprobs"},
        Refusal{R"("max_completion_tokens":0)", "max_tokens"},
        Refusal{R"("chat_template_kwargs":[])", "chat_template_kwargs"},
        Refusal{R"("chat_template_kwargs":{"messages":[]})", "chat_template_kwargs.messages"},
        Refusal{R"("documents":{})", "documents"},
        Refusal{R"("continue_final_message":true,"add_generation_prompt":true)", "continue_final_message"},
        Refusal{R"("tools":{})", "tools"}, Refusal{R"("parallel_tool_calls":1)", "parallel_tool_calls"},
        Refusal{R"("prediction":"x")", "prediction"},
        Refusal{R"("functions":[{"name":"f"}])", "functions", kUnsupported},
        Refusal{R"("function_call":"auto")", "function_call", kUnsupported},
        Refusal{R"("modalities":["text","audio"])", "modalities", kUnsupported},
        Refusal{R"("store":true)", "store", kUnsupported}, Refusal{R"("reasoning_effort":"much")", "reasoning_effort"},
        Refusal{R"("enable_thinking":"yes")", "enable_thinking"},
        Refusal{R"("thinking_token_budget":-1)", "thinking_token_budget"},
        Refusal{R"("thinking_token_budget":1,"thinking_budget":1)", "thinking_budget"},
        Refusal{R"("thinking":true)", "thinking"}, Refusal{R"("thinking":{})", "thinking.type"},
        Refusal{R"("thinking":{"type":"maybe"})", "thinking.type"},
        Refusal{R"("thinking":{"type":"disabled","budget_tokens":1})", "thinking.budget_tokens"},
        Refusal{R"("thinking":{"type":"enabled","budget_tokens":1},"thinking_budget":1)", "thinking_budget"},
        Refusal{R"("verbosity":"low")", "verbosity", kUnsupported}, Refusal{R"("echo":true)", "echo", kUnsupported},
        Refusal{R"("include_reasoning":false)", "include_reasoning", kUnsupported},
        Refusal{R"("audio":{})", "audio", kUnsupported},
        Refusal{R"("web_search_options":{})", "web_search_options", kUnsupported},
        Refusal{R"("moderation":{})", "moderation", kUnsupported},
        Refusal{R"("chat_template":"x")", "chat_template", kUnsupported},
        Refusal{R"("mm_processor_kwargs":{})", "mm_processor_kwargs", kUnsupported}));

class ToolsRefuse : public testing::TestWithParam<Refusal> {};
TEST_P(ToolsRefuse, ByPath) {
  const std::string fields = GetParam().fields.starts_with(',') ? kTools + GetParam().fields : GetParam().fields;
  ExpectRefused(ParseChatRequest(Chat(fields)), GetParam());
}
INSTANTIATE_TEST_SUITE_P(
    Paths, ToolsRefuse,
    testing::Values(
        Refusal{R"("tools":[5])", "tools[0]"}, Refusal{R"("tools":[{}])", "tools[0].type"},
        Refusal{R"("tools":[{"type":"web_search"}])", "tools[0].type"},
        Refusal{R"("tools":[{"type":"custom"}])", "tools[0].custom"},
        Refusal{R"("tools":[{"type":"custom","function":{"name":"c"}}])", "tools[0].function"},
        Refusal{R"("tools":[{"type":"custom","custom":{"name":"c","strict":true}}])", "tools[0].custom.strict"},
        Refusal{R"("tools":[{"type":"custom","custom":{"name":"a b"}}])", "tools[0].custom.name"},
        Refusal{R"("tools":[{"type":"custom","custom":{"name":"c","format":"text"}}])", "tools[0].custom.format"},
        Refusal{R"("tools":[{"type":"custom","custom":{"name":"c","format":{"type":"json"}}}])",
                "tools[0].custom.format.type"},
        Refusal{R"("tools":[{"type":"custom","custom":{"name":"c","format":{"type":"grammar"}}}])",
                "tools[0].custom.format.grammar"},
        Refusal{R"("tools":[{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"syntax":"x",
                   "definition":"y"}}}}])",
                "tools[0].custom.format.grammar.syntax"},
        Refusal{R"("tools":[{"type":"function"}])", "tools[0].function"},
        Refusal{R"("tools":[{"type":"function","function":[]}])", "tools[0].function"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"f"},"x":1}])", "tools[0].x"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"f","x":1}}])", "tools[0].function.x"},
        Refusal{R"("tools":[{"type":"function","function":{}}])", "tools[0].function.name"},
        Refusal{R"("tools":[{"type":"function","function":{"name":5}}])", "tools[0].function.name"},
        Refusal{R"("tools":[{"type":"function","function":{"name":""}}])", "tools[0].function.name"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools[0].function.name"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"f","description":1}}])",
                "tools[0].function.description"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"f","parameters":[]}}])",
                "tools[0].function.parameters"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"f","parameters":{"type":"string"}}}])",
                "tools[0].function.parameters.type"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"f","strict":1}}])", "tools[0].function.strict"},
        Refusal{R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}])",
                "tools[1].function.name"},
        Refusal{R"("tool_choice":"required")", "tool_choice"}, Refusal{R"("tool_choice":"any")", "tool_choice"},
        Refusal{R"("tool_choice":5)", "tool_choice"}, Refusal{R"("tool_choice":{})", "tool_choice.type"},
        Refusal{R"("tool_choice":{"type":"function"})", "tool_choice.function"},
        Refusal{R"("tool_choice":{"type":"function","function":{}})", "tool_choice.function.name"},
        Refusal{R"("tool_choice":{"type":"custom","custom":{}})", "tool_choice.custom.name"},
        Refusal{R"(,"tool_choice":{"type":"custom","custom":{"name":"c"}})", "tool_choice"},
        Refusal{R"("tool_choice":{"type":"allowed_tools"})", "tool_choice.allowed_tools"},
        Refusal{R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"x"}})",
                "tool_choice.allowed_tools.mode"},
        Refusal{R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}})",
                "tool_choice.allowed_tools.tools"},
        Refusal{
            R"("tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function"}]}})",
            "tool_choice.allowed_tools.tools[0].function"},
        Refusal{R"(,"tool_choice":{"type":"function","function":{"name":"other"}})", "tool_choice"}));

TEST(Fields, SomeToolsNeedAConstraint) {
  const auto constrained = [](const std::string& fields) { return Parsed(Chat(fields)).tool_use.constrained; };
  EXPECT_FALSE(constrained(kTools));
  EXPECT_FALSE(constrained(std::string(kTools) + R"(,"tool_choice":"none")"));
  EXPECT_TRUE(constrained(std::string(kTools) + R"(,"tool_choice":"required")"));
  EXPECT_TRUE(constrained(std::string(kTools) + R"(,"tool_choice":{"type":"function","function":{"name":"f"}})"));
  EXPECT_TRUE(constrained(R"("tools":[{"type":"function","function":{"name":"f","strict":true}}])"));
}

class CompletionRefuses : public testing::TestWithParam<Refusal> {};
TEST_P(CompletionRefuses, ByName) { ExpectRefused(ParseCompletionRequest("{" + GetParam().fields + "}"), GetParam()); }
INSTANTIATE_TEST_SUITE_P(
    Fields, CompletionRefuses,
    testing::Values(Refusal{"", "prompt"}, Refusal{R"("prompt":5)", "prompt"}, Refusal{R"("prompt":null)", "prompt"},
                    Refusal{R"("prompt":[])", "prompt"}, Refusal{R"("prompt":{})", "prompt"},
                    Refusal{R"("prompt":["a",1])", "prompt[1]"}, Refusal{R"("prompt":[1,"a"])", "prompt[1]"},
                    Refusal{R"("prompt":[1.5])", "prompt[0]"}, Refusal{R"("prompt":[[]])", "prompt[0]"},
                    Refusal{R"("prompt":[[1],"a"])", "prompt[1]"}, Refusal{R"("prompt":[[1,-1]])", "prompt[0][1]"},
                    Refusal{R"("prompt":[null])", "prompt[0]"}, Refusal{R"("prompt":"a","messages":[])", "messages"},
                    Refusal{R"("prompt":"a","logprobs":true)", "logprobs"},
                    Refusal{R"("prompt":"a","logprobs":21)", "logprobs"}, Refusal{R"("prompt":"a","echo":1)", "echo"},
                    Refusal{R"("prompt":"a","best_of":2)", "best_of", kUnsupported},
                    Refusal{R"("prompt":"a","best_of":0)", "best_of"},
                    Refusal{R"("prompt":"a","suffix":"b")", "suffix", kUnsupported},
                    Refusal{R"("prompt":"a","prompt_embeds":"b")", "prompt_embeds", kUnsupported},
                    Refusal{R"("prompt":"a","max_completion_tokens":1)", "max_completion_tokens"}));

TEST(Fields, PromptsTimesNAreBounded) {
  std::string prompts = "\"a\"";
  for (int i = 1; i < 10; ++i) prompts += ",\"a\"";
  const auto refused = ParseCompletionRequest("{\"prompt\":[" + prompts + "],\"n\":128}");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().param(), "n");
}

// ---- Messages ------------------------------------------------------------------------------------------------------

class MessagesRefuse : public testing::TestWithParam<Refusal> {};
TEST_P(MessagesRefuse, ByPath) {
  ExpectRefused(ParseChatRequest("{\"messages\":" + GetParam().fields + "}"), GetParam());
}
INSTANTIATE_TEST_SUITE_P(
    Paths, MessagesRefuse,
    testing::Values(
        Refusal{"null", "messages"}, Refusal{"{}", "messages"}, Refusal{"[]", "messages"},
        Refusal{"[5]", "messages[0]"}, Refusal{R"([{"content":"a"}])", "messages[0].role"},
        Refusal{R"([{"role":"bot","content":"a"}])", "messages[0].role"},
        Refusal{R"([{"role":5,"content":"a"}])", "messages[0].role"},
        Refusal{R"([{"role":"user"}])", "messages[0].content"},
        Refusal{R"([{"role":"user","content":null}])", "messages[0].content"},
        Refusal{R"([{"role":"user","content":5}])", "messages[0].content"},
        Refusal{R"([{"role":"user","content":[]}])", "messages[0].content"},
        Refusal{R"([{"role":"user","content":["a"]}])", "messages[0].content[0]"},
        Refusal{R"([{"role":"user","content":[{"text":"a"}]}])", "messages[0].content[0].type"},
        Refusal{R"([{"role":"user","content":[{"type":"text"}]}])", "messages[0].content[0].text"},
        Refusal{R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])",
                "messages[0].content[0].type", kUnsupported},
        Refusal{R"([{"role":"user","content":"a"},{"role":"user","content":"a","x":1}])", "messages[1].x"},
        Refusal{R"([{"role":"user","content":"a","name":5}])", "messages[0].name"},
        Refusal{R"([{"role":"assistant"}])", "messages[0].content"},
        Refusal{R"([{"role":"assistant","content":"a","audio":{"id":"x"}}])", "messages[0].audio", kUnsupported},
        Refusal{R"([{"role":"assistant","tool_calls":{}}])", "messages[0].tool_calls"},
        Refusal{R"([{"role":"assistant","tool_calls":[{}]}])", "messages[0].tool_calls[0].function"},
        Refusal{R"([{"role":"assistant","tool_calls":[{"function":{}}]}])", "messages[0].tool_calls[0].function.name"},
        Refusal{R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":5}}]}])",
                "messages[0].tool_calls[0].function.arguments"}));

TEST(Messages, AnAnswerCanBeSentBackAsItCame) {
  Parsed(R"({"messages":[{"role":"user","content":"Hi"},
    {"role":"assistant","content":"Hello","refusal":null,"annotations":[],"audio":null,"function_call":null,"tool_calls":null},
    {"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},
    {"role":"tool","tool_call_id":"1","content":[{"type":"text","text":"r"}]},
    {"role":"user","name":"Ann","content":[{"type":"text","text":"Go on"}]}]})");
}

// ---- Tokenize ------------------------------------------------------------------------------------------------------

TEST(Tokenize, TakesAPromptOrMessages) {
  auto prompt =
      ParseTokenizeRequest(R"({"model":"m","prompt":"a","return_token_strs":true,"add_special_tokens":false})");
  ASSERT_TRUE(prompt);
  EXPECT_EQ(prompt->prompt, "a");
  EXPECT_TRUE(prompt->return_token_strs);
  EXPECT_FALSE(prompt->add_special_tokens);
  auto messages = ParseTokenizeRequest(Chat());
  ASSERT_TRUE(messages);
  EXPECT_TRUE(messages->chat_input);
  EXPECT_FALSE(messages->add_special_tokens);  // the template writes them
  EXPECT_FALSE(ParseTokenizeRequest("{}"));
  EXPECT_FALSE(ParseTokenizeRequest(Chat(R"("prompt":"a")")));
  EXPECT_EQ(ParseTokenizeRequest(R"({"prompt":5})").error().param(), "prompt");
  EXPECT_EQ(ParseTokenizeRequest(R"({"prompt":"a","x":1})").error().param(), "x");
}

TEST(Tokenize, DetokenizeTakesTokens) {
  auto tokens = ParseDetokenizeRequest(R"({"tokens":[1,2]})");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->tokens, (std::vector<TokenId>{1, 2}));
  EXPECT_TRUE(ParseDetokenizeRequest(R"({"tokens":[]})"));
  EXPECT_EQ(ParseDetokenizeRequest("{}").error().param(), "tokens");
  EXPECT_EQ(ParseDetokenizeRequest(R"({"tokens":[1,-2]})").error().param(), "tokens[1]");
  EXPECT_EQ(ParseDetokenizeRequest(R"({"tokens":"1"})").error().param(), "tokens");
}

}  // namespace
}  // namespace strata::serve
