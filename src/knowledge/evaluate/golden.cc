#include "knowledge/evaluate/golden.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "knowledge/ingest/source_uri.h"

namespace strata::knowledge {
namespace {

using Json = nlohmann::json;

std::string UriOf(const std::string& name) { return name.starts_with('/') ? FileUri(name) : name; }

Result<GoldenQuestion> ParseLine(std::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return Fail(ErrorCode::kInvalidArgument, "no JSON object");
  GoldenQuestion golden;
  if (const auto question = json.find("question"); question != json.end() && question->is_string()) {
    golden.question = *question;
  }
  if (golden.question.empty()) return Fail(ErrorCode::kInvalidArgument, "\"question\" is no text");
  const Json relevant = json.value("relevant", Json());
  if (relevant.is_array()) {
    for (const Json& name : relevant) {
      if (!name.is_string()) return Fail(ErrorCode::kInvalidArgument, "\"relevant\" lists paths and URIs");
      golden.relevant[UriOf(name)] = 1;
    }
  } else if (relevant.is_object()) {
    for (const auto& [name, grade] : relevant.items()) {
      if (!grade.is_number() || grade.get<double>() <= 0) {
        return Fail(ErrorCode::kInvalidArgument, "the grade of {} is no number above 0", name);
      }
      golden.relevant[UriOf(name)] = grade;
    }
  }
  if (golden.relevant.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "\"relevant\" lists no document, and gives none a grade");
  }
  return golden;
}

}  // namespace

Result<std::vector<GoldenQuestion>> ParseGoldenSet(std::string_view text, const std::string& where) {
  std::vector<GoldenQuestion> questions;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    STRATA_TRY(GoldenQuestion question, ParseLine(line), "{}: line {}", where, number);
    questions.push_back(std::move(question));
  }
  if (questions.empty()) return Fail(ErrorCode::kInvalidArgument, "{}: no question in it", where);
  return questions;
}

}  // namespace strata::knowledge
