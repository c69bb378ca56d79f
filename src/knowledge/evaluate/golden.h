// Questions whose right documents, and perhaps answers, are known: a base's golden set. JSON lines:
//
//   {"question": "Which licence has zlib?", "relevant": ["/usr/share/doc/zlib1g/copyright"], "answer": "the zlib
//   licence"}
//   {"question": "How long is the notice period?", "relevant": {"upload:contract.pdf": 2, "upload:faq.md": 1}}
//   {"question": "Who won the cup in 1974?", "unanswerable": true}
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "knowledge/evaluate/metrics.h"
#include "knowledge/types.h"

namespace strata::knowledge {

struct GoldenQuestion {
  std::string question;
  Judgements relevant;  ///< by URI; none of a question that the base cannot answer
  /// Where in the text of a relevant document the answer stands, where that is known ("spans": {URI: [[0, 80]]}).
  std::map<std::string, std::vector<Span>> spans = {};
  std::vector<std::string> answers = {};  ///< each is right ("answer": a text, or a list of them); none: not known
  bool unanswerable = false;              ///< who answers it has made the answer up
};

/// A path in the place of a URI stands for its file. Errors: kInvalidArgument: no object, no question, nothing
/// relevant, a grade that is no number above 0; spans that are none, or of a document that is not relevant; an answer
/// that is no text; relevant documents or answers of an unanswerable question.
Result<GoldenQuestion> ParseGoldenQuestion(const nlohmann::json& json);
/// Errors: those, with the line; no question at all. `where` stands for the text in errors.
Result<std::vector<GoldenQuestion>> ParseGoldenSet(std::string_view text, const std::string& where);

nlohmann::ordered_json ToJson(const GoldenQuestion& golden);
/// A line for each; ParseGoldenSet reads the same from it.
std::string FormatGoldenSet(std::span<const GoldenQuestion> questions);

/// Those that have relevant documents, by which searches are scored.
std::vector<GoldenQuestion> JudgedQuestions(std::span<const GoldenQuestion> questions);

}  // namespace strata::knowledge
