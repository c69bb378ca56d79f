// What requests of Anthropic's Messages API mean, and that everything else is refused by name.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/anthropic/messages_request.h"

namespace strata::serve::anthropic {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr auto kUnsupported = ErrorCode::kUnsupported;

std::string Body(const std::string& more = "", const std::string& messages = R"([{"role":"user","content":"Hi"}])") {
  return R"({"model":"tiny","max_tokens":12,"messages":)" + messages + (more.empty() ? "" : "," + more) + "}";
}

MessagesRequest Parsed(const std::string& body) {
  auto request = ParseMessagesRequest(body, {}, /*counting=*/false);
  EXPECT_TRUE(request) << body << ": " << (request ? "" : request.error().ToString());
  return request ? std::move(*request) : MessagesRequest{};
}

json MessagesOf(const std::string& body) {
  const MessagesRequest request = Parsed(body);
  const auto& variables = request.generate.chat_input.variables;
  return variables ? json::parse(variables->at("messages").dump()) : json();
}

TEST(AnthropicRequest, FieldsReachTheEngine) {
  const MessagesRequest r = Parsed(Body(R"("temperature":0.5,"top_p":0.9,"top_k":7,"stop_sequences":["a","b"],
      "stream":true,"metadata":{"user_id":"u"},"service_tier":"auto","cache_control":{"type":"ephemeral"})"));
  const GenerateRequest& g = r.generate;
  EXPECT_TRUE(g.chat && g.stream && g.clip_max_tokens);
  EXPECT_EQ(g.model, "tiny");
  EXPECT_EQ(g.max_tokens, 12);
  EXPECT_EQ(g.sampling.temperature, 0.5);
  EXPECT_EQ(g.sampling.top_p, 0.9);
  EXPECT_EQ(g.sampling.top_k, 7);
  EXPECT_THAT(g.text.stop, ElementsAre("a", "b"));
  EXPECT_TRUE(g.chat_input.add_generation_prompt);
}

TEST(AnthropicRequest, ThinkingIsForTheTemplate) {
  const MessagesRequest on = Parsed(Body(R"("thinking":{"type":"enabled","budget_tokens":1024})"));
  EXPECT_EQ(on.generate.chat_input.variables->at("enable_thinking"), true);
  EXPECT_FALSE(on.omit_thinking);
  const MessagesRequest off = Parsed(Body(R"("thinking":{"type":"disabled"})"));
  EXPECT_EQ(off.generate.chat_input.variables->at("enable_thinking"), false);
  EXPECT_TRUE(Parsed(Body(R"("thinking":{"type":"adaptive","display":"omitted"})")).omit_thinking);
  EXPECT_FALSE(Parsed(Body()).generate.chat_input.variables->contains("enable_thinking"));
  EXPECT_EQ(Parsed(Body(R"("output_config":{"effort":"low"})")).generate.chat_input.variables->at("reasoning_effort"),
            "low");
}

TEST(AnthropicRequest, AConversationOfEveryBlock) {
  EXPECT_EQ(MessagesOf(Body(R"("system":[{"type":"text","text":"Be","cache_control":{"type":"ephemeral"}},
                                   {"type":"text","text":"brief"}])",
                            R"([{"role":"user","content":"Weather?"},
         {"role":"user","content":[{"type":"text","text":"Now"}]},
         {"role":"assistant","content":[{"type":"thinking","thinking":"Hm","signature":"s"},
            {"type":"redacted_thinking","data":"x"},{"type":"text","text":"Let me see."},
            {"type":"tool_use","id":"t1","name":"f","input":{"a":1}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},
         {"role":"user","content":[{"type":"tool_result","tool_use_id":"t2","content":"2"},
            {"type":"tool_result","tool_use_id":"t1","is_error":true,
             "content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]},
            {"type":"text","text":"Well?"}]}])")),
            json::parse(R"([{"role":"system","content":[{"type":"text","text":"Be"},{"type":"text","text":"brief"}]},
         {"role":"user","content":[{"type":"text","text":"Weather?"},{"type":"text","text":"Now"}]},
         {"role":"assistant","content":"Let me see.","reasoning_content":"Hm","tool_calls":[
            {"id":"t1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
            {"id":"t2","type":"function","function":{"name":"g","arguments":"{}"}}]},
         {"role":"tool","tool_call_id":"t2","content":"2"},{"role":"tool","tool_call_id":"t1","content":"Error: x\ny"},
         {"role":"user","content":"Well?"}])"));
}

TEST(AnthropicRequest, AnAssistantAtTheEndIsContinued) {
  const MessagesRequest r =
      Parsed(Body("", R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"The answer is ("}])"));
  EXPECT_TRUE(r.generate.chat_input.continue_final_message);
  EXPECT_FALSE(r.generate.chat_input.add_generation_prompt);
}

TEST(AnthropicRequest, ToolsAreThoseOfTheChat) {
  const MessagesRequest r = Parsed(Body(
      R"("tools":[{"name":"f","description":"d","input_schema":{"type":"object","properties":{"a":{"type":"string"}}}}],
         "tool_choice":{"type":"auto","disable_parallel_tool_use":true})"));
  ASSERT_TRUE(r.generate.tool_use.tools);
  EXPECT_EQ(r.generate.tool_use.tools->all()[0].description, "d");
  EXPECT_FALSE(r.generate.tool_use.parallel);
  EXPECT_TRUE(r.generate.chat_input.may_call_tools);
  EXPECT_EQ(r.generate.chat_input.variables->at("tools"),
            nlohmann::ordered_json::parse(R"([{"type":"function","function":
      {"name":"f","description":"d","parameters":{"type":"object","properties":{"a":{"type":"string"}}}}}])"));
  const MessagesRequest none =
      Parsed(Body(R"("tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"none"})"));
  EXPECT_FALSE(none.generate.tool_use.tools || none.generate.chat_input.may_call_tools);
  EXPECT_TRUE(none.generate.chat_input.variables->contains("tools"));
}

TEST(AnthropicRequest, ToolChoices) {
  using Mode = tools::ToolChoice::Mode;
  const auto read = [](const char* text) {
    ToolUse use;
    EXPECT_TRUE(ReadToolChoice(nlohmann::ordered_json::parse(text), "tool_choice", use)) << text;
    return use;
  };
  EXPECT_EQ(read(R"({"type":"auto"})").choice.mode, Mode::kAuto);
  EXPECT_EQ(read(R"({"type":"any"})").choice.mode, Mode::kRequired);
  EXPECT_TRUE(read(R"({"type":"any"})").choice.allowed.empty());
  EXPECT_EQ(read(R"({"type":"none"})").choice.mode, Mode::kNone);
  const ToolUse named = read(R"({"type":"tool","name":"f","disable_parallel_tool_use":true})");
  EXPECT_EQ(named.choice.mode, Mode::kRequired);
  EXPECT_THAT(named.choice.allowed, ElementsAre("f"));
  EXPECT_FALSE(named.parallel);
}

struct Refusal {
  std::string body, param;
  ErrorCode code = ErrorCode::kInvalidArgument;
};
void PrintTo(const Refusal& one, std::ostream* out) { *out << one.param << ": " << one.body; }

class AnthropicRefuses : public testing::TestWithParam<Refusal> {};
TEST_P(AnthropicRefuses, ByName) {
  const auto request = ParseMessagesRequest(GetParam().body, {}, /*counting=*/false);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().param(), GetParam().param) << request.error().ToString();
  EXPECT_EQ(request.error().code(), GetParam().code) << request.error().ToString();
  EXPECT_THAT(request.error().ToString(), HasSubstr(GetParam().param));
}
Refusal Content(const std::string& content, const std::string& path, ErrorCode code = ErrorCode::kInvalidArgument) {
  return {Body("", R"([{"role":"user","content":)" + content + "}]"), "messages[0].content" + path, code};
}
INSTANTIATE_TEST_SUITE_P(
    Fields, AnthropicRefuses,
    testing::Values(
        Refusal{R"({"max_tokens":1,"messages":[{"role":"user","content":"a"}]})", "model"},
        Refusal{R"({"model":"m","messages":[{"role":"user","content":"a"}]})", "max_tokens"},
        Refusal{R"({"model":"m","max_tokens":1})", "messages"}, Refusal{Body(R"("temperature":1.5)"), "temperature"},
        Refusal{Body(R"("top_p":0)"), "top_p"}, Refusal{Body(R"("top_k":-1)"), "top_k"},
        Refusal{Body(R"("stop_sequences":"a")"), "stop_sequences"},
        Refusal{Body(R"("stop_sequences":["a",""])"), "stop_sequences[1]"}, Refusal{Body(R"("no_such":1)"), "no_such"},
        Refusal{Body(R"("metadata":"x")"), "metadata"}, Refusal{Body(R"("container":"c")"), "container", kUnsupported},
        Refusal{Body(R"("mcp_servers":[{}])"), "mcp_servers", kUnsupported},
        Refusal{Body(R"("thinking":{"type":"enabled"})"), "thinking.budget_tokens"},
        Refusal{Body(R"("thinking":{"type":"enabled","budget_tokens":10})"), "thinking.budget_tokens"},
        Refusal{Body(R"("thinking":{"type":"disabled","budget_tokens":2000})"), "thinking.budget_tokens"},
        Refusal{Body(R"("thinking":{"type":"maybe"})"), "thinking.type"},
        Refusal{Body(R"("thinking":{"type":"adaptive","display":"x"})"), "thinking.display"},
        Refusal{Body(R"("output_config":{"effort":1})"), "output_config.effort"},
        Refusal{Body(R"("output_config":{"format":{"type":"xml"}})"), "output_config.format.type"},
        Refusal{Body(R"("output_config":{"format":{"type":"json_schema","schema":5}})"), "output_config.format.schema"},
        Refusal{Body(R"("system":5)"), "system"},
        Refusal{Body(R"("system":[{"type":"image"}])"), "system[0].type", kUnsupported},
        Refusal{Body(R"("tool_choice":{"type":"some"})"), "tool_choice.type"},
        Refusal{Body(R"("tool_choice":{"type":"tool"})"), "tool_choice.name"},
        Refusal{Body(R"("tool_choice":{"type":"auto","name":"f"})"), "tool_choice.name"},
        Refusal{Body(R"("tool_choice":{"type":"any"})"), "tool_choice"},
        Refusal{Body(R"("tools":[{"type":"web_search_20250305","name":"w"}])"), "tools[0].type", kUnsupported},
        Refusal{Body(R"("tools":[{"input_schema":{"type":"object"}}])"), "tools[0].name"},
        Refusal{Body(R"("tools":[{"name":"f"}])"), "tools[0].input_schema"},
        Refusal{Body(R"("tools":[{"name":"a b","input_schema":{}}])"), "tools[0].name"},
        Refusal{Body(R"("tools":[{"name":"f","input_schema":{}},{"name":"f","input_schema":{}}])"), "tools[1].name"},
        Refusal{Body(R"("tools":[{"name":"f","input_schema":{"type":"string"}}])"), "tools[0].input_schema.type"},
        Refusal{Body(R"("tools":[{"name":"f","input_schema":{},"x":1}])"), "tools[0].x"}));
INSTANTIATE_TEST_SUITE_P(
    Messages, AnthropicRefuses,
    testing::Values(
        Refusal{Body("", "[]"), "messages"}, Refusal{Body("", "[1]"), "messages[0]"},
        Refusal{Body("", R"([{"role":"system","content":"a"}])"), "messages[0].role"},
        Refusal{Body("", R"([{"role":"user"}])"), "messages[0].content"},
        Refusal{Body("", R"([{"role":"user","content":"a","name":"b"}])"), "messages[0].name"}, Content("5", ""),
        Content("[]", ""), Content("[5]", "[0]"), Content(R"([{"text":"a"}])", "[0].type"),
        Content(R"([{"type":"text","text":""}])", "[0].text"), Content(R"([{"type":"text"}])", "[0].text"),
        Content(R"([{"type":"text","text":"a","x":1}])", "[0].x"),
        Content(R"([{"type":"text","text":"a"},{"type":"image","source":{}}])", "[1].type", kUnsupported),
        Content(R"([{"type":"tool_use","id":"a","name":"f","input":{}}])", "[0].type", kUnsupported),
        Content(R"([{"type":"tool_result","tool_use_id":"t"}])", "[0].tool_use_id"),
        Refusal{Body("", R"([{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]}])"),
                "messages"},
        Refusal{Body("", R"([{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":"x"}]}])"),
                "messages[0].content[0].input"},
        Refusal{Body("", R"([{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
                             {"role":"user","content":[{"type":"text","text":"first"},
                                                       {"type":"tool_result","tool_use_id":"t"}]}])"),
                "messages[1].content[0]"},
        Refusal{Body("", R"([{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
                             {"role":"user","content":[{"type":"tool_result","tool_use_id":"t",
                              "content":[{"type":"image"}]}]}])"),
                "messages[1].content[0].content[0].type", kUnsupported},
        Refusal{Body("", R"([{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},
                             {"role":"user","content":"no result"}])"),
                "messages[1].content"}));

}  // namespace
}  // namespace strata::serve::anthropic
