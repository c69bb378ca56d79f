#include "knowledge/evaluate/questions.h"

#include <algorithm>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "knowledge/answer/prompt.h"
#include "knowledge/evaluate/match.h"

namespace strata::knowledge {
namespace {

// Shorter ones (a heading, a line of a list) say too little to be asked of.
constexpr std::int64_t kFewestTokens = 24;
constexpr std::size_t kTriesPerQuestion = 5;
constexpr std::int64_t kMostTokens = 200;  // that the model writes
constexpr std::size_t kFewestWords = 3;    // of a question

constexpr std::string_view kTask =
    "Write one question that the passage answers, as somebody might ask it who has not seen the passage: name what it "
    "is "
    "about, and use other words than the passage where you can. Write also the answer, in a few words that stand in "
    "the "
    "passage. Keep the passage's language.";
// Bounded, so that a model that repeats itself comes to an end.
constexpr const char* kSchema = R"({"type": "object", "properties": {
  "question": {"type": "string", "minLength": 8, "maxLength": 200},
  "answer": {"type": "string", "minLength": 1, "maxLength": 200}},
  "required": ["question", "answer"], "additionalProperties": false})";

struct Written {
  std::string question, answer;
};

std::optional<Written> ReadWritten(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("question") || !json.contains("answer")) return std::nullopt;
  if (!json["question"].is_string() || !json["answer"].is_string()) return std::nullopt;
  return Written{json["question"], json["answer"]};
}

/// What the model writes of one chunk after the other, and what of it is a question for a golden set.
class Questioner {
 public:
  Questioner(const Searcher& searcher, const QuestionOptions& options) : searcher_(searcher), options_(options) {}

  Result<GeneratedQuestions> Run() {
    if (searcher_.models().writer == nullptr) {
      return Fail(ErrorCode::kUnsupported, "there is no model that could write questions");
    }
    STRATA_TRY(const std::vector<ChunkId> chunks, Chosen());
    bool long_enough = false;
    for (const ChunkId id : chunks) {
      if (made_.questions.size() == options_.count || made_.tried == options_.count * kTriesPerQuestion) break;
      STRATA_TRY(const std::vector<StoredChunk> found, sources().store->Chunks(std::span(&id, 1)));
      if (found.empty() || found[0].chunk.hidden || found[0].chunk.tokens < kFewestTokens) continue;
      long_enough = true;
      ++made_.tried;
      STRATA_CHECK(Try(found[0]));
      if (options_.on_tried && !options_.on_tried(made_.tried, made_.questions.size())) break;
    }
    if (!long_enough) return Fail(ErrorCode::kNotFound, "no chunk of the base is long enough to be asked of");
    return std::move(made_);
  }

 private:
  const SearchSources& sources() const { return searcher_.sources(); }

  /// All of the base, in an order of chance.
  Result<std::vector<ChunkId>> Chosen() const {
    std::vector<ChunkId> chunks;
    STRATA_CHECK(sources().store->ForEachChunkId([&](ChunkId chunk, DocumentId) { chunks.push_back(chunk); }));
    std::mt19937_64 random(options_.seed);
    for (std::size_t i = chunks.size(); i > 1; --i) std::swap(chunks[i - 1], chunks[random() % i]);
    return chunks;
  }

  Status Try(const StoredChunk& chunk) {
    const std::string content = fmt::format("Passage{}:\n{}\n\nAnswer as JSON with \"question\" and \"answer\".",
                                            chunk.chunk.context.empty() ? "" : " of " + Material(chunk.chunk.context),
                                            Material(chunk.chunk.text));
    const std::vector<Writer::Message> messages = {{"system", std::string(kTask)}, {"user", content}};
    STRATA_TRY(const std::string text,
               searcher_.models().writer->Write(messages, {.max_tokens = kMostTokens, .json_schema = kSchema}),
               "while writing a question");
    const std::optional<Written> written = ReadWritten(text);
    if (!written) {
      ++made_.malformed;
      return {};
    }
    const std::vector<std::string> question = MatchWords(written->question);
    const std::vector<std::string> passage = MatchWords(chunk.chunk.context + "\n" + chunk.chunk.text);
    const std::vector<std::string> answer = MatchWords(written->answer);
    if (question.size() < kFewestWords) {
      ++made_.malformed;
    } else if (2 * LongestCommonRun(question, passage) > question.size()) {
      ++made_.copied;
    } else if (answer.empty() || !std::ranges::all_of(answer, [&](const std::string& word) {
                 return std::ranges::find(passage, word) != passage.end();
               })) {
      ++made_.unfounded;
    } else if (!asked_.insert(question).second) {
      ++made_.repeated;
    } else {
      return AddIfFound(*written, chunk);
    }
    return {};
  }

  Status AddIfFound(const Written& written, const StoredChunk& chunk) {
    STRATA_TRY(
        const SearchResult found,
        searcher_.Search({.query = written.question, .principal = {.sees_everything = true}, .limit = options_.k}));
    if (std::ranges::none_of(found.hits, [&](const Hit& hit) { return hit.chunk.id == chunk.id; })) {
      ++made_.not_found;
      return {};
    }
    GoldenQuestion golden{.question = written.question, .relevant = {}, .answers = {written.answer}};
    for (const Hit& hit : found.hits) {
      if (hit.chunk.chunk.hash != chunk.chunk.hash) continue;
      golden.relevant[hit.document->uri] = 1;
      golden.spans[hit.document->uri].push_back(hit.chunk.chunk.span);
    }
    made_.questions.push_back(std::move(golden));
    return {};
  }

  const Searcher& searcher_;
  const QuestionOptions& options_;
  GeneratedQuestions made_;
  std::set<std::vector<std::string>> asked_;
};

}  // namespace

Result<GeneratedQuestions> GenerateQuestions(const Searcher& searcher, const QuestionOptions& options) {
  return Questioner(searcher, options).Run();
}

}  // namespace strata::knowledge
