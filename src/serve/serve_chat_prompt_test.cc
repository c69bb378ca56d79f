// What templates get, and what becomes of their results.
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/chat_prompt.h"
#include "serve/test_model.h"

namespace strata::serve {
namespace {

using testing::HasSubstr;

ChatTemplate Parse(std::string_view source) {
  auto parsed = ChatTemplate::Parse(source);
  EXPECT_TRUE(parsed);
  return std::move(*parsed);
}

ChatInput Input(const std::string& messages) {
  ChatInput input;
  input.variables = std::make_shared<nlohmann::ordered_json>();
  (*input.variables)["messages"] = nlohmann::ordered_json::parse(messages);
  return input;
}

ChatFormat FormatOf(std::string_view source) {
  return ProbeTemplate(std::make_shared<const ChatTemplate>(Parse(source)));
}

Result<std::string> Render(std::string_view source, const ChatInput& input) {
  static const auto tokenizer = TestTokenizer();
  return RenderChat(FormatOf(source), tools::DetectDialect(source), input, *tokenizer, 0);
}

constexpr std::string_view kPartsTemplate =
    "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for p in m.content %}<{{ p.text }}>{% endfor %}{% endif %};{% endfor %}";

TEST(ChatPrompt, WritesSpecialTokensAndTheNextTurn) {
  EXPECT_EQ(Render("{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ add_generation_prompt }}",
                   Input(R"([{"role":"user","content":"x"}])")),
            "<|bos|>x<|end|>True");
}

TEST(ChatPrompt, AbsentToolsAndDocumentsAreNone) {
  EXPECT_EQ(Render("{{ tools is none }}{{ documents is none }}{{ other is defined }}", Input(R"([])")),
            "TrueTrueFalse");
}

TEST(ChatPrompt, KnowsWhichTemplatesTakeParts) {
  EXPECT_TRUE(FormatOf(kPartsTemplate).takes_parts);
  EXPECT_FALSE(FormatOf(kTestTemplate).takes_parts);
  EXPECT_FALSE(FormatOf("{{ messages[0].content + 'x' }}").takes_parts);
  EXPECT_FALSE(FormatOf("nothing").takes_parts);
}

TEST(ChatPrompt, PartsAreJoinedForTemplatesOfStrings) {
  const ChatInput input =
      Input(R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])");
  EXPECT_EQ(Render("{{ messages[0].content }}", input), "a\nb");
  EXPECT_EQ(Render(kPartsTemplate, input), "<a><b>;");
}

TEST(ChatPrompt, ArgumentsOfPastCallsAreObjects) {
  const std::string source = "{{ messages[0].tool_calls[0].function.arguments.x }}";
  EXPECT_EQ(Render(source,
                   Input(R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\"x\":5}"}}]}])")),
            "5");
  EXPECT_EQ(Render("{{ messages[0].tool_calls[0].function.arguments }}",
                   Input(R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"not json"}}]}])")),
            "not json");
}

constexpr std::string_view kToolTemplate =
    "{% if tools %}{{ tools[0].function.name }};{% endif %}{% for m in messages %}{{ m.role }}:"
    "{% if m.tool_calls %}{% for c in m.tool_calls %}<tool_call>{{ c.function.name }}{% endfor %}{% else %}"
    "{{ m.content }}{% endif %};{% endfor %}";
constexpr const char* kCalls =
    R"([{"role":"user","content":"q"},
        {"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f","arguments":"{\"x\":5}"}}]},
        {"role":"tool","tool_call_id":"1","content":"r1"},{"role":"tool","tool_call_id":"2","content":"r2"}])";

ChatInput WithTools(const std::string& messages) {
  ChatInput input = Input(messages);
  (*input.variables)["tools"] =
      nlohmann::ordered_json::parse(R"([{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])");
  return input;
}

TEST(ChatPrompt, KnowsWhatTemplatesShow) {
  const ChatFormat with = FormatOf(kToolTemplate), without = FormatOf(kTestTemplate);
  EXPECT_TRUE(with.shows_tools && with.shows_calls);
  EXPECT_FALSE(without.shows_tools || without.shows_calls);
  EXPECT_TRUE(FormatOf("{{ xml_tools }}").shows_tools);
}

TEST(ChatPrompt, ATemplateThatShowsToolsGetsThem) {
  EXPECT_EQ(Render(kToolTemplate, WithTools(kCalls)), "f;user:q;assistant:<tool_call>f;tool:r1;tool:r2;");
}

