// Asks a server every case, and scores what it calls.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "eval/api_client.h"
#include "eval/bfcl_case.h"
#include "eval/call_match.h"

namespace strata::eval {

struct EvalOptions {
  Endpoint endpoint;
  std::string api_key;
  std::string model;      ///< empty: the first that the server lists
  bool strict = false;    ///< every tool says `strict`: the server constrains calls to their schemas
  bool required = false;  ///< tool_choice "required", else "auto"
  bool one_call = false;  ///< parallel_tool_calls false: an answer ends with its first call
  double temperature = 0;
  std::int64_t max_tokens = 512;
  int concurrency = 8;
  std::chrono::milliseconds timeout = std::chrono::seconds(600);  ///< of one request
};

struct CaseResult {
  std::string id, category;
  Verdict verdict = {};
  std::string error = {};               ///< the request failed, and why; then the case is wrong
  nlohmann::ordered_json message = {};  ///< the answer's
  std::string finish_reason = {};
  double seconds = 0;
  std::int64_t prompt_tokens = 0, completion_tokens = 0;
};

/// A JSON object for a file of results.
nlohmann::ordered_json ToJson(const CaseResult& result);

/// Results in the order of the cases; `on_result` gets each when it is there. Errors: the server's list of models
/// cannot be had, or is empty. A request that fails is a result.
Result<std::vector<CaseResult>> RunCases(const std::vector<BfclCase>& cases, const EvalOptions& options,
                                         const std::function<void(const CaseResult&)>& on_result);

}  // namespace strata::eval
