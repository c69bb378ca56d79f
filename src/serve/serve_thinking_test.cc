// Thinking budgets and efforts, of all protocols: what the model thinks ends where it must, and the answer follows.
#include <algorithm>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "serve/test_server.h"
#include "serve/thinking.h"

namespace strata::serve {
namespace {

using nlohmann::json;

constexpr std::string_view kOpensThought =
    "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n<think>\n{% endif %}";
constexpr std::string_view kKnowsEffort =
    "{% for m in messages %}<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>{{ reasoning_effort }}\n<think>\n{% endif %}";
/// What ends a thought: as many tokens as characters.
constexpr std::string_view kCut = "\n</think>\n\n";

ServerOptions Thinks() {
  ServerOptions options = Options();
  options.reasoning_parser = "think";
  return options;
}

class ThinkingApi : public testing::Test {
 protected:
  static Running& Server() {
    static Running running(Thinks(), {.max_context = 512, .chat_template = kOpensThought});
    return running;
  }
  static json Ask(const std::string& more, std::int64_t max_tokens = 40) {
    const TestResponse response = TestClient(Server().port()).Ask("POST", kChat, ChatBody(max_tokens, more));
    EXPECT_EQ(response.status, 200) << response.body;
    return response.Json();
  }
  static json Tokens(std::string_view text) {
    return TestClient(Server().port()).Ask("POST", "/tokenize", json{{"prompt", text}}.dump()).Json()["tokens"];
  }
  /// How many of the answer's tokens came before the cut; -1 where there is none.
  static std::int64_t TokensBeforeCut(const json& ids) {
    const json cut = Tokens(kCut);
    const auto found = std::search(ids.begin(), ids.end(), cut.begin(), cut.end());
    return found == ids.end() ? -1 : found - ids.begin();
  }
  static json Choice(const std::string& more) {
    return Ask(R"(,"return_token_ids":true,"allowed_token_ids":)" + Tokens("abcdefgh").dump() + more)["choices"][0];
  }
};

TEST_F(ThinkingApi, TheBudgetEndsTheThought) {
  const json unbounded = Choice("");
  EXPECT_EQ(TokensBeforeCut(unbounded["token_ids"]), -1);
  for (const char* field : {"thinking_token_budget", "thinking_budget"}) {
    const json choice = Choice(fmt::format(R"(,"{}":7)", field));
    EXPECT_EQ(TokensBeforeCut(choice["token_ids"]), 7);
    EXPECT_EQ(choice["message"]["reasoning_content"].get<std::string>().size(), 7U);
    EXPECT_EQ(choice["message"]["content"].get<std::string>().size(), 40 - 7 - kCut.size());
    // Before the cut the model says what it would have said.
    EXPECT_TRUE(unbounded["message"]["reasoning_content"].get<std::string>().starts_with(
        choice["message"]["reasoning_content"].get<std::string>()));
  }
  EXPECT_EQ(TokensBeforeCut(Choice(R"(,"thinking":{"type":"enabled","budget_tokens":3})")["token_ids"]), 3);
}

TEST_F(ThinkingApi, NoThoughtIsAThoughtOfNoTokens) {
  for (const char* more :
       {R"(,"reasoning_effort":"none")", R"(,"enable_thinking":false)", R"(,"thinking":{"type":"disabled"})"}) {
    const json choice = Choice(more);
    EXPECT_EQ(TokensBeforeCut(choice["token_ids"]), 0) << more;
    EXPECT_FALSE(choice["message"].contains("reasoning_content"));
  }
}

TEST_F(ThinkingApi, EveryChoiceHasTheBudgetStreamedOrNot) {
  const auto ask = [&](const std::string& more) {
    return TestClient(Server().port())
        .Ask("POST", kChat,
             R"({"messages":[{"role":"user","content":"Hi"}],"max_tokens":30,"ignore_eos":true,"n":3,"seed":5,)"
             R"("thinking_budget":6,"allowed_token_ids":)" +
                 Tokens("abcdefgh").dump() + more + "}");
  };
  std::map<int, std::string> reasoning, content;
  for (const json& event : ask(R"(,"stream":true)").Events()) {
    if (event == "[DONE]") continue;
    const json& choice = event["choices"][0];
    reasoning[choice["index"]] += choice["delta"].value("reasoning_content", "");
    content[choice["index"]] += choice["delta"].value("content", "");
  }
  const json whole = ask("").Json();
  ASSERT_EQ(whole["choices"].size(), 3U) << whole;
  for (const json& choice : whole["choices"]) {
    EXPECT_EQ(choice["message"]["reasoning_content"], reasoning[choice["index"]]);
    EXPECT_EQ(choice["message"]["content"], content[choice["index"]]);
    EXPECT_EQ(reasoning[choice["index"]].size(), 6U);
  }
}

TEST_F(ThinkingApi, TheAnswerHasItsFormat) {
  const json answer = Ask(R"(,"thinking_budget":5,"response_format":{"type":"json_schema","json_schema":{"schema":
      {"type":"array","items":{"type":"integer","minimum":0,"maximum":9},"minItems":1,"maxItems":3}}})",
                          120);
  const json& choice = answer["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "stop");
  EXPECT_TRUE(json::parse(choice["message"]["content"].get<std::string>(), nullptr, false).is_array()) << answer;
}

