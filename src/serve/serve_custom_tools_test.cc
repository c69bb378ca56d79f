// Tools that take a text: what a model writes for them is of their grammar, and comes as the text that it is.
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "serve/test_server.h"

namespace strata::serve {
namespace {

using nlohmann::json;

constexpr std::string_view kResponses = "/v1/responses";
/// Sums with brackets, lines and quotes, which JSON has to escape.
constexpr std::string_view kSums =
    "start: line (NL line)~1..2\nline: sum \"\\\"\"\nsum: sum \"+\" item | item\n"
    "item: D | \"(\" sum \")\"\nD: /[0-9]/\nNL: \"\\n\"\n";
constexpr const char* kPattern = R"(say "[a-c]{2,5}"\n)";

class CustomTools : public testing::Test {
 protected:
  static Running& Server() {
    static Running running(Options(), {.max_context = 2048});
    return running;
  }
  static json Grammar(std::string_view syntax, std::string_view definition) {
    return {{"syntax", syntax}, {"definition", definition}};
  }
  static TestResponse Chat(json fields) {
    fields["messages"] = fields.value("messages", json::array({{{"role", "user"}, {"content", "Hi"}}}));
    fields["max_tokens"] = 400;
    fields["temperature"] = 0;
    fields["ignore_eos"] = true;
    fields["parallel_tool_calls"] = false;
    return TestClient(Server().port()).Ask("POST", kChat, fields.dump());
  }
  static json ChatTools() {
    const auto custom = [](const char* name, const json& format) {
      return json{{"type", "custom"}, {"custom", {{"name", name}, {"description", "d"}, {"format", format}}}};
    };
    return json::array({custom("say", {{"type", "grammar"}, {"grammar", Grammar("regex", kPattern)}}),
                        custom("sums", {{"type", "grammar"}, {"grammar", Grammar("lark", kSums)}}),
                        {{"type", "function"}, {"function", {{"name", "f"}}}}});
  }
  static json Named(const char* name) { return {{"type", "custom"}, {"custom", {{"name", name}}}}; }
  static bool IsSum(const std::string& text) {
    return std::regex_match(text, std::regex(R"re([0-9+()]+"(\n[0-9+()]+"){1,2})re"));
  }
};

TEST_F(CustomTools, OfAPatternAreCalledInChat) {
  const json asked = {{"tools", ChatTools()}, {"tool_choice", Named("say")}};
  const json choice = Chat(asked).Json()["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  ASSERT_EQ(choice["message"]["tool_calls"].size(), 1U) << choice;
  const json& call = choice["message"]["tool_calls"][0];
  EXPECT_EQ(call["type"], "custom");
  EXPECT_FALSE(call.contains("function"));
  EXPECT_EQ(call["custom"]["name"], "say");
  const std::string input = call["custom"]["input"];
  EXPECT_TRUE(std::regex_match(input, std::regex(kPattern))) << input;

  json streamed = asked;
  streamed["stream"] = true;
  std::string text;
  json first;
  for (const json& event : Chat(streamed).Events()) {
    if (event == "[DONE]" || !event["choices"][0]["delta"].contains("tool_calls")) continue;
    const json& delta = event["choices"][0]["delta"]["tool_calls"][0];
    if (first.is_null()) first = delta;
    EXPECT_EQ(delta["index"], 0);
    text += delta["custom"]["input"];
  }
  EXPECT_EQ(first["type"], "custom");
  EXPECT_EQ(first["custom"], (json{{"name", "say"}, {"input", ""}}));
  EXPECT_EQ(text, input);

  // The call goes back, with its result.
  const json next =
      Chat({{"tools", ChatTools()},
            {"tool_choice", "none"},
            {"messages", json::array({{{"role", "user"}, {"content", "Hi"}},
                                      choice["message"],
                                      {{"role", "tool"}, {"tool_call_id", call["id"]}, {"content", "ok"}}})}})
          .Json();
  EXPECT_TRUE(next.contains("choices")) << next;
}

TEST_F(CustomTools, OfAGrammarAreCalledInChat) {
  for (const json& choice :
       {Named("sums"),
        json{{"type", "allowed_tools"}, {"allowed_tools", {{"mode", "required"}, {"tools", {Named("sums")}}}}}}) {
    const json answer = Chat({{"tools", ChatTools()}, {"tool_choice", choice}}).Json()["choices"][0];
    ASSERT_TRUE(answer["message"].contains("tool_calls")) << answer;
    const json& custom = answer["message"]["tool_calls"][0]["custom"];
    EXPECT_EQ(custom["name"], "sums");
    if (answer["finish_reason"] == "tool_calls") EXPECT_TRUE(IsSum(custom["input"])) << custom;
  }
}

TEST_F(CustomTools, AreCalledInResponses) {
  const json tools = json::array({{{"type", "custom"},
                                   {"name", "say"},
                                   {"format", {{"type", "grammar"}, {"syntax", "regex"}, {"definition", kPattern}}}},
                                  {{"type", "custom"}, {"name", "any"}}});
  const auto ask = [&](json fields) {
    fields["tools"] = tools;
    fields["max_output_tokens"] = 200;
    fields["temperature"] = 0;
    fields["parallel_tool_calls"] = false;
    return TestClient(Server().port()).Ask("POST", kResponses, fields.dump());
  };
  const json asked = {{"input", "Hi"}, {"tool_choice", {{"type", "custom"}, {"name", "say"}}}};
  const json response = ask(asked).Json();
  ASSERT_EQ(response["status"], "completed") << response;
  EXPECT_EQ(response["tools"][0]["format"], tools[0]["format"]);
  EXPECT_EQ(response["tools"][1]["format"], (json{{"type", "text"}}));
  const json& item = response["output"].back();
  EXPECT_EQ(item["type"], "custom_tool_call");
  EXPECT_TRUE(item["id"].get<std::string>().starts_with("ctc_"));
  EXPECT_EQ(item["name"], "say");
  EXPECT_TRUE(std::regex_match(item["input"].get<std::string>(), std::regex(kPattern))) << item;

  json streamed = asked;
  streamed["stream"] = true;
  std::string text, done;
  for (const json& event : ask(streamed).Events()) {
    if (event["type"] == "response.custom_tool_call_input.delta") text += event["delta"];
    if (event["type"] == "response.custom_tool_call_input.done") done = event["input"];
  }
  EXPECT_EQ(json(text), item["input"]);
  EXPECT_EQ(done, text);

  const json output = {{"type", "custom_tool_call_output"}, {"call_id", item["call_id"]}, {"output", "ok"}};
  const json next =
      ask({{"input", json::array({output})}, {"tool_choice", "none"}, {"previous_response_id", response["id"]}}).Json();
  EXPECT_EQ(next["object"], "response") << next;
  const json by_hand =
      ask({{"input", json::array({{{"role", "user"}, {"content", "Hi"}}, item, output})}, {"tool_choice", "none"}})
          .Json();
  EXPECT_EQ(by_hand["usage"]["input_tokens"], next["usage"]["input_tokens"]) << by_hand;
}

TEST_F(CustomTools, AreRefusedByThePlaceOfTheirGrammar) {
  json tools = ChatTools();
  tools[1]["custom"]["format"]["grammar"]["definition"] = "start: missing";
  const TestResponse lark = Chat({{"tools", tools}});
  EXPECT_EQ(lark.status, 400);
  EXPECT_EQ(lark.Json()["error"]["param"], "tools[1].custom.format.grammar.definition") << lark.body;
  // One that cannot be called does not matter.
  EXPECT_EQ(Chat({{"tools", tools}, {"tool_choice", Named("say")}}).status, 200);
  tools = ChatTools();
  tools[0]["custom"]["format"]["grammar"]["definition"] = "(?<=x)y";
  EXPECT_EQ(Chat({{"tools", tools}}).Json()["error"]["param"], "tools[0].custom.format.grammar.definition");
}

}  // namespace
}  // namespace strata::serve
