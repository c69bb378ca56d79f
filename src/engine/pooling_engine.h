// The engine of models that give one row for a text: embeddings and scores. One thread owns the runner; requests come
// by a queue, each with any number of texts, and are answered once, by the callback that they carry.
//
//   PoolingEngine engine(std::move(runner), {});
//   STRATA_TRY(RequestId id, engine.Submit({.inputs = {{.tokens = ids}}, .on_done = ...}));
//
// A step takes texts of whoever was served least (tenants as in tenants.h, and the requests of one tenant the same
// way), the longest that still fit first, so that steps are full; a text's bits do not depend on what it shares a step
// with.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/scheduler.h"
#include "formats/tokenizer.h"
#include "runtime/model_runner.h"

namespace strata {

struct PoolingInput {
  std::vector<TokenId> tokens;
  std::vector<std::int32_t> token_types = {};  ///< of each token; empty = 0
};

struct PooledRows {
  std::vector<float> values;  ///< [inputs, width], as the model gives them
  std::int64_t width = 0;
  std::int64_t tokens = 0;  ///< of all inputs

  std::span<const float> row(std::size_t input) const {
    return std::span(values).subspan(input * static_cast<std::size_t>(width), static_cast<std::size_t>(width));
  }
};

struct PoolingRequest {
  std::vector<PoolingInput> inputs;
  /// Called once, from the engine thread; must not block and must not call the engine but for Cancel. Errors:
  /// kCancelled, kDeadlineExceeded, what a device says.
  std::function<void(Result<PooledRows>&&)> on_done;
  std::optional<std::chrono::steady_clock::time_point> deadline = {};
  std::int32_t tenant = 0;  ///< whose request it is, for fair scheduling; small numbers, 0 = nobody's
};

struct PoolingEngineOptions {
  std::int64_t step_tokens = 512;  ///< of a step, but for a text that is longer; at most the runner's
  std::int64_t max_queued = 1024;  ///< requests; then kResourceExhausted
  std::vector<double> tenant_weights = {};
};

/// Counters since the start; gauges of now.
struct PoolingStats {
  std::int64_t requests = 0, inputs_waiting = 0;  ///< not yet answered
  std::int64_t inputs = 0, tokens = 0, steps = 0;
};

class PoolingEngine {
 public:
  /// The runner's model must be one that takes a text at once (ModelConfig::whole) and pools (assert).
  PoolingEngine(std::unique_ptr<ModelRunner> runner, PoolingEngineOptions options);
  ~PoolingEngine();  ///< cancels everything and joins the engine thread
  PoolingEngine(const PoolingEngine&) = delete;
  PoolingEngine& operator=(const PoolingEngine&) = delete;

  /// Errors at once, before any callback: kInvalidArgument naming the input (empty, longer than the context, a token or
  /// a type out of range), kResourceExhausted (queue full), kUnavailable (draining).
  Result<RequestId> Submit(PoolingRequest request);
  /// Unknown or finished ids are ignored. The request gets kCancelled.
  void Cancel(RequestId id);
  /// No new requests; returns true when all ended before the deadline.
  bool Drain(std::chrono::steady_clock::time_point deadline);

  std::int64_t max_context() const;  ///< tokens of the longest text
  PoolingStats stats() const;
  const ModelConfig& config() const;
  const ModelRunner& runner() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Makes the vector's length 1; one of zeros stays.
void NormalizeVector(std::span<float> vector);

}  // namespace strata
