// Embeddings, reranking and scores over sockets, by tiny encoders in memory beside a tiny model that generates.
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/pooling/base64.h"
#include "serve/pooling/request.h"
#include "serve/test_pooling.h"
#include "serve/test_server.h"

namespace strata::serve {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kEmbeddings = "/v1/embeddings", kRerank = "/v1/rerank", kScore = "/score";

/// A server with one of each kind of model, or with encoders alone.
struct Serving {
  explicit Serving(bool generates) {
    auto started = Server::Start(Options());
    EXPECT_TRUE(started);
    server = std::move(*started);
    std::shared_ptr<ServedModel> generator;
    if (generates) {
      auto made = MakeTestModel({}, server->observer());
      EXPECT_TRUE(made);
      generator = *made;
    }
    server->SetModel(generator, {MakeTestPooling({generates ? "vectors" : "tiny", "org/alias"}, {}),
                                 MakeTestPooling({"ranker"}, {.task = ModelTask::kClassify}),
                                 MakeTestPooling({"topics"}, {.task = ModelTask::kClassify, .labels = 3})});
  }
  TestResponse Ask(std::string_view path, const std::string& body) const {
    return TestClient(server->port()).Ask("POST", path, body);
  }
  json Ok(std::string_view path, const std::string& body) const {
    const TestResponse response = Ask(path, body);
    EXPECT_EQ(response.status, 200) << body << "\n" << response.body;
    return response.Json();
  }
  std::unique_ptr<Server> server;
};

class Pooling : public testing::Test {
 protected:
  static Serving& All() {
    static Serving serving(true);
    return serving;
  }
  static json Ok(std::string_view path, const std::string& body) { return All().Ok(path, body); }
  static std::vector<std::vector<float>> Vectors(const std::string& input, const std::string& more = "") {
    std::vector<std::vector<float>> vectors;
    for (const json& item : Ok(kEmbeddings, R"({"input":)" + input + more + "}")["data"]) {
      vectors.push_back(item["embedding"].get<std::vector<float>>());
    }
    return vectors;
  }
  static void Refused(std::string_view path, const std::string& body, const std::string& param, const std::string& says,
                      int status = 400) {
    const TestResponse response = All().Ask(path, body);
    EXPECT_EQ(response.status, status) << body << response.body;
    const json error = response.Json()["error"];
    EXPECT_EQ(error["param"], param) << body << response.body;
    EXPECT_THAT(error["message"].get<std::string>(), HasSubstr(says)) << body;
  }
};

double Length(const std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  return std::sqrt(squares);
}

TEST_F(Pooling, EmbeddingsHaveOpenAisShape) {
  const json answer = Ok(kEmbeddings, R"({"model":"vectors","input":["ab c","d"],"user":"me"})");
  EXPECT_EQ(answer["object"], "list");
  EXPECT_EQ(answer["model"], "vectors");
  EXPECT_EQ(answer["usage"], json::parse(R"({"prompt_tokens":8,"total_tokens":8})"));
  ASSERT_EQ(answer["data"].size(), 2U);
  EXPECT_EQ(answer["data"][1]["object"], "embedding");
  EXPECT_EQ(answer["data"][1]["index"], 1);
  EXPECT_EQ(answer["data"][1]["embedding"].size(), 64U);
  EXPECT_EQ(Ok(kEmbeddings, R"({"model":"org/alias","input":["ab c","d"]})")["data"], answer["data"]);
}

TEST_F(Pooling, EveryFormOfInputGivesTheSameVector) {
  const auto vector = Vectors(R"("ab c")");
  EXPECT_NEAR(Length(vector[0]), 1, 1e-5);
  EXPECT_EQ(Vectors(R"(["ab c"])"), vector);
  const json tokens = Ok("/tokenize", R"({"model":"vectors","prompt":"ab c"})")["tokens"];
  EXPECT_EQ(tokens.size(), 5U);
  EXPECT_EQ(Vectors(tokens.dump()), vector);
  EXPECT_EQ(Vectors("[" + tokens.dump() + "]"), vector);
  EXPECT_NE(Vectors(R"("ab c")", R"(,"add_special_tokens":false)"), vector);
  EXPECT_NE(Vectors(R"("ab c")", R"(,"prompt_name":"query")"), vector);
  EXPECT_EQ(Vectors(R"("ab c")", R"(,"prompt_name":"query")"), Vectors(R"("q ab c")"));
}

TEST_F(Pooling, Base64IsTheSameNumbers) {
  const auto vector = Vectors(R"("ab c")")[0];
  const json answer = Ok(kEmbeddings, R"({"input":"ab c","encoding_format":"base64"})");
  std::string want;
  pooling::AppendBase64(std::as_bytes(std::span(vector)), want);
  EXPECT_EQ(answer["data"][0]["embedding"], want);
}

TEST(Base64, PadsByTheRfc) {
  const auto encoded = [](std::string_view text) {
    std::string out;
    pooling::AppendBase64(std::as_bytes(std::span(text)), out);
    return out;
  };
  EXPECT_EQ(encoded(""), "");
  EXPECT_EQ(encoded("f"), "Zg==");
  EXPECT_EQ(encoded("fo"), "Zm8=");
  EXPECT_EQ(encoded("foo"), "Zm9v");
  EXPECT_EQ(encoded("foobar"), "Zm9vYmFy");
}

TEST_F(Pooling, DimensionsCutAndNormaliseAgain) {
  const auto whole = Vectors(R"("ab c")")[0];
  const auto cut = Vectors(R"("ab c")", R"(,"dimensions":16)")[0];
  ASSERT_EQ(cut.size(), 16U);
  EXPECT_NEAR(Length(cut), 1, 1e-5);
  EXPECT_NEAR(cut[3] / cut[5], whole[3] / whole[5], 1e-4);
  const auto raw = Vectors(R"("ab c")", R"(,"normalize":false)")[0];
  EXPECT_GT(std::abs(Length(raw) - 1), 0.01);
  Refused(kEmbeddings, R"({"input":"a","dimensions":65})", "dimensions", "64");
}

TEST_F(Pooling, LongInputsAreRefusedByNameOrCut) {
  std::string letters = "a";
  for (int i = 0; i < 99; ++i) letters += " a";
  Refused(kEmbeddings, fmt::format(R"({{"input":["a","{}"]}})", letters), "input[1]", "64 tokens");
  const auto cut = Vectors('"' + letters + '"', R"(,"truncate_prompt_tokens":-1)");
  EXPECT_EQ(cut, Vectors('"' + letters.substr(0, 2 * 62 - 1) + '"')) << "62 letters and the two special tokens";
  EXPECT_EQ(Vectors('"' + letters + '"', R"(,"truncate_prompt_tokens":5)"), Vectors(R"("a a a")"));
  Refused(kEmbeddings, R"({"input":"a","truncate_prompt_tokens":65})", "truncate_prompt_tokens", "64");
}

TEST_F(Pooling, SpecialTokensInATextAreText) {
  const json ids = Ok("/tokenize", R"({"model":"vectors","prompt":"a [SEP] b"})")["tokens"];
  EXPECT_NE(Vectors(R"("a [SEP] b")"), Vectors(ids.dump()));
}

TEST_F(Pooling, BadEmbeddingRequestsNameTheField) {
  Refused(kEmbeddings, R"({"input":[]})", "input", "empty");
  Refused(kEmbeddings, R"({})", "input", "missing");
  Refused(kEmbeddings, R"({"input":["a",3]})", "input[1]", "kind");
  Refused(kEmbeddings, R"({"input":[131]})", "input", "vocabulary");
  Refused(kEmbeddings, R"({"input":"a","encoding_format":"int8"})", "encoding_format", "base64");
  Refused(kEmbeddings, R"({"input":"a","prompt_name":"none"})", "prompt_name", "no prompt");
  Refused(kEmbeddings, R"({"input":"a","nothing":1})", "nothing", "unknown field");
  Refused(kEmbeddings, R"({"input":"a","model":"nobody"})", "model", "does not exist", 404);
  Refused(kEmbeddings, R"({"input":"a","model":"tiny"})", "model", "generates text");
  Refused(kEmbeddings, R"({"input":"a","model":"ranker"})", "model", "makes no embeddings");
}

TEST_F(Pooling, RerankOrdersByTheScoresOfPairs) {
  const std::string documents = R"(["a b","c d e",{"text":"f"}])";
  const json answer = Ok(kRerank, R"({"query":"a","documents":)" + documents + "}");
  EXPECT_EQ(answer["model"], "ranker");
  ASSERT_EQ(answer["results"].size(), 3U);
  double last = 1;
  for (const json& result : answer["results"]) {
    EXPECT_LE(result["relevance_score"].get<double>(), last);
    last = result["relevance_score"].get<double>();
    EXPECT_GT(last, 0);
  }
  const json scores = Ok(kScore, R"({"text_1":"a","text_2":["a b","c d e","f"]})")["data"];
  for (const json& result : answer["results"]) {
    EXPECT_EQ(result["relevance_score"], scores[result["index"].get<std::size_t>()]["score"]);
  }
  EXPECT_EQ(answer["results"][0]["document"]["text"].get<std::string>().empty(), false);
  const json two = Ok("/rerank", R"({"query":"a","top_n":2,"return_documents":false,"documents":)" + documents + "}");
  ASSERT_EQ(two["results"].size(), 2U);
  EXPECT_FALSE(two["results"][0].contains("document"));
  EXPECT_EQ(two["results"][0]["index"], answer["results"][0]["index"]);
  EXPECT_EQ(two["usage"]["total_tokens"], 6 + 7 + 5);
}

TEST_F(Pooling, AnEmbeddingModelRanksByTheCosine) {
  const auto vectors = Vectors(R"(["q a","b c"])");
  double product = 0;
  for (std::size_t i = 0; i < vectors[0].size(); ++i) {
    product += static_cast<double>(vectors[0][i]) * static_cast<double>(vectors[1][i]);
  }
  const json answer = Ok(kRerank, R"({"model":"vectors","query":"a","documents":["b c"]})");
  EXPECT_NEAR(answer["results"][0]["relevance_score"].get<double>(), product, 1e-5) << "with the query's prompt";
  const json score =
      Ok("/v1/score", R"({"model":"vectors","queries":["q a","q a"],"documents":["b c","q a"]})")["data"];
  EXPECT_NEAR(score[0]["score"].get<double>(), product, 1e-5);
  EXPECT_NEAR(score[1]["score"].get<double>(), 1, 1e-5);
}

TEST_F(Pooling, BadPairsNameTheField) {
  Refused(kRerank, R"({"documents":["a"]})", "query", "missing");
  Refused(kRerank, R"({"query":"a"})", "documents", "missing");
  Refused(kRerank, R"({"query":"a","documents":[]})", "documents", "empty");
  Refused(kRerank, R"({"query":"a","documents":[{"title":"a"}]})", "documents[0].title", "unknown");
  Refused(kRerank, R"({"query":"a","documents":["a"],"model":"topics"})", "model", "3 labels");
  Refused(kScore, R"({"text_1":["a","b"],"text_2":["a"]})", "text_1", "as many");
  Refused(kScore, R"({"text_1":"a","queries":"b","text_2":"c"})", "queries", "again");
  std::string letters = "a";
  for (int i = 0; i < 99; ++i) letters += " a";
  Refused(kRerank, fmt::format(R"({{"query":"a","documents":["b","{}"]}})", letters), "documents[1]", "64 tokens");
  EXPECT_EQ(All()
                .Ask(kRerank, fmt::format(R"({{"query":"a","truncate_prompt_tokens":-1,"documents":["{}"]}})", letters))
                .status,
            200);
}

TEST_F(Pooling, EveryModelIsListedAndTold) {
  const json models = TestClient(All().server->port()).Ask("GET", "/v1/models").Json()["data"];
  std::vector<std::string> ids;
  for (const json& model : models) ids.push_back(model["id"]);
  EXPECT_THAT(ids, testing::ElementsAre("tiny", "vectors", "org/alias", "ranker", "topics"));
  EXPECT_EQ(TestClient(All().server->port()).Ask("GET", "/v1/models/org%2Falias").Json()["root"], "vectors");
  Refused(kChat, R"({"model":"vectors","messages":[{"role":"user","content":"Hi"}]})", "model", "makes embeddings");
  Ok(kChat, ChatBody(2));
}

TEST_F(Pooling, MetricsCountTexts) {
  Vectors(R"(["a","b"])");
  const std::string text = TestClient(All().server->port()).Ask("GET", "/metrics").body;
  for (const char* name : {"strata:pooling_requests_total", "strata:pooling_texts_total", "strata:pooling_tokens_total",
                           "strata:pooling_request_seconds_count", "strata:pooling_texts_waiting"}) {
    EXPECT_THAT(text, HasSubstr(fmt::format("{}{{model_name=\"vectors\"}}", name)));
  }
}

TEST(PoolingAlone, AServerWithoutAGeneratorSaysSo) {
  const Serving serving(false);
  EXPECT_EQ(TestClient(serving.server->port()).Ask("GET", "/health").status, 200);
  EXPECT_EQ(serving.Ok(kEmbeddings, R"({"model":"tiny","input":"a"})")["data"].size(), 1U);
  EXPECT_EQ(serving.Ok("/tokenize", R"({"prompt":"a"})")["count"], 3);
  for (const std::string_view path : {kChat, std::string_view("/v1/completions"), std::string_view("/v1/responses")}) {
    const TestResponse response = serving.Ask(path, ChatBody(2));
    EXPECT_EQ(response.status, 400) << path;
    EXPECT_THAT(response.body, HasSubstr("makes embeddings")) << path;
  }
}

}  // namespace
}  // namespace strata::serve
