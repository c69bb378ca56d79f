#include "serve/knowledge/evaluating.h"

#include <utility>

#include "knowledge/evaluate/answers.h"
#include "knowledge/evaluate/configuration.h"
#include "knowledge/evaluate/evaluate.h"
#include "knowledge/lexical/analyser.h"
#include "serve/knowledge/json.h"
#include "serve/knowledge/searching.h"
#include "serve/response_json.h"

namespace strata::serve::knowledge {
namespace {

using namespace strata::knowledge;

// A request holds a thread for all of them.
constexpr std::size_t kMostQuestions = 1000;

Status ReadQuestions(const Json& json, const std::string& path, std::vector<GoldenQuestion>& questions) {
  if (!json.is_array()) return BadField(path, "must be an array, not {}", json.type_name());
  if (json.empty() || json.size() > kMostQuestions)
    return BadField(path, "must have 1 to {} questions", kMostQuestions);
  for (std::size_t i = 0; i < json.size(); ++i) {
    Result<GoldenQuestion> question = ParseGoldenQuestion(nlohmann::json(json[i]));
    if (!question) return BadField(fmt::format("{}[{}]", path, i), "{}", question.error().message());
    questions.push_back(std::move(*question));
  }
  return {};
}

Status ReadConfigurations(const Json& json, const std::string& path, EvaluationRequest& request) {
  if (!json.is_array()) return BadField(path, "must be an array, not {}", json.type_name());
  if (json.empty() || json.size() > 2) return BadField(path, "must have one or two");
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string item = fmt::format("{}[{}]", path, i);
    std::string text;
    STRATA_CHECK(ReadString(json[i], item, text));
    Result<AnswerRequest> how = ParseConfiguration(text);
    if (!how) return BadField(item, "{}", how.error().message());
    request.configurations.emplace_back(std::move(text), std::move(*how));
  }
  return {};
}

Json ComparisonJson(const Comparison& of) {
  return {{"difference", of.difference}, {"low", of.low}, {"high", of.high}};
}

Json ScoresJson(const RankingScores& scores) {
  return {{"ndcg", scores.ndcg},
          {"reciprocal_rank", scores.reciprocal_rank},
          {"recall", scores.recall},
          {"precision", scores.precision}};
}

/// What is a part of nothing is null.
Json ScoresJson(const AnswerScores& scores) {
  Json json = Json::object();
  for (const AnswerScore& score : kAnswerScores) {
    const std::optional<double> value = (scores.*score.share).value();
    json[score.name] = value ? Json(*value) : Json();
  }
  return json;
}

Json SearchesJson(const std::vector<Evaluation>& evaluations, std::span<const GoldenQuestion> judged) {
  Json list = Json::array();
  for (const Evaluation& evaluation : evaluations) {
    Json questions = Json::array();
    for (std::size_t i = 0; i < judged.size(); ++i) {
      const QuestionResult& result = evaluation.questions[i];
      questions.push_back(
          {{"question", judged[i].question}, {"ranking", result.ranking}, {"scores", ScoresJson(result.scores)}});
    }
    list.push_back({{"configuration", evaluation.configuration},
                    {"mean", ScoresJson(evaluation.mean)},
                    {"questions", std::move(questions)}});
  }
  Json json = {{"configurations", std::move(list)}, {"comparison", nullptr}};
  if (evaluations.size() == 2) {
    const EvaluationComparison of = Compare(evaluations[0], evaluations[1]);
    json["comparison"] = {{"ndcg", ComparisonJson(of.ndcg)},
                          {"reciprocal_rank", ComparisonJson(of.reciprocal_rank)},
                          {"recall", ComparisonJson(of.recall)},
                          {"precision", ComparisonJson(of.precision)}};
  }
  return json;
}

Json AnswersJson(const std::vector<AnswerEvaluation>& evaluations, std::span<const GoldenQuestion> asked) {
  Json list = Json::array();
  for (const AnswerEvaluation& evaluation : evaluations) {
    Json questions = Json::array();
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const AnswerResult& result = evaluation.questions[i];
      questions.push_back(
          {{"question", asked[i].question},
           {"text", result.text},
           {"abstained", result.abstained == Abstention::kNone ? Json() : Json(ToString(result.abstained))},
           {"cited", result.cited},
           {"scores", ScoresJson(result.scores)}});
    }
    list.push_back({{"configuration", evaluation.configuration},
                    {"total", ScoresJson(evaluation.total)},
                    {"questions", std::move(questions)}});
  }
  Json json = {{"configurations", std::move(list)}, {"comparison", nullptr}};
  if (evaluations.size() == 2) {
    const auto compared = CompareAnswers(evaluations[0], evaluations[1]);
    for (std::size_t i = 0; i < compared.size(); ++i) {
      json["comparison"][kAnswerScores[i].name] = compared[i] ? ComparisonJson(*compared[i]) : Json();
    }
  }
  return json;
}

std::unexpected<ApiError> NotForThisKey() {
  return std::unexpected(ApiError{.status = 403,
                                  .message = "This API key may read what it sees: evaluations are of all documents.",
                                  .type = "permission_error",
                                  .code = "not_allowed"});
}

