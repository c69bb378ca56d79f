// What templates get, and what becomes of their results.
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

Result<std::string> Render(std::string_view source, const ChatInput& input, bool parts = false) {
  static const auto tokenizer = TestTokenizer();
  return RenderChat(Parse(source), parts, input, *tokenizer, 0);
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
  EXPECT_TRUE(TemplateTakesParts(Parse(kPartsTemplate)));
  EXPECT_FALSE(TemplateTakesParts(Parse(kTestTemplate)));
  EXPECT_FALSE(TemplateTakesParts(Parse("{{ messages[0].content + 'x' }}")));
  EXPECT_FALSE(TemplateTakesParts(Parse("nothing")));
}

TEST(ChatPrompt, PartsAreJoinedForTemplatesOfStrings) {
  const ChatInput input =
      Input(R"([{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}])");
  EXPECT_EQ(Render("{{ messages[0].content }}", input, false), "a\nb");
  EXPECT_EQ(Render(kPartsTemplate, input, true), "<a><b>;");
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
  EXPECT_EQ(Render(kPartsTemplate, input, true), "<a><b");
  EXPECT_FALSE(Render("nothing of it", input));
  input = Input(R"([{"role":"assistant","content":null,"tool_calls":[{"function":{"name":"f"}}]}])");
  input.continue_final_message = true;
  EXPECT_FALSE(Render(kTestTemplate, input));
}

}  // namespace
}  // namespace strata::serve
