#include "knowledge/evaluate/golden.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "knowledge/ingest/source_uri.h"

namespace strata::knowledge {
namespace {

using Json = nlohmann::json;

std::string UriOf(const std::string& name) { return name.starts_with('/') ? FileUri(name) : name; }

Status ReadRelevant(const Json& json, GoldenQuestion& golden) {
  if (json.is_array()) {
    for (const Json& name : json) {
      if (!name.is_string()) return Fail(ErrorCode::kInvalidArgument, "\"relevant\" lists paths and URIs");
      golden.relevant[UriOf(name)] = 1;
    }
  } else if (json.is_object()) {
    for (const auto& [name, grade] : json.items()) {
      if (!grade.is_number() || grade.get<double>() <= 0) {
        return Fail(ErrorCode::kInvalidArgument, "the grade of {} is no number above 0", name);
      }
      golden.relevant[UriOf(name)] = grade;
    }
  }
  if (golden.relevant.empty() && !golden.unanswerable) {
    return Fail(ErrorCode::kInvalidArgument, "\"relevant\" lists no document, and gives none a grade");
  }
  return {};
}

Status ReadSpans(const Json& json, GoldenQuestion& golden) {
  if (json.is_null()) return {};
  if (!json.is_object()) return Fail(ErrorCode::kInvalidArgument, "\"spans\" is no object");
  for (const auto& [name, list] : json.items()) {
    const std::string uri = UriOf(name);
    if (!golden.relevant.contains(uri)) {
      return Fail(ErrorCode::kInvalidArgument, "\"spans\" has {}, which is not relevant", name);
    }
    const auto is_span = [](const Json& span) {
      return span.is_array() && span.size() == 2 && span[0].is_number_unsigned() && span[1].is_number_unsigned() &&
             span[0] < span[1];
    };
    if (!list.is_array() || !std::ranges::all_of(list, is_span)) {
      return Fail(ErrorCode::kInvalidArgument, "\"spans\" of {}: a list of [begin, end] is wanted", name);
    }
    for (const Json& span : list) golden.spans[uri].push_back({span[0], span[1]});
  }
  return {};
}

Status ReadAnswers(const Json& json, GoldenQuestion& golden) {
  if (json.is_null()) return {};
  for (const Json& answer : json.is_array() ? json : Json::array({json})) {
    if (!answer.is_string() || answer.get_ref<const std::string&>().empty()) {
      return Fail(ErrorCode::kInvalidArgument, "\"answer\" is no text, and no list of texts");
    }
    golden.answers.push_back(answer);
  }
  return {};
}

}  // namespace

Result<GoldenQuestion> ParseGoldenQuestion(const Json& json) {
  if (!json.is_object()) return Fail(ErrorCode::kInvalidArgument, "no JSON object");
  GoldenQuestion golden;
  if (const auto question = json.find("question"); question != json.end() && question->is_string()) {
    golden.question = *question;
  }
  if (golden.question.empty()) return Fail(ErrorCode::kInvalidArgument, "\"question\" is no text");
  if (const Json unanswerable = json.value("unanswerable", Json()); unanswerable.is_boolean()) {
    golden.unanswerable = unanswerable;
  } else if (!unanswerable.is_null()) {
    return Fail(ErrorCode::kInvalidArgument, "\"unanswerable\" is neither true nor false");
  }
  STRATA_CHECK(ReadRelevant(json.value("relevant", Json()), golden));
  STRATA_CHECK(ReadSpans(json.value("spans", Json()), golden));
  STRATA_CHECK(ReadAnswers(json.value("answer", Json()), golden));
  if (golden.unanswerable && (!golden.relevant.empty() || !golden.answers.empty())) {
    return Fail(ErrorCode::kInvalidArgument,
                "a question that is \"unanswerable\" has no \"relevant\" and no \"answer\"");
  }
  return golden;
}

Result<std::vector<GoldenQuestion>> ParseGoldenSet(std::string_view text, const std::string& where) {
  std::vector<GoldenQuestion> questions;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    STRATA_TRY(GoldenQuestion question, ParseGoldenQuestion(Json::parse(line, nullptr, false)), "{}: line {}", where,
               number);
    questions.push_back(std::move(question));
  }
  if (questions.empty()) return Fail(ErrorCode::kInvalidArgument, "{}: no question in it", where);
  return questions;
}

nlohmann::ordered_json ToJson(const GoldenQuestion& golden) {
  nlohmann::ordered_json json = {{"question", golden.question}};
  if (golden.unanswerable) json["unanswerable"] = true;
  const bool graded = std::ranges::any_of(golden.relevant, [](const auto& judged) { return judged.second != 1; });
  for (const auto& [uri, grade] : golden.relevant) {
    if (graded) json["relevant"][uri] = grade;
    if (!graded) json["relevant"].push_back(uri);
  }
  for (const auto& [uri, spans] : golden.spans) {
    for (const Span span : spans) json["spans"][uri].push_back({span.begin, span.end});
  }
  if (golden.answers.size() == 1) json["answer"] = golden.answers.front();
  if (golden.answers.size() > 1) json["answer"] = golden.answers;
  return json;
}

std::string FormatGoldenSet(std::span<const GoldenQuestion> questions) {
  std::string text;
  for (const GoldenQuestion& golden : questions) {
    text += ToJson(golden).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  }
  return text;
}

std::vector<GoldenQuestion> JudgedQuestions(std::span<const GoldenQuestion> questions) {
  std::vector<GoldenQuestion> judged;
  std::ranges::copy_if(questions, std::back_inserter(judged),
                       [](const GoldenQuestion& golden) { return !golden.relevant.empty(); });
  return judged;
}

}  // namespace strata::knowledge