TEST(ChatPrompt, WhatATemplateCannotShowIsWritten) {
  const auto prompt = Render(kTestTemplate, WithTools(kCalls));
  ASSERT_TRUE(prompt);
  EXPECT_THAT(*prompt, testing::StartsWith("<|start|>system\n# Tools"));
  EXPECT_THAT(*prompt, HasSubstr("\n\nf()\n\n"));
  EXPECT_THAT(*prompt, HasSubstr("<|start|>assistant\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": 5}}\n"
                                 "</tool_call><|end|>\n<|start|>user\n<tool_response>\nr1\n</tool_response>\n"
                                 "<tool_response>\nr2\n</tool_response><|end|>"));
  const auto system =
      Render(kTestTemplate, WithTools(R"([{"role":"system","content":"Be kind."},{"role":"user","content":"q"}])"));
  ASSERT_TRUE(system);
  EXPECT_THAT(*system, testing::StartsWith("<|start|>system\nBe kind.\n\n# Tools"));
  ChatInput none = WithTools(R"([{"role":"user","content":"q"}])");
  none.may_call_tools = false;
  EXPECT_EQ(Render(kTestTemplate, none), "<|start|>user\nq<|end|>\n<|start|>assistant\n");
}

TEST(ChatPrompt, WithoutASystemRoleTheUserTellsOfTools) {
  const std::string source =
      "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}" + std::string(kTestTemplate);
  const auto prompt = Render(source, WithTools(R"([{"role":"user","content":"q"}])"));
  ASSERT_TRUE(prompt);
  EXPECT_THAT(*prompt, testing::StartsWith("<|start|>user\n# Tools"));
  EXPECT_THAT(*prompt, HasSubstr("\n\nq<|end|>"));
}

TEST(ChatPrompt, ATemplateMayWantArgumentsAsText) {
  EXPECT_EQ(Render("{% for m in messages %}{% if m.tool_calls %}{{ m.tool_calls[0].function.name + ':' + "
                   "m.tool_calls[0].function.arguments }}{% endif %}{% endfor %}",
                   Input(kCalls)),
            "f:{\"x\":5}");
}

TEST(ChatPrompt, SmolLmGetsThePromptOfItsTraining) {
  const std::string source = std::string(kTestTemplate) + "{# SmolLM, trained by Hugging Face #}";
  const auto prompt = Render(source, WithTools(kCalls));
  ASSERT_TRUE(prompt);
  EXPECT_THAT(*prompt, HasSubstr("You are an expert in composing functions."));
  EXPECT_THAT(*prompt, HasSubstr(R"(<tools>[{"name": "f", "parameters": {"type": "object"}}]</tools>)"));
  EXPECT_THAT(*prompt, HasSubstr("<tool_call>[\n{\"name\": \"f\", \"arguments\": {\"x\": 5}}\n]</tool_call>"));
}

TEST(ChatPrompt, ATemplatesOwnErrorIsTheClients) {
  const auto raised = Render(kTestTemplate, Input(R"([{"role":"user","content":"forbidden"}])"));
  ASSERT_FALSE(raised);
  EXPECT_EQ(raised.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(raised.error().param(), "messages");
  EXPECT_THAT(raised.error().ToString(), HasSubstr("not this word"));
  const auto endless =
      Render("{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}", Input("[]"));
  ASSERT_FALSE(endless);
  EXPECT_EQ(endless.error().code(), ErrorCode::kInvalidArgument);
}

TEST(ChatPrompt, ContinuesTheFinalMessage) {
  ChatInput input = Input(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Well, "}])");
  input.continue_final_message = true;
  input.add_generation_prompt = false;
  EXPECT_EQ(Render(kTestTemplate, input), "<|start|>user\nHi<|end|>\n<|start|>assistant\nWell, ");
  // A template that trims would have trimmed this space.
  EXPECT_EQ(Render("{% for m in messages %}[{{ m.content | trim }}]{% endfor %}", input), "[Hi][Well,");
  input = Input(R"([{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])");
  input.continue_final_message = true;
  EXPECT_EQ(Render(kPartsTemplate, input), "<a><b");
  EXPECT_FALSE(Render("nothing of it", input));
  input = Input(R"([{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f"}}]}])");
  input.continue_final_message = true;
  EXPECT_FALSE(Render(kTestTemplate, input));
}

}  // namespace
}  // namespace strata::serve
