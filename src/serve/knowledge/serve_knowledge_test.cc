// Knowledge bases over sockets: the whole way from an upload to a search, with a tiny encoder, and who may see what.
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "knowledge/store/store.h"
#include "serve/knowledge/test_knowledge.h"

namespace strata::serve {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TEST_F(Knowledge, ABaseIsMadeFilledSearchedKeptAndDeleted) {
  EXPECT_EQ(Ok(kOwner, "GET", kBases)["data"], json::array());
  CreateBase();
  EXPECT_EQ(Ok(kOwner, "GET", kBases + "/books")["embedding_model"], "letters");
  const int cats = AddText("cats.md", "# Cats\n\nA cat sleeps for most of the day.\n");
  AddText("dogs.md", "# Dogs\n\nA dog barks at night.\n");
  const json found = Search(kOwner, {{"query", "when does the cat sleep"}});
  ASSERT_FALSE(found["data"].empty());
  const json& best = found["data"][0];
  EXPECT_EQ(best["document"]["id"], cats);
  EXPECT_THAT(best["text"].get<std::string>(), HasSubstr("A cat sleeps for most of the day."));
  EXPECT_EQ(best["scores"]["lexical"]["rank"], 1);
  EXPECT_GT(best["scores"]["vectors"]["score"].get<double>(), -1);
  EXPECT_EQ(found["allowed"], 2);
  Start();  // another process with the same folder
  EXPECT_EQ(Search(kOwner, {{"query", "when does the cat sleep"}})["data"], found["data"]);
  const json chunks = Ok(kOwner, "GET", fmt::format("{}/books/documents/{}/chunks", kBases, cats));
  EXPECT_EQ(chunks["data"][0]["id"], best["id"]);
  EXPECT_THAT(Ask(kOwner, "GET", fmt::format("{}/books/documents/{}/text", kBases, cats)).body, HasSubstr("sleeps"));
  const json gone = Ok(kOwner, "DELETE", fmt::format("{}/books/documents/{}", kBases, cats), "", 202);
  EXPECT_EQ(WaitFor(gone)["status"], "done");
  for (const json& hit : Search(kOwner, {{"query", "cat"}})["data"]) EXPECT_NE(hit["document"]["id"], cats);
  EXPECT_EQ(Ok(kOwner, "DELETE", kBases + "/books")["deleted"], true);
  Refused(kOwner, "GET", kBases + "/books", "", 404, "", "books");
  EXPECT_FALSE(std::filesystem::exists(folder_.path / "books"));
}

TEST_F(Knowledge, FormsFilesAndJobs) {
  CreateBase();
  const std::string form =
      "--XX\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"year\": 2020}\r\n"
      "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nThe owl hunts mice.\r\n"
      "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.csv\"\r\n\r\nbird,food\nowl,mice\n\r\n"
      "--XX--\r\n";
  const json jobs =
      Ok(kOwner, "POST", kBases + "/books/documents", form, 202, "multipart/form-data; boundary=XX")["data"];
  ASSERT_EQ(jobs.size(), 2U);
  for (const json& job : jobs) {
    const json ended = WaitFor(job);
    EXPECT_EQ(ended["status"], "done") << ended.dump();
    EXPECT_EQ(ended["progress"], 1);
  }
  const json whole = Ok(kOwner, "POST", kBases + "/books/documents?name=c.txt", "A fox.", 202, "text/plain");
  EXPECT_EQ(WaitFor(whole["data"][0])["status"], "done");
  EXPECT_EQ(Search(kOwner, {{"query", "owl"}, {"filter", {{"year", {{">=", 2020}}}}}})["allowed"], 2);
  // What cannot be read fails, says why, and hurts nothing else.
  const json bad = Ok(kOwner, "POST", kBases + "/books/documents?name=d.pdf", "%PDF-1.4 not really", 202, "text/plain");
  const json failed = WaitFor(bad["data"][0]);
  EXPECT_EQ(failed["status"], "failed");
  EXPECT_FALSE(failed["error"].is_null());
  EXPECT_EQ(Ok(kOwner, "GET", kBases + "/books/jobs?status=failed")["data"].size(), 1U);
  EXPECT_EQ(Ok(kOwner, "GET", kBases + "/books/documents?limit=2")["has_more"], true);
  // An ended job is not cancelled.
  const std::string job = fmt::format("{}/books/jobs/{}", kBases, failed["id"].get<int>());
  EXPECT_EQ(Ok(kOwner, "POST", job + "/cancel")["status"], "failed");
  // What was sent is not kept, so that it cannot be read again.
  Refused(kOwner, "POST", job + "/retry", "", 400, "", "upload it again");
}

TEST_F(Knowledge, FailedJobsOfFilesAreTriedAgain) {
  CreateBase();
  // The server reads no files of its own machine for clients; a command that shares the base has it read one.
  const std::filesystem::path file = folder_.path / "late.txt";
  {
    auto store = strata::knowledge::OpenStore(folder_.path / "books");
    ASSERT_TRUE(store) << store.error().ToString();
    const strata::knowledge::Job job{
        .uri = "file://" + file.string(), .kind = "add", .arguments = {{"path", file.string()}}};
    ASSERT_TRUE((*store)->Enqueue(std::span(&job, 1)));
  }
  const json failed = WaitFor({{"id", 1}});
  ASSERT_EQ(failed["status"], "failed") << failed.dump();
  std::ofstream(file) << "The owl hunts mice.";
  const std::string job = kBases + "/books/jobs/";
  const json again = Ok(kOwner, "POST", job + "1/retry", "", 202);
  EXPECT_EQ(again["id"], 2);
  EXPECT_EQ(WaitFor(again)["status"], "done");
  EXPECT_EQ(Search(kOwner, {{"query", "owl"}})["data"].size(), 1U);
  EXPECT_EQ(Ok(kOwner, "GET", job + "1")["status"], "failed");  // its reason can still be read
  Refused(kOwner, "POST", job + "2/retry", "", 400, "", "job 2 has not failed");
  Refused(kOwner, "POST", job + "77/retry", "", 404, "", "no job 77");
}

TEST_F(Knowledge, SaysWhatIsWrong) {
  Refused(kOwner, "POST", kBases, R"({"name":"../x"})", 400, "", "no name of a base");
  Refused(kOwner, "POST", kBases, R"({"name":"x","chunk_tokens":1})", 400, "chunk_tokens", "between");
  Refused(kOwner, "POST", kBases, R"({"name":"x","embedding_model":"nope"})", 400, "", "nope");
  CreateBase();
  const std::string books = kBases + "/books";
  Refused(kOwner, "POST", kBases, R"({"name":"books","chunk_tokens":120})", 400, "", "already");
  Refused(kOwner, "GET", kBases + "/none", "", 404, "", "there is no base none");
  Refused(kOwner, "POST", books + "/search", R"({"query":""})", 400, "query", "");
  Refused(kOwner, "POST", books + "/search", R"({"query":"a","limit":0})", 400, "limit", "between");
  Refused(kOwner, "POST", books + "/search", R"({"query":"a","legs":"arms"})", 400, "legs", "lexical");
  Refused(kOwner, "POST", books + "/search", R"({"query":"a","filter":{"and":[{"year":{"like":1}}]}})", 400,
          "filter/and/0/year/like", "no operator");
  Refused(kOwner, "POST", books + "/search", R"({"query":"a","colour":1})", 400, "colour", "unknown");
  Refused(kOwner, "POST", books + "/answer", R"({"query":"a","max_tokens":0})", 400, "max_tokens", "between");
  Refused(kOwner, "POST", books + "/documents", R"({"text":"a"})", 400, "name", "missing");
  Refused(kOwner, "GET", books + "/documents/77", "", 404, "", "no document 77");
  Refused(kOwner, "GET", books + "/jobs/77", "", 404, "", "no job 77");
  Refused(kOwner, "GET", books + "/documents?limit=x", "", 400, "limit", "between");
  Refused(kOwner, "PUT", books, "", 405, "", "PUT");
  // An upload may be larger than other bodies, and not as large as one likes.
  const std::string large(100'000, 'a');
  EXPECT_EQ(Ask(kOwner, "POST", books + "/search", large).status, 413);
  EXPECT_EQ(Ask(kOwner, "POST", books + "/documents?name=a.txt", large, "text/plain").status, 202);
  EXPECT_EQ(Ask(kOwner, "POST", books + "/documents?name=a.txt", std::string(1 << 19, 'a'), "text/plain").status, 413);
}

TEST_F(Knowledge, RerankerFacetsAndLegs) {
  CreateBase();
  AddText("a.txt", "The owl hunts mice.", nullptr, {{"kind", "bird"}});
  AddText("b.txt", "The owl sleeps by day.", nullptr, {{"kind", "bird"}});
  AddText("c.txt", "The fox eats an owl.", nullptr, {{"kind", "beast"}});
  const json found = Search(
      kOwner, {{"query", "owl"}, {"rerank", 3}, {"facets", {"kind"}}, {"legs", "lexical"}, {"diversity_lambda", 0.5}});
  ASSERT_EQ(found["data"].size(), 3U);
  EXPECT_TRUE(found["data"][0]["scores"]["vectors"].is_null());
  EXPECT_TRUE(found["data"][0]["scores"]["reranked"].is_number());
  EXPECT_EQ(found["facets"]["kind"][0], (json{{"value", "bird"}, {"documents", 2}}));
}

TEST_F(Knowledge, NoRouteShowsWhatAKeyMayNotSee) {
  CreateBase();
  AddText("open.md", "# Open\n\nEverybody may read about the weather.");
  const int law = AddText("law.md", "# Law\n\nThe weather clause.", {{"groups", {"law"}}});
  const int secret =
      AddText("secret.md", "# Zebra\n\nThe weather zebra costs nine.", {{"users", {"ann"}}}, {{"kind", "zebra"}});
  const std::string books = kBases + "/books", document = fmt::format("{}/documents/{}", books, secret);
  const json query = {{"query", "weather zebra"}, {"facets", {"kind"}}, {"limit", 100}};
  EXPECT_EQ(Search(kAnn, query)["allowed"], 2);
  EXPECT_EQ(Search(kBob, query)["allowed"], 2);
  EXPECT_EQ(Search(kOwner, query)["allowed"], 3);
  EXPECT_EQ(Search(kAnn, query)["data"][0]["document"]["id"], secret);
  EXPECT_EQ(Ok(kBob, "GET", fmt::format("{}/documents/{}", books, law))["title"], "Law");
  // Whatever Bob asks, it is as if the document were not there.
  const std::map<std::string, std::string> asked = {
      {"GET " + books + "/documents?limit=1000", ""},
      {"GET " + document, ""},
      {"GET " + document + "/text", ""},
      {"GET " + document + "/chunks", ""},
      {"DELETE " + document, ""},
      {"PATCH " + document, R"({"access":{}})"},
      {"GET " + books + "/jobs", ""},
      {"GET " + books + "/jobs/3", ""},
      {"POST " + books + "/jobs/3/cancel", ""},
      {"POST " + books + "/jobs/3/retry", ""},
      {"GET " + books, ""},
      {"GET " + kBases, ""},
      {"POST " + books + "/search", query.dump()},
      {"POST " + books + "/search", R"({"query":"weather","filter":{"kind":"zebra"},"facets":["kind"]})"},
      {"POST " + books + "/search", R"({"query":"weather","principal":{"user":"ann"}})"},
      {"POST " + books + "/answer", R"({"query":"what does the animal cost?","max_tokens":8})"},
      {"POST " + books + "/answer", R"({"query":"what does the animal cost?","max_tokens":8,"stream":true})"}};
  for (const auto& [line, body] : asked) {
    const std::string method = line.substr(0, line.find(' ')), path = line.substr(line.find(' ') + 1);
    TestResponse response = Ask(kBob, method, path, body);
    if (body == query.dump()) {  // but for what he said himself
      json found = response.Json();
      EXPECT_EQ(response.status, 200);
      found.erase("queries");
      response.body = found.dump();
    }
    EXPECT_THAT(response.body, Not(testing::ContainsRegex("[Zz]ebra"))) << line;
    EXPECT_THAT(response.body, Not(HasSubstr("\"ann\""))) << line;
    EXPECT_NE(response.status, 500) << line;
    if (!path.starts_with(document)) continue;
    EXPECT_THAT(response.status, testing::AnyOf(403, 404)) << line;
    // No other answer than for a number that nobody has.
    const TestResponse none = Ask(kBob, method, books + "/documents/999" + path.substr(document.size()), body);
    EXPECT_EQ(none.status, response.status);
  }
  // Who sees everything may ask as somebody, and who is somebody not as another.
  EXPECT_EQ(Search(kOwner, {{"query", "weather"}, {"principal", {{"user", "bob"}}}})["allowed"], 1);
  Refused(kBob, "POST", books + "/search", R"({"query":"a","principal":{"user":"ann"}})", 403, "principal", "somebody");
  // What is taken away is gone with the next search.
  Ok(kOwner, "PATCH", document, R"({"access":{"users":["bob"]}})");
  EXPECT_EQ(Search(kAnn, query)["allowed"], 1);
  EXPECT_EQ(Search(kBob, query)["allowed"], 3);
}

TEST_F(Knowledge, AnAnswerThatNothingHoldsIsAnAbstention) {
  CreateBase();
  AddText("a.md", "# Owls\n\nThe owl hunts mice.");
  const json whole =
      Ok(kOwner, "POST", kBases + "/books/answer", R"({"query":"what does the owl hunt?","max_tokens":16})");
  EXPECT_EQ(whole["abstained"], "unsupported");
  EXPECT_EQ(whole["text"], "The documents do not answer this question.");
  EXPECT_EQ(whole["statements"], json::array());
  ASSERT_EQ(whole["sources"].size(), 1U);
  EXPECT_THAT(whole["sources"][0]["text"].get<std::string>(), HasSubstr("The owl hunts mice."));
  const auto events = Ask(kOwner, "POST", kBases + "/books/answer",
                          R"({"query":"what does the owl hunt?","max_tokens":16,"stream":true})")
                          .Events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0]["type"], "knowledge.answer.sources");
  EXPECT_EQ(events[0]["sources"], whole["sources"]);
  EXPECT_EQ(events[1]["type"], "knowledge.answer.completed");
  EXPECT_EQ(events[1]["answer"]["text"], whole["text"]);
}