Result<Json> Evaluated(BaseSet& bases, const LoadedModels& models, const EvaluationRequest& request,
                       const std::function<bool()>& wanted) {
  STRATA_TRY(const std::shared_ptr<KnowledgeBase> base, bases.Open(request.base));
  Usage usage;
  STRATA_TRY(const AskedModels asked, CountedModels(models, request.tenant, usage));
  Json json = {{"object", "knowledge.evaluation"}, {"base", request.base}, {"k", request.k}};
  const std::vector<GoldenQuestion> judged = JudgedQuestions(request.questions);
  std::vector<Evaluation> searches;
  for (const auto& [text, how] : request.configurations) {
    if (judged.empty()) break;
    STRATA_TRY(Evaluation evaluation,
               Evaluate(SourcesOf(*base), judged, how.search, text, request.k, asked.ForSearch()));
    searches.push_back(std::move(evaluation));
  }
  json["searches"] = judged.empty() ? Json() : SearchesJson(searches, judged);
  json["answers"] = nullptr;
  if (request.answers) {
    if (asked.writer == nullptr) {
      return Fail(ErrorCode::kUnsupported, "the server has no model that chats: set answers to false");
    }
    STRATA_TRY(const auto analyser, Analyser::Create(base->options().language));
    const Searcher searcher(SourcesOf(*base), asked.ForSearch());
    const Answerer answerer(searcher, *asked.writer, analyser);
    std::vector<AnswerEvaluation> answers;
    for (const auto& [text, how] : request.configurations) {
      AnswerRequest watched = how;
      watched.wanted = wanted;
      STRATA_TRY(AnswerEvaluation evaluation, EvaluateAnswers(answerer, request.questions, watched, text));
      answers.push_back(std::move(evaluation));
    }
    json["answers"] = AnswersJson(answers, request.questions);
  }
  json["usage"] = UsageJson(usage);
  return json;
}

Result<Json> Questions(BaseSet& bases, const LoadedModels& models, const QuestionsRequest& request,
                       const std::function<bool()>& wanted) {
  STRATA_TRY(const std::shared_ptr<KnowledgeBase> base, bases.Open(request.base));
  Usage usage;
  STRATA_TRY(const AskedModels asked, CountedModels(models, request.tenant, usage));
  QuestionOptions options = request.options;
  options.on_tried = [&](std::size_t, std::size_t) { return wanted(); };
  STRATA_TRY(const GeneratedQuestions made, GenerateQuestions(Searcher(SourcesOf(*base), asked.ForSearch()), options));
  Json list = Json::array();
  for (const GoldenQuestion& golden : made.questions) list.push_back(ToJson(golden));
  return Json{{"object", "list"},
              {"data", std::move(list)},
              {"chunks", made.tried},
              {"left_out",
               {{"malformed", made.malformed},
                {"copied", made.copied},
                {"unfounded", made.unfounded},
                {"repeated", made.repeated},
                {"not_found", made.not_found}}},
              {"usage", UsageJson(usage)}};
}

Answer Answered(const Result<Json>& json) {
  if (!json) return std::unexpected(ToApiError(json.error()));
  return HttpResponse{.body = Dump(*json), .headers = {}};
}

}  // namespace

std::expected<EvaluationRequest, ApiError> ReadEvaluation(const Json& fields, const Asker& asker,
                                                          const std::string& base) {
  if (!asker.principal.sees_everything) return NotForThisKey();
  static const std::vector<Field<EvaluationRequest>> table = {
      {"questions", [](const Json& v, const std::string& path,
                       EvaluationRequest& r) { return ReadQuestions(v, path, r.questions); }},
      {"configurations", ReadConfigurations},
      IntegerField<EvaluationRequest>("k", 1, 100, [](EvaluationRequest& r) -> auto& { return r.k; }),
      BoolField<EvaluationRequest>("answers", [](EvaluationRequest& r) -> bool& { return r.answers; })};
  EvaluationRequest request{.base = base, .questions = {}, .configurations = {}};
  Status read = ReadFields(fields, table, request);
  if (read && request.questions.empty()) read = BadField("questions", "is missing");
  if (!read) return std::unexpected(ToApiError(read.error()));
  if (request.configurations.empty()) request.configurations.emplace_back();
  request.tenant = asker.tenant;
  return request;
}

Answer EvaluateBase(BaseSet& bases, const LoadedModels& models, const EvaluationRequest& request,
                    const std::function<bool()>& wanted) {
  return Answered(Evaluated(bases, models, request, wanted));
}

std::expected<QuestionsRequest, ApiError> ReadQuestionsRequest(const Json& fields, const Asker& asker,
                                                               const std::string& base) {
  if (!asker.principal.sees_everything) return NotForThisKey();
  static const std::vector<Field<QuestionsRequest>> table = {
      IntegerField<QuestionsRequest>("count", 1, kMostQuestions,
                                     [](QuestionsRequest& r) -> auto& { return r.options.count; }),
      IntegerField<QuestionsRequest>("seed", 0, INT64_MAX, [](QuestionsRequest& r) -> auto& { return r.options.seed; }),
      IntegerField<QuestionsRequest>("k", 1, 200, [](QuestionsRequest& r) -> auto& { return r.options.k; })};
  QuestionsRequest request{.base = base, .options = {}};
  if (const Status read = ReadFields(fields, table, request); !read) return std::unexpected(ToApiError(read.error()));
  request.tenant = asker.tenant;
  return request;
}

Answer WriteQuestions(BaseSet& bases, const LoadedModels& models, const QuestionsRequest& request,
                      const std::function<bool()>& wanted) {
  return Answered(Questions(bases, models, request, wanted));
}

}  // namespace strata::serve::knowledge
