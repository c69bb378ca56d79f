// From engine events to the JSON that clients read, without a server.
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/choice.h"
#include "serve/generation.h"
#include "serve/response.h"
#include "serve/test_model.h"
#include "serve/tools/test_parse.h"

namespace strata::serve {
namespace {

using nlohmann::json;

TokenId Id(char c) { return static_cast<TokenId>(c - '!'); }
constexpr TokenId kE1 = 96, kE2 = 97;  // the two bytes of "é"

TokenLogprobs Logprobs(TokenId token, float logprob, std::vector<TokenLogprob> top = {}) {
  return {.chosen = {token, logprob, 1}, .top = std::move(top)};
}

EngineEvent Event(std::vector<TokenId> tokens, std::optional<FinishReason> finish = {}) {
  EngineEvent event;
  event.tokens = std::move(tokens);
  event.finish = finish;
  event.prompt_tokens = 2;
  event.cached_tokens = 1;
  if (finish == FinishReason::kStop) event.stop_token = event.tokens.back();
  return event;
}

struct Fixture {
  std::unique_ptr<Tokenizer> tokenizer = TestTokenizer();
  GenerateRequest request;
  std::shared_ptr<const Prompt> prompt =
      std::make_shared<const Prompt>(Prompt{.text = "ab", .tokens = {Id('a'), Id('b')}});