class CitingKnowledge : public Knowledge {
 protected:
  CitingKnowledge() : Knowledge("owls [1].") {}
};

TEST_F(CitingKnowledge, AnAnswerCitesTheSameWhateverOrderDocumentsCameIn) {
  const std::map<std::string, std::string> texts = {
      {"a.md", "Owls hunt."}, {"b.md", "Owls sleep."}, {"c.md", "Owls fly."}};
  for (const std::vector<std::string>& order :
       {std::vector<std::string>{"a.md", "b.md", "c.md"}, {"c.md", "b.md", "a.md"}}) {
    CreateBase();
    for (const std::string& name : order) AddText(name, texts.at(name));
    json answer = Ok(kOwner, "POST", kBases + "/books/answer", R"({"query":"owls"})");
    EXPECT_TRUE(answer["abstained"].is_null()) << answer.dump();
    EXPECT_EQ(answer["text"], "owls [1].");
    ASSERT_EQ(answer["statements"].size(), 1U);
    EXPECT_EQ(answer["statements"][0]["supported"], true);
    const json& citation = answer["statements"][0]["citations"][0];
    EXPECT_EQ(citation["uri"], "upload:a.md");
    EXPECT_EQ(citation["span"], (json{0, 10}));
    EXPECT_EQ(citation["attributed"], false);
    json uris = json::array();
    for (const json& source : answer["sources"]) uris.push_back(source["uri"]);
    EXPECT_EQ(uris, (json{"upload:a.md", "upload:b.md", "upload:c.md"}));
    json hits = json::array();
    for (const json& hit : Search(kOwner, {{"query", "owls"}, {"legs", "lexical"}, {"limit", 2}})["data"]) {
      hits.push_back(hit["document"]["uri"]);
    }
    EXPECT_EQ(hits, (json{"upload:a.md", "upload:b.md"})) << "of equal ones, those that come first by URI";
    const json chat = Ok(kOwner, "POST", std::string(kChat),
                         R"({"messages":[{"role":"user","content":"owls"}],"knowledge":{"base":"books"}})");
    const json& message = chat["choices"][0]["message"];
    EXPECT_EQ(message["content"], answer["text"]);
    EXPECT_EQ(message["annotations"][0]["url_citation"]["url"], "upload:a.md");
    Ok(kOwner, "DELETE", kBases + "/books");
  }
}

