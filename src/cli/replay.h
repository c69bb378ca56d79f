// Requests of a known size on a real engine, and when each of their tokens came: for `strata bench --mixed` and
// `strata simulate --against-real`.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/simulator.h"

namespace strata::cli {

/// One request that runs to its full length, whatever tokens come. Cancelled when it goes out of scope before its end.
class TimedRequest {
 public:
  /// `seed` makes the prompt; requests with the same prefix name share that part. Errors: those of Engine::Submit.
  static Result<std::unique_ptr<TimedRequest>> Submit(Engine& engine, const TraceRequest& request, std::uint64_t seed);
  /// `work` has no on_event yet.
  static Result<std::unique_ptr<TimedRequest>> Submit(Engine& engine, EngineRequest work);
  ~TimedRequest();

  /// Until it has so many tokens or has ended.
  void WaitForTokens(std::size_t count);
  /// Until its end. Errors: the request's own.
  Status Wait();
  /// Monotonic seconds of its tokens so far.
  std::vector<double> token_times();

 private:
  explicit TimedRequest(Engine& engine) : engine_(engine) {}
  void OnEvent(EngineEvent&& event);

  Engine& engine_;
  RequestId id_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<double> times_;
  bool ended_ = false;
  std::optional<Error> error_;
};

/// The trace in real time. The timelines count from its start, as Simulate's do.
Result<std::vector<RequestTimeline>> Replay(Engine& engine, const std::vector<TraceRequest>& trace);

/// Streams that decode when a long prompt comes, and the same streams when none does.
struct MixedLoad {
  std::vector<double> during_ms;   ///< gaps between the tokens of the streams from its arrival to its first token
  std::vector<double> without_ms;  ///< gaps between the same tokens, at the same contexts, with no prompt beside them
  double first_token_ms = 0;       ///< of the long prompt
  double alone_ms = 0;             ///< the same with nobody else there
};
Result<MixedLoad> MeasureMixed(Engine& engine, std::int64_t streams, std::int64_t prompt_tokens);

}  // namespace strata::cli
