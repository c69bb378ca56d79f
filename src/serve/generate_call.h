// What a protocol makes of a request's body: the same plain data for the engine, and a writer of its own for the
// answer.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include "serve/api_error.h"
#include "serve/request.h"
#include "serve/response_writer.h"
#include "serve/rounds.h"
#include "serve/state.h"

namespace strata::serve {

/// What there is besides the body.
struct CallContext {
  const ServerState& state;
  const LoadedModel& model;
  std::int32_t tenant = 0;  ///< of the request's API key
};

struct GenerateCall {
  GenerateRequest request;
  std::string id;  ///< of the response
  std::unique_ptr<ResponseWriter> writer;
  std::unique_ptr<Rounds> rounds = nullptr;  ///< null: the response is one answer
};

/// Errors are the client's: statuses of 400 and 404, naming the field.
using CallOrError = std::expected<GenerateCall, ApiError>;

}  // namespace strata::serve