  ChoiceStream Stream(int index = 0) { return {index, prompt, *tokenizer, request}; }
  ResponseHeader Header() const {
    return {.id = "id-1",
            .created = 7,
            .model = "m",
            .fingerprint = "fp",
            .tokenizer = tokenizer.get(),
            .tokens_as_ids = request.tokens_as_ids,
            .return_token_ids = request.return_token_ids,
            .logprobs = request.logprobs.has_value(),
            .prompt_logprobs = request.prompt_logprobs.has_value()};
  }
};

TEST(Choice, PutsTextTogetherAcrossEvents) {
  Fixture f;
  ChoiceStream stream = f.Stream(3);
  ChoiceDelta whole = stream.OnEvent(Event({Id('H')}));
  EXPECT_EQ(whole.first_of, f.prompt);
  EXPECT_EQ(stream.OnEvent(Event({kE1})).text, "");
  whole.Append(stream.OnEvent(Event({kE2, Id('!')}, FinishReason::kLength)));
  EXPECT_EQ(whole.text, "Hé!");
  EXPECT_EQ(whole.index, 3);
  EXPECT_EQ(whole.finish_reason, "length");
  EXPECT_TRUE(stream.done());
  EXPECT_FALSE(stream.ended_early());
  EXPECT_EQ(stream.output_tokens(), 4);
  EXPECT_EQ(stream.cached_tokens(), 1);
}

TEST(Choice, AnUnfinishedCharacterIsReplacedAtTheEnd) {
  Fixture f;
  ChoiceStream stream = f.Stream();
  EXPECT_EQ(stream.OnEvent(Event({Id('x'), kE1}, FinishReason::kLength)).text, "x\xEF\xBF\xBD");
}

TEST(Choice, AStopStringEndsItBeforeTheEngineDoes) {
  Fixture f;
  f.request.text.stop = {"lo"};
  ChoiceStream stream = f.Stream();
  EXPECT_EQ(stream.OnEvent(Event({Id('h'), Id('l')})).text, "h");
  const ChoiceDelta end = stream.OnEvent(Event({Id('o'), Id('z')}));
  EXPECT_EQ(end.text, "");
  EXPECT_EQ(end.finish_reason, "stop");
  EXPECT_EQ(std::get<std::string>(end.stop_reason), "lo");
  EXPECT_EQ(end.tokens, std::vector<TokenId>{Id('o')});  // what comes after the stop is no part of the answer
  EXPECT_TRUE(stream.done() && stream.ended_early());
  EXPECT_EQ(stream.OnEvent(Event({Id('q')}, FinishReason::kCancelled)).text, "");
  EXPECT_FALSE(stream.error());
}

TEST(Choice, MinTokensKeepsStopStringsBack) {
  Fixture f;
  f.request.text.stop = {"a"};
  f.request.sampling.min_tokens = 2;
  ChoiceStream stream = f.Stream();
  EXPECT_EQ(stream.OnEvent(Event({Id('a'), Id('a')})).text, "aa");
  EXPECT_EQ(stream.OnEvent(Event({Id('b'), Id('a')})).text, "b");
  EXPECT_TRUE(stream.done());
}

TEST(Choice, TheEndOfAnswerIsHiddenAndHasNoStopReason) {
  Fixture f;
  const ChoiceDelta delta = f.Stream().OnEvent(Event({Id('x'), kTestEnd}, FinishReason::kStop));
  EXPECT_EQ(delta.text, "x");
  EXPECT_EQ(delta.finish_reason, "stop");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(delta.stop_reason));
}

TEST(Choice, AStopTokenIsNamedAndShownWhenAsked) {
  Fixture f;
  f.request.sampling.stop_token_ids = {Id('y')};
  ChoiceDelta delta = f.Stream().OnEvent(Event({Id('x'), Id('y')}, FinishReason::kStop));
  EXPECT_EQ(delta.text, "x");
  EXPECT_EQ(std::get<TokenId>(delta.stop_reason), Id('y'));
  f.request.text.include_stop = true;
  EXPECT_EQ(f.Stream().OnEvent(Event({Id('x'), Id('y')}, FinishReason::kStop)).text, "xy");
}

TEST(Choice, FailuresAreErrors) {
  Fixture f;
  ChoiceStream failed = f.Stream(), cancelled = f.Stream();
  EngineEvent event = Event({}, FinishReason::kError);
  event.error = Error(ErrorCode::kDeadlineExceeded, "late");
  failed.OnEvent(std::move(event));
  ASSERT_TRUE(failed.error());
  EXPECT_EQ(failed.error()->code(), ErrorCode::kDeadlineExceeded);
  cancelled.OnEvent(Event({}, FinishReason::kCancelled));
  EXPECT_EQ(cancelled.error()->code(), ErrorCode::kUnavailable);
}

TEST(ChatJson, WholeResponse) {
  Fixture f;
  ChoiceStream stream = f.Stream();
  const std::vector<ChoiceDelta> choices = {stream.OnEvent(Event({Id('H'), Id('i')}, FinishReason::kLength))};
  EXPECT_EQ(
      json::parse(ChatResponse(f.Header(), choices, {.prompt_tokens = 2, .completion_tokens = 2, .cached_tokens = 1})),
      json::parse(R"({"id":"id-1","object":"chat.completion","created":7,"model":"m","system_fingerprint":"fp",
              "choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},"logprobs":null,
                          "finish_reason":"length","stop_reason":null}],
              "usage":{"prompt_tokens":2,"completion_tokens":2,"total_tokens":4,"prompt_tokens_details":{"cached_tokens":1},
              "completion_tokens_details":{"reasoning_tokens":0}}})"));
}

TEST(ChatJson, Chunks) {
  Fixture f;
  ChoiceStream stream = f.Stream(1);
  const json role = json::parse(ChatRoleChunk(f.Header(), 1, {}));
  EXPECT_EQ(role["object"], "chat.completion.chunk");
  EXPECT_EQ(
      role["choices"],
      json::parse(R"([{"index":1,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}])"));
  EXPECT_FALSE(role.contains("usage"));
  const json text = json::parse(ChatChunk(f.Header(), stream.OnEvent(Event({Id('H')})), {.present = true}));
  EXPECT_EQ(
      text["choices"],
      json::parse(R"([{"index":1,"delta":{"content":"H"},"logprobs":null,"finish_reason":null,"stop_reason":null}])"));
  EXPECT_TRUE(text.at("usage").is_null());
  const json end =
      json::parse(ChatChunk(f.Header(), {.index = 1, .finish_reason = "stop", .stop_reason = std::string("x")},
                            {.present = true, .value = Usage{.prompt_tokens = 2}}));
  EXPECT_EQ(end["choices"],
            json::parse(R"([{"index":1,"delta":{},"logprobs":null,"finish_reason":"stop","stop_reason":"x"}])"));
  EXPECT_EQ(end["usage"]["prompt_tokens"], 2);
  const json usage = json::parse(ChatUsageChunk(f.Header(), {.prompt_tokens = 2, .completion_tokens = 5}));
  EXPECT_EQ(usage["choices"], json::array());
  EXPECT_EQ(usage["usage"]["total_tokens"], 7);
}