TEST_F(CitingKnowledge, QuestionsOnOneDocumentShareThePromptsBeginning) {
  CreateBase();
  AddText("a.md", "Owls hunt at night, and sleep by day in hollow trees.");
  const auto usage_of = [&](const std::string& question) {
    return Ok(kOwner, "POST", kBases + "/books/answer", json{{"query", question}}.dump())["usage"];
  };
  const json first = usage_of("owls?"), second = usage_of("when do they sleep?");
  const int prompt = second["prompt_tokens"], cached = second["prompt_tokens_details"]["cached_tokens"];
  EXPECT_GT(first["prompt_tokens"], 0);
  // All but the question, the template's end, and what its last block does not fill.
  EXPECT_GT(cached, prompt - 100);
  EXPECT_LT(cached, prompt);
}

TEST_F(CitingKnowledge, EvaluatesSearchesAndAnswers) {
  CreateBase();
  AddText("a.md", "Owls hunt.");
  AddText("b.md", "The fox sleeps by day.");
  const std::string path = kBases + "/books/evaluate";
  const json questions = {{{"question", "owls"}, {"relevant", {"upload:a.md"}}, {"answer", "owls"}},
                          {{"question", "fox"}, {"relevant", {"upload:b.md"}}},
                          {{"question", "who won"}, {"unanswerable", true}}};
  const json both =
      Ok(kOwner, "POST", path, json{{"questions", questions}, {"configurations", {"legs=words", ""}}, {"k", 3}}.dump());
  const json& searches = both["searches"]["configurations"];
  ASSERT_EQ(searches.size(), 2U) << both.dump();
  EXPECT_EQ(searches[0]["configuration"], "legs=words");
  EXPECT_EQ(searches[0]["mean"]["ndcg"], 1);
  EXPECT_EQ(searches[0]["questions"].size(), 2U) << "of unanswerable ones nothing is relevant";
  EXPECT_EQ(searches[0]["questions"][0]["ranking"][0], "upload:a.md");
  EXPECT_TRUE(both["searches"]["comparison"]["ndcg"]["low"].is_number());
  // The model always says "owls [1].", which only the words of the first question's document hold.
  const json& answers = both["answers"]["configurations"][1];
  EXPECT_EQ(answers["questions"].size(), 3U);
  EXPECT_EQ(answers["questions"][0]["text"], "owls [1].");
  EXPECT_EQ(answers["questions"][0]["scores"]["contains"], 1);
  EXPECT_EQ(answers["questions"][0]["cited"], (json{"upload:a.md"}));
  EXPECT_EQ(answers["total"]["contains"], 1);
  EXPECT_TRUE(both["answers"]["comparison"].contains("faithfulness"));
  EXPECT_GT(both["usage"]["completion_tokens"], 0);
  const json alone = Ok(kOwner, "POST", path, json{{"questions", questions}, {"answers", false}}.dump());
  EXPECT_TRUE(alone["answers"].is_null());
  EXPECT_TRUE(alone["searches"]["comparison"].is_null());
  const auto refused = [&](const json& body, int status, const std::string& param, const std::string& says) {
    Refused(kOwner, "POST", path, body.dump(), status, param, says);
  };
  refused(json::object(), 400, "questions", "missing");
  refused({{"questions", {{{"question", "a"}}}}}, 400, "questions[0]", "relevant");
  refused({{"questions", questions}, {"configurations", {"beta=1"}}}, 400, "configurations[0]", "no option");
  refused({{"questions", questions}, {"configurations", {"", "", ""}}}, 400, "configurations", "one or two");
  Refused(kBob, "POST", path, json{{"questions", questions}}.dump(), 403, "", "all documents");
  // No JSON comes of this model but what the schema forces, and no question that ends.
  AddText("c.md",
          "The heron stands in shallow water for hours, and waits until a fish comes by that it can take at once.");
  const json made = Ok(kOwner, "POST", kBases + "/books/questions", R"({"count":2})");
  EXPECT_EQ(made["data"], json::array());
  EXPECT_EQ(made["chunks"], 1);
  EXPECT_EQ(made["left_out"]["malformed"].get<int>() + made["left_out"]["unfounded"].get<int>(), 1) << made.dump();
  Refused(kBob, "POST", kBases + "/books/questions", "{}", 403, "", "all documents");
  Refused(kOwner, "POST", kBases + "/books/questions", R"({"count":0})", 400, "count", "between");
  Refused(kOwner, "POST", kBases + "/none/evaluate", json{{"questions", questions}}.dump(), 404, "", "none");
}

