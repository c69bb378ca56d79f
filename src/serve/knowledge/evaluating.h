// How good a base's searches and answers are by questions that a client sends. Blocks, for as long as all of these
// questions take: not for I/O's threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "knowledge/answer/answerer.h"
#include "knowledge/evaluate/golden.h"
#include "knowledge/evaluate/questions.h"
#include "serve/api_error.h"
#include "serve/endpoints.h"
#include "serve/field_table.h"
#include "serve/knowledge/base_set.h"
#include "serve/knowledge/query.h"
#include "serve/state.h"

namespace strata::serve::knowledge {

struct EvaluationRequest {
  std::string base;
  std::vector<strata::knowledge::GoldenQuestion> questions;
  /// One, or two that are compared, with the text that says each.
  std::vector<std::pair<std::string, strata::knowledge::AnswerRequest>> configurations;
  std::size_t k = 10;
  bool answers = true;  ///< they are asked for and judged, besides the searches
  std::int32_t tenant = 0;
};

/// The body of .../evaluate. Errors: 400 naming the field; 403 for keys that do not see everything, as documents that
/// the questions name are scored.
std::expected<EvaluationRequest, ApiError> ReadEvaluation(const Json& fields, const Asker& asker,
                                                          const std::string& base);

struct QuestionsRequest {
  std::string base;
  strata::knowledge::QuestionOptions options;
  std::int32_t tenant = 0;
};

/// The body of .../questions. Errors: as ReadEvaluation's.
std::expected<QuestionsRequest, ApiError> ReadQuestionsRequest(const Json& fields, const Asker& asker,
                                                               const std::string& base);

/// `wanted`: somebody still waits; asked while answers are written. Errors: those of
/// BaseSet::Open, Evaluate and EvaluateAnswers; kUnsupported where the server has no model that answers.
Answer EvaluateBase(BaseSet& bases, const LoadedModels& models, const EvaluationRequest& request,
                    const std::function<bool()>& wanted);

/// Writes questions of the base's own text. Errors: those of BaseSet::Open and GenerateQuestions.
Answer WriteQuestions(BaseSet& bases, const LoadedModels& models, const QuestionsRequest& request,
                      const std::function<bool()>& wanted);

}  // namespace strata::serve::knowledge
