// Evaluations as a page that needs nothing else: means, what differs and how surely, each question.
#pragma once

#include <span>
#include <string>

#include "knowledge/evaluate/answers.h"
#include "knowledge/evaluate/evaluate.h"

namespace strata::knowledge {

/// `evaluations`: one, or two that are compared; of `judged` questions, the first k documents of each. `answers`: none,
/// or as many, of `questions`.
std::string HtmlReport(std::span<const GoldenQuestion> judged, std::span<const Evaluation> evaluations, std::size_t k,
                       std::span<const GoldenQuestion> questions = {}, std::span<const AnswerEvaluation> answers = {});

}  // namespace strata::knowledge