TEST_F(ThinkingApi, OtherProtocolsHaveTheirFields) {
  const json response =
      TestClient(Server().port())
          .Ask("POST", "/v1/responses",
               R"({"input":"Hi","max_output_tokens":20,"temperature":0,"reasoning":{"effort":"none"}})")
          .Json();
  ASSERT_FALSE(response["output"].empty()) << response;
  EXPECT_EQ(response["output"][0]["type"], "message");
  EXPECT_EQ(response["reasoning"]["effort"], "none");
  const json message =
      TestClient(Server().port())
          .Ask("POST", "/v1/messages",
               R"({"model":"tiny","max_tokens":20,"messages":[{"role":"user","content":"Hi"}],"temperature":0,
                   "thinking":{"type":"disabled"}})")
          .Json();
  ASSERT_FALSE(message["content"].empty()) << message;
  EXPECT_EQ(message["content"][0]["type"], "text");
}

TEST(ThinkingEffort, IsTheTemplatesWhereItKnowsOne) {
  Running running(Thinks(), {.max_context = 512, .chat_template = kKnowsEffort});
  const auto prompt = [&](const std::string& more) {
    return TestClient(running.port()).Ask("POST", kChat, ChatBody(1, more)).Json()["usage"]["prompt_tokens"].get<int>();
  };
  EXPECT_EQ(prompt(R"(,"reasoning_effort":"medium")"), prompt(R"(,"reasoning_effort":"low")") + 3);
}

TEST(ThinkingLimits, AreWhatARequestMeans) {
  const auto made = MakeTestModel({});
  ASSERT_TRUE(made);
  LoadedModel model;
  model.served = *made;
  const auto limit = [&](std::string_view chat_template, const Thinking& thinking, const char* format = "think") {
    auto parsed = ChatTemplate::Parse(std::string(chat_template));
    model.chat = ProbeTemplate(std::make_shared<const ChatTemplate>(std::move(*parsed)));
    GenerateRequest request;
    request.chat_input.variables = std::make_shared<nlohmann::ordered_json>();
    request.thinking = thinking;
    EXPECT_TRUE(LimitThinking(model, {.format = tools::FindReasoning(format), .open = true}, request));
    return request.thinking_limit;
  };
  const auto tokens = [&](std::string_view chat_template, const Thinking& thinking) {
    const auto found = limit(chat_template, thinking);
    return found ? found->tokens : -1;
  };
  EXPECT_EQ(tokens(kOpensThought, {}), -1);
  EXPECT_EQ(tokens(kOpensThought, {.effort = "none"}), 0);
  EXPECT_EQ(tokens(kOpensThought, {.effort = "low"}), 1024);
  EXPECT_EQ(tokens(kOpensThought, {.effort = "high"}), 24576);
  EXPECT_EQ(tokens(kOpensThought, {.effort = "max"}), -1);
  EXPECT_EQ(tokens(kOpensThought, {.effort = "high", .budget = 7}), 7);
  EXPECT_EQ(tokens(kOpensThought, {.wanted = false, .effort = "high"}), 0);
  EXPECT_EQ(tokens(kKnowsEffort, {.effort = "low"}), -1);
  EXPECT_EQ(tokens(kKnowsEffort, {.effort = "none"}), 0);

  const auto think = limit(kOpensThought, {.budget = 1});
  EXPECT_TRUE(think->begun);
  EXPECT_EQ(model.tokenizer().Decode(think->cut), kCut);
  const auto harmony = limit(kOpensThought, {.budget = 1}, "harmony");
  EXPECT_EQ(harmony->open, "<|channel|>analysis<|message|>");
  EXPECT_EQ(model.tokenizer().Decode(harmony->cut), "<|end|>");
}

TEST(ThinkingBudgets, AreKeptByModelsThatDoNotThink) {
  Running running;
  const auto content = [&](const std::string& more) {
    return TestClient(running.port()).Ask("POST", kChat, ChatBody(10, more)).Json()["choices"][0]["message"]["content"];
  };
  EXPECT_EQ(content(R"(,"thinking_budget":2)"), content(""));
}

}  // namespace
}  // namespace strata::serve
