// What each endpoint makes of a body: texts for a pooling model, and the answer out of the rows that they give.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/pooling_engine.h"
#include "serve/api_error.h"
#include "serve/state.h"

namespace strata::serve::pooling {

struct Call {
  std::shared_ptr<const PoolingModel> model;
  std::vector<PoolingInput> inputs;
  std::function<std::string(PooledRows&&)> answer;  ///< the response's body
};

/// Errors are the client's: statuses of 400 and 404, naming the field.
using CallOrError = std::expected<Call, ApiError>;

CallOrError MakeEmbeddingCall(const LoadedModels& models, std::string_view body);
/// By a classifier over pairs; by an embedding model as the cosine of query and document.
CallOrError MakeRerankCall(const LoadedModels& models, std::string_view body);
CallOrError MakeScoreCall(const LoadedModels& models, std::string_view body);

}  // namespace strata::serve::pooling