TEST(ChatJson, LogprobsHaveExactBytes) {
  Fixture f;
  f.request.logprobs = 2;
  ChoiceStream stream = f.Stream();
  EngineEvent event = Event({kE1});
  event.logprobs = {Logprobs(kE1, -0.5F, {{kE1, -0.5F, 1}, {Id('x'), -std::numeric_limits<float>::infinity(), 2}})};
  const json chunk = json::parse(ChatChunk(f.Header(), stream.OnEvent(std::move(event)), {}));
  EXPECT_EQ(chunk["choices"][0]["logprobs"],
            json::parse("{\"content\":[{\"token\":\"\xEF\xBF\xBD\",\"logprob\":-0.5,\"bytes\":[195],\"top_logprobs\":["
                        "{\"token\":\"\xEF\xBF\xBD\",\"logprob\":-0.5,\"bytes\":[195]},"
                        "{\"token\":\"x\",\"logprob\":-9999.0,\"bytes\":[120]}]}],\"refusal\":null}"));
}

TEST(ChatJson, TokenIdsAndPromptLogprobsWhenAsked) {
  Fixture f;
  f.request.return_token_ids = f.request.tokens_as_ids = true;
  f.request.logprobs = 0;
  f.request.prompt_logprobs = f.request.sampling.prompt_logprobs = 1;
  ChoiceStream stream = f.Stream();
  EngineEvent event = Event({Id('H')}, FinishReason::kLength);
  event.logprobs = {Logprobs(Id('H'), -1)};
  event.prompt_logprobs = {Logprobs(Id('b'), -2, {{Id('c'), -0.25F, 1}})};
  const std::vector<ChoiceDelta> choices = {stream.OnEvent(std::move(event))};
  const json response = json::parse(ChatResponse(f.Header(), choices, {}));
  EXPECT_EQ(response["choices"][0]["token_ids"], json::array({Id('H')}));
  EXPECT_EQ(response["prompt_token_ids"], json::array({Id('a'), Id('b')}));
  EXPECT_EQ(response["choices"][0]["logprobs"]["content"][0]["token"], fmt::format("token_id:{}", Id('H')));
  const json& prompt = response["prompt_logprobs"];
  ASSERT_EQ(prompt.size(), 2U);
  EXPECT_TRUE(prompt[0].is_null());
  EXPECT_EQ(prompt[1][std::to_string(Id('b'))]["logprob"], -2);
  EXPECT_EQ(prompt[1][std::to_string(Id('c'))]["rank"], 1);
}

/// Calls as a model of tokens that are characters writes them.
struct CallFixture : Fixture {
  std::unordered_set<TokenId> markers;
  tools::Tools offered = tools::MakeTools({{"f", "{}"}});

  ChoiceStream Calling(bool parallel = true, const char* dialect = "hermes") {
    const tools::ParserOptions options{.reasoning = tools::FindReasoning("think"), .one_call = !parallel, .id_seed = 3};
    return {0, prompt, *tokenizer, request,
            AnswerParser{.parser = tools::FindDialect(dialect)->MakeParser(offered, options), .markers = &markers}};
  }
  std::vector<TokenId> Tokens(std::string_view text) const {
    return tokenizer->Encode(text, {.add_special_tokens = false});
  }
};
constexpr std::string_view kAnswer =
    "<think>Hm</think>Ok<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": 1}}</tool_call>"
    "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>";

