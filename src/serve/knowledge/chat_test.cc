// How a checked answer stands in a chat completion, whole and streamed; without sockets and models.
#include "serve/knowledge/chat.h"

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/test_client.h"

namespace strata::serve::knowledge {
namespace {

using nlohmann::json;
using strata::knowledge::Abstention;
using strata::knowledge::Statement;

std::unique_ptr<Teller> MakeTeller(bool include_usage) {
  ResponseHeader header;
  header.id = "chatcmpl-1";
  header.model = "m";
  return MakeChatTeller(std::move(header), include_usage);
}

/// Two statements with characters of more than one byte, told as Answerer tells them.
Answered Tell(Teller& teller, std::string& out) {
  Answered answered;
  strata::knowledge::Answer& answer = answered.answer;
  answered.usage = {.prompt_tokens = 9, .completion_tokens = 5};
  teller.Sources({}, out);
  for (const auto& [text, uri] : {std::pair<std::string, std::string>{"Über Eulen [1].", "upload:a.md"},
                                  {" Sie jagen Mäuse [2].", "upload:b.md"}}) {
    const std::size_t begin = answer.text.size() + (text.front() == ' ' ? 1 : 0);
    Statement statement;
    statement.span = {begin, answer.text.size() + text.size()};
    statement.supported = true;
    strata::knowledge::Citation& citation = statement.citations.emplace_back();
    citation.source = 1;
    citation.uri = uri;
    citation.title = "T";
    answer.text += text;
    teller.Says(statement, text, out);
    answer.statements.push_back(std::move(statement));
  }
  return answered;
}

TEST(ChatTellerTest, AnnotationsCountCharacters) {
  const auto teller = MakeTeller(false);
  std::string ignored;
  const json whole = json::parse(teller->Whole(Tell(*teller, ignored)));
  const json& message = whole["choices"][0]["message"];
  EXPECT_EQ(message["content"], "Über Eulen [1]. Sie jagen Mäuse [2].");
  ASSERT_EQ(message["annotations"].size(), 2U);
  EXPECT_EQ(message["annotations"][0]["type"], "url_citation");
  EXPECT_EQ(message["annotations"][0]["url_citation"],
            (json{{"start_index", 0}, {"end_index", 15}, {"title", "T"}, {"url", "upload:a.md"}}));
  EXPECT_EQ(message["annotations"][1]["url_citation"]["start_index"], 16);
  EXPECT_EQ(message["annotations"][1]["url_citation"]["end_index"], 36);
  EXPECT_EQ(whole["choices"][0]["finish_reason"], "stop");
  EXPECT_TRUE(whole["knowledge"]["abstained"].is_null());
  EXPECT_EQ(whole["usage"]["total_tokens"], 14);
}

TEST(ChatTellerTest, AStreamSaysTheSame) {
  const auto teller = MakeTeller(false);
  TestResponse response;
  const Answered answered = Tell(*teller, response.body);
  teller->End(answered, response.body);
  std::string text;
  json annotations = json::array();
  const std::vector<json> events = response.Events();
  ASSERT_EQ(events.size(), 5U);
  for (const json& event : std::span(events).first(4)) {
    const json& delta = event["choices"][0]["delta"];
    text += delta.value("content", "");
    for (const json& one : delta.value("annotations", json::array())) annotations.push_back(one);
  }
  EXPECT_EQ(text, answered.answer.text);
  const auto other = MakeTeller(false);
  std::string ignored;
  const json whole = json::parse(other->Whole(Tell(*other, ignored)));
  EXPECT_EQ(annotations, whole["choices"][0]["message"]["annotations"]);
  EXPECT_EQ(events[3]["knowledge"], whole["knowledge"]);
  EXPECT_EQ(events[4], "[DONE]");
}

TEST(ChatTellerTest, AnAbstentionIsSaidAtTheEnd) {
  const auto teller = MakeTeller(true);
  Answered answered;
  answered.answer.text = strata::knowledge::kAbstention;
  answered.answer.abstained = Abstention::kNothingFound;
  TestResponse response;
  teller->End(answered, response.body);
  const std::vector<json> events = response.Events();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[1]["choices"][0]["delta"]["content"], answered.answer.text);
  EXPECT_EQ(events[2]["knowledge"]["abstained"], "nothing_found");
  EXPECT_EQ(events[3]["usage"]["total_tokens"], 0);
}

}  // namespace
}  // namespace strata::serve::knowledge