// Before the answer is there, while it is written, when it has come: clients go whenever they like.
TEST_F(Knowledge, ClientsThatLeaveHurtNobody) {
  CreateBase();
  AddText("a.md", "# Owls\n\nThe owl hunts mice.");
  const std::string books = kBases + "/books", owner = fmt::format("Authorization: Bearer {}\r\n", kOwner);
  for (int i = 0; i < 300; ++i) {
    TestClient client(server_->port());
    ASSERT_TRUE(client.connected());
    const std::string body = R"({"query":"owl","max_tokens":8})";
    ASSERT_TRUE(client.Send(i % 10 == 0 ? TestClient::Request("POST", books + "/answer", body, owner)
                                        : TestClient::Request("GET", books + "/documents", "", owner)));
    if (i % 3 == 0) client.ReceiveAtLeast(1);
    if (i % 3 == 1) std::this_thread::sleep_for(std::chrono::microseconds(10 * i));
  }
  EXPECT_EQ(Search(kOwner, {{"query", "owl"}})["data"].size(), 1U);
}

TEST_F(Knowledge, ChatsAnswerOutOfABase) {
  CreateBase();
  AddText("a.md", "# Owls\n\nThe owl hunts mice.");
  const std::string messages = R"("messages":[{"role":"user","content":"what does the owl hunt?"}],"max_tokens":16)";
  const std::string knowledge = R"("knowledge":{"base":"books","limit":2})";
  const json whole = Ok(kOwner, "POST", std::string(kChat), "{" + messages + "," + knowledge + "}");
  EXPECT_EQ(whole["object"], "chat.completion");
  const json& message = whole["choices"][0]["message"];
  EXPECT_EQ(message["content"], "The documents do not answer this question.");
  EXPECT_EQ(message["annotations"], json::array());
  EXPECT_EQ(whole["knowledge"]["abstained"], "unsupported");
  EXPECT_EQ(whole["knowledge"]["sources"].size(), 1U);
  EXPECT_GT(whole["usage"]["prompt_tokens"], 100);
  const auto events =
      Ask(kOwner, "POST", std::string(kChat),
          "{" + messages + "," + knowledge + R"(,"stream":true,"stream_options":{"include_usage":true}})")
          .Events();
  ASSERT_EQ(events.size(), 5U);
  EXPECT_EQ(events[0]["choices"][0]["delta"]["role"], "assistant");
  EXPECT_EQ(events[1]["choices"][0]["delta"]["content"], message["content"]);
  EXPECT_EQ(events[2]["choices"][0]["finish_reason"], whole["choices"][0]["finish_reason"]);
  EXPECT_EQ(events[2]["knowledge"]["abstained"], "unsupported");
  json usage = events[3]["usage"];
  json& cached = usage["prompt_tokens_details"]["cached_tokens"];
  EXPECT_GT(cached, 600) << "of the same prompt, all but what fills no block";
  cached = 0;
  EXPECT_EQ(usage, whole["usage"]);
  EXPECT_EQ(events[4], "[DONE]");
  const auto refused = [&](const std::string& more, const std::string& param, const std::string& says,
                           int status = 400) {
    Refused(kOwner, "POST", std::string(kChat), "{" + messages + "," + more + "}", status, param, says);
  };
  refused(R"("knowledge":{"base":"books","query":"x"})", "knowledge.query", "unknown");
  refused(R"("knowledge":{})", "knowledge.base", "missing");
  refused(R"("knowledge":{"base":"none"})", "", "no base none", 404);
  refused(R"("knowledge":1)", "knowledge", "object");
  refused(knowledge + R"(,"top_p":0.5)", "top_p", "knowledge");
  refused(knowledge + R"(,"tools":[{"type":"function","function":{"name":"f"}}])", "tools", "knowledge");
  Refused(kOwner, "POST", std::string(kChat), R"({"messages":[{"role":"system","content":"x"}],)" + knowledge + "}",
          400, "messages[0].role", "instructions");
  Refused(kBob, "POST", std::string(kChat),
          "{" + messages + R"(,"knowledge":{"base":"books","principal":{"user":"ann"}}})", 403, "knowledge.principal",
          "");
}