TEST(Calls, AreOfTheMessage) {
  CallFixture f;
  ChoiceStream stream = f.Calling();
  std::vector<TokenId> tokens = f.Tokens(kAnswer);
  tokens.push_back(kTestEnd);
  const std::vector<ChoiceDelta> choices = {stream.OnEvent(Event(tokens, FinishReason::kStop))};
  const json choice = json::parse(ChatResponse(f.Header(), choices, {}))["choices"][0];
  EXPECT_EQ(choice["finish_reason"], "tool_calls");
  const json& message = choice["message"];
  EXPECT_EQ(message["reasoning_content"], "Hm");
  EXPECT_EQ(message["content"], "Ok");
  ASSERT_EQ(message["tool_calls"].size(), 2U);
  const std::string id = message["tool_calls"][0]["id"];
  EXPECT_EQ(message["tool_calls"][0],
            (json{{"id", id}, {"type", "function"}, {"function", {{"name", "f"}, {"arguments", "{\"a\": 1}"}}}}));
  EXPECT_NE(message["tool_calls"][1]["id"], id);
}

TEST(Calls, OfAStreamAddUpToTheMessage) {
  CallFixture f;
  const std::vector<TokenId> tokens = f.Tokens(kAnswer);
  ChoiceStream whole_stream = f.Calling(), stream = f.Calling();
  const ChoiceDelta whole = whole_stream.OnEvent(Event(tokens, FinishReason::kLength));
  EXPECT_EQ(whole.finish_reason, "length");
  std::vector<json> chunks;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ChoiceDelta delta = stream.OnEvent(
        Event({tokens[i]}, i + 1 == tokens.size() ? std::optional(FinishReason::kLength) : std::nullopt));
    delta.finish_reason = {};
    for (const ChoiceDelta& part : SplitCalls(std::move(delta))) {
      const json chunk = json::parse(ChatChunk(f.Header(), part, {}));
      if (chunk["choices"][0]["delta"].contains("tool_calls")) chunks.push_back(chunk["choices"][0]["delta"]);
    }
  }
  std::vector<json> calls;
  for (const json& delta : chunks) {
    EXPECT_EQ(delta.size(), 1U);
    ASSERT_EQ(delta["tool_calls"].size(), 1U);
    const json& call = delta["tool_calls"][0];
    if (call.contains("id")) {
      EXPECT_EQ(call["index"], calls.size());
      EXPECT_EQ(call["type"], "function");
      EXPECT_EQ(call["function"]["arguments"], "");
      calls.push_back(call);
    } else {
      EXPECT_EQ(call["index"], calls.size() - 1);
      EXPECT_EQ(call["function"].size(), 1U);
      json& arguments = calls.back()["function"]["arguments"];
      arguments = arguments.get<std::string>() + call["function"]["arguments"].get<std::string>();
    }
  }
  ASSERT_EQ(calls.size(), whole.calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i]["id"], *whole.calls[i].id);
    EXPECT_EQ(calls[i]["function"]["name"], *whole.calls[i].name);
    EXPECT_EQ(calls[i]["function"]["arguments"], whole.calls[i].arguments);
  }
}

TEST(Calls, WithoutContentHaveNullContent) {
  CallFixture f;
  ChoiceStream stream = f.Calling();
  std::vector<TokenId> tokens = f.Tokens("<tool_call>{\"name\": \"f\"}</tool_call>");
  tokens.push_back(kTestEnd);
  const std::vector<ChoiceDelta> choices = {stream.OnEvent(Event(tokens, FinishReason::kStop))};
  const json message = json::parse(ChatResponse(f.Header(), choices, {}))["choices"][0]["message"];
  EXPECT_TRUE(message["content"].is_null());
  EXPECT_FALSE(message.contains("reasoning_content"));
  EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"], "{}");
}

