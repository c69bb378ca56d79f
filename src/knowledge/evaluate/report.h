// An evaluation as a page that needs nothing else: means, what differs and how surely, each question.
#pragma once

#include <span>
#include <string>

#include "knowledge/evaluate/evaluate.h"

namespace strata::knowledge {

/// `evaluations`: one, or two that are compared; of `questions`, the first k documents of each.
std::string HtmlReport(std::span<const GoldenQuestion> questions, std::span<const Evaluation> evaluations,
                       std::size_t k);

}  // namespace strata::knowledge