TEST_F(Knowledge, McpOffersItAsTools) {
  CreateBase();
  AddText("a.md", "# Owls\n\nThe owl hunts mice.");
  const int secret = AddText("b.md", "# Owl secrets\n\nThe owl owes nine.", {{"users", {"ann"}}});
  const auto call = [&](std::string_view key, const std::string& method, json params, const std::string& accept) {
    params["_meta"] = {{"io.modelcontextprotocol/protocolVersion", "2026-07-28"},
                       {"io.modelcontextprotocol/clientCapabilities", json::object()}};
    std::string headers =
        fmt::format("Authorization: Bearer {}\r\nMCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {}\r\nAccept: {}\r\n",
                    key, method, accept);
    if (params.contains("name")) headers += fmt::format("Mcp-Name: {}\r\n", params["name"].get<std::string>());
    const json body = {{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", params}};
    const TestResponse response = TestClient(server_->port()).Ask("POST", "/mcp", body.dump(), headers);
    return accept == "text/event-stream" ? response.Events().back()["result"] : response.Json()["result"];
  };
  const std::string plain = "application/json";
  EXPECT_EQ(call(kBob, "tools/list", json::object(), plain)["tools"].size(), 3U);
  for (const std::string& accept : {plain, std::string("text/event-stream")}) {
    const json search = {{"name", "knowledge_search"}, {"arguments", {{"base", "books"}, {"query", "owl"}}}};
    const json found = call(kBob, "tools/call", search, accept);
    EXPECT_EQ(found["isError"], false) << found.dump();
    EXPECT_THAT(found["content"][0]["text"].get<std::string>(), HasSubstr("The owl hunts mice."));
    EXPECT_THAT(found.dump(), Not(HasSubstr("nine")));
    EXPECT_EQ(call(kAnn, "tools/call", search, accept)["structuredContent"]["allowed"], 2);
    const json ask = {{"name", "knowledge_answer"},
                      {"arguments", {{"base", "books"}, {"query", "what does the owl hunt?"}, {"max_tokens", 8}}}};
    const json answer = call(kBob, "tools/call", ask, accept);
    EXPECT_EQ(answer["structuredContent"]["abstained"], "unsupported") << answer.dump();
    for (const json& source : answer["structuredContent"]["sources"]) EXPECT_NE(source["document"], secret);
  }
  const json none = {{"name", "knowledge_search"}, {"arguments", {{"base", "none"}, {"query", "owl"}}}};
  EXPECT_EQ(call(kBob, "tools/call", none, plain)["isError"], true);
  const json bad = {{"name", "knowledge_search"}, {"arguments", {{"base", "books"}, {"query", "owl"}, {"limit", 0}}}};
  EXPECT_THAT(call(kBob, "tools/call", bad, plain)["content"][0]["text"].get<std::string>(), HasSubstr("limit"));
}

TEST(KnowledgeOff, IsNotThere) {
  const Running running;
  EXPECT_EQ(TestClient(running.port()).Ask("GET", kBases).status, 404);
}

}  // namespace
}  // namespace strata::serve