TEST(Calls, OneCallEndsTheAnswerWhereNoMoreAreAllowed) {
  CallFixture f;
  ChoiceStream stream = f.Calling(/*parallel=*/false);
  const ChoiceDelta delta = stream.OnEvent(Event(f.Tokens(kAnswer)));
  EXPECT_TRUE(stream.done() && stream.ended_early());
  EXPECT_EQ(delta.finish_reason, "tool_calls");
  EXPECT_EQ(delta.calls.size(), 1U);
}

TEST(Calls, SpecialTokensAreSkippedButForMarkers) {
  CallFixture f;
  ChoiceStream stream = f.Calling();
  const TokenId start = kTestStart;
  EXPECT_EQ(stream.OnEvent(Event({Id('a'), start, Id('b')})).text, "ab");
  f.markers.insert(start);
  EXPECT_EQ(stream.OnEvent(Event({start, Id('b')})).text, "<|start|>b");
  f.request.text.skip_special_tokens = false;
  f.markers.clear();
  ChoiceStream all = f.Calling();
  EXPECT_EQ(all.OnEvent(Event({Id('a'), start, Id('b')})).text, "a<|start|>b");
}

TEST(CompletionJson, EchoedLogprobsCoverPromptAndAnswer) {
  Fixture f;
  f.request.echo = true;
  f.request.logprobs = f.request.sampling.prompt_logprobs = 1;
  ChoiceStream stream = f.Stream();
  EngineEvent event = Event({kE1});
  event.prompt_logprobs = {Logprobs(Id('b'), -2, {{Id('c'), -0.25F, 1}})};
  event.logprobs = {Logprobs(kE1, -1, {{kE1, -1, 1}})};
  ChoiceDelta whole = stream.OnEvent(std::move(event));
  event = Event({kE2}, FinishReason::kLength);
  event.logprobs = {Logprobs(kE2, -3, {{Id('c'), -0.5F, 1}})};
  whole.Append(stream.OnEvent(std::move(event)));
  const std::vector<ChoiceDelta> choices = {std::move(whole)};
  const json choice = json::parse(CompletionResponse(f.Header(), choices, {}))["choices"][0];
  EXPECT_EQ(choice["text"], "abé");
  EXPECT_EQ(choice["logprobs"],
            json::parse(R"({"tokens":["a","b","bytes:\\xc3","bytes:\\xa9"],"token_logprobs":[null,-2.0,-1.0,-3.0],
              "top_logprobs":[null,{"c":-0.25,"b":-2.0},{"bytes:\\xc3":-1.0},{"c":-0.5,"bytes:\\xa9":-3.0}],
              "text_offset":[0,1,2,3]})"));
}

TEST(CompletionJson, ChunksContinueTheOffset) {
  Fixture f;
  f.request.logprobs = 0;
  ChoiceStream stream = f.Stream();
  std::int64_t offset = 0;
  for (const std::int64_t expected : {0, 2}) {
    EngineEvent event = Event({130});  // "zz"
    event.logprobs = {Logprobs(130, -1)};
    const json chunk = json::parse(CompletionChunk(f.Header(), stream.OnEvent(std::move(event)), offset, {}));
    EXPECT_EQ(chunk["object"], "text_completion");
    EXPECT_EQ(chunk["choices"][0]["logprobs"]["text_offset"], json::array({expected}));
  }
  EXPECT_EQ(json::parse(CompletionUsageChunk(f.Header(), {}))["choices"], json::array());
}

TEST(Seeds, OfChoicesDifferAndRepeat) {
  EXPECT_EQ(SeedOfChoice(5, 0), 5U);
  EXPECT_NE(SeedOfChoice(5, 1), SeedOfChoice(5, 2));
  EXPECT_NE(SeedOfChoice(5, 1), SeedOfChoice(6, 1));
  EXPECT_EQ(SeedOfChoice(5, 3), SeedOfChoice(5, 3));
}

}  // namespace
}  // namespace strata::serve
