// How good a base's answers are, by a golden set and by what the answers themselves cite.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/answer/answerer.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/evaluate/metrics.h"

namespace strata::knowledge {

/// Of one question, or of all of them.
struct AnswerScores {
  /// Statements that a passage which the model read supports (Statement::supported: by words, numbers and quotations;
  /// no model judges another), of all statements.
  Share faithfulness;
  /// Citations of a relevant document, and of where the answer stands in it if that is known, of all citations; and
  /// relevant documents that are cited, of all.
  Share citation_precision, citation_recall;
  Share answered;  ///< of the questions that can be answered
  /// Abstentions from questions that cannot be answered, of all abstentions, and of all these questions.
  Share abstention_precision, abstention_recall;
  /// Of the questions whose answer is known, an abstention being as good as nothing: the words that answer and known
  /// answer have in common (TokenF1), and those that have the known answer in them.
  Share token_f1, contains;
};

struct AnswerScore {
  std::string_view name;
  Share AnswerScores::* share;
};
inline constexpr std::array kAnswerScores = {AnswerScore{"faithfulness", &AnswerScores::faithfulness},
                                             AnswerScore{"citation_precision", &AnswerScores::citation_precision},
                                             AnswerScore{"citation_recall", &AnswerScores::citation_recall},
                                             AnswerScore{"answered", &AnswerScores::answered},
                                             AnswerScore{"abstention_precision", &AnswerScores::abstention_precision},
                                             AnswerScore{"abstention_recall", &AnswerScores::abstention_recall},
                                             AnswerScore{"token_f1", &AnswerScores::token_f1},
                                             AnswerScore{"contains", &AnswerScores::contains}};

AnswerScores ScoreAnswer(const Answer& answer, const GoldenQuestion& golden);

struct AnswerResult {
  std::string text;
  Abstention abstained = Abstention::kNone;
  std::vector<std::string> cited;  ///< URIs, each once
  AnswerScores scores;
};

struct AnswerEvaluation {
  std::string configuration;
  std::vector<AnswerResult> questions;  ///< as the golden set
  AnswerScores total;
};

/// Asks every question as `how` says, as the owner of the base. `on_answered` is told how many are. Errors: the
/// Answerer's; kCancelled when how.wanted says that nobody waits any more.
Result<AnswerEvaluation> EvaluateAnswers(const Answerer& answerer, std::span<const GoldenQuestion> questions,
                                         const AnswerRequest& how, std::string configuration,
                                         const std::function<void(std::size_t)>& on_answered = {});

/// b - a of each of kAnswerScores; nothing where one of both is a part of nothing.
std::array<std::optional<Comparison>, kAnswerScores.size()> CompareAnswers(const AnswerEvaluation& a,
                                                                           const AnswerEvaluation& b);

}  // namespace strata::knowledge
