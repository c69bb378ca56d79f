// The engine: takes requests, gives tokens. One thread owns every sequence and runs the steps; requests come by a
// queue, tokens leave by the callback that the request carries.
//
//   Engine engine(std::move(runner), tokenizer, {});
//   STRATA_TRY(RequestId id, engine.Submit({.prompt = ids, .sampling = {.temperature = 0}, .on_event = ...}));
//   engine.Cancel(id);
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/scheduler.h"
#include "formats/tokenizer.h"
#include "runtime/model_runner.h"

namespace strata {
namespace grammar {
class Grammar;
}

/// Semantics and ranges as vLLM documents them; Validate checks the ranges.
struct SamplingParams {
  double temperature = 1;                             ///< [0, 2]; 0 = greedy
  std::int64_t top_k = 0;                             ///< 0 or -1 = off
  double top_p = 1;                                   ///< (0, 1]
  double min_p = 0;                                   ///< [0, 1]
  double repetition_penalty = 1;                      ///< > 0, over prompt and output
  double presence_penalty = 0;                        ///< [-2, 2], over output
  double frequency_penalty = 0;                       ///< [-2, 2], over output
  std::vector<std::pair<TokenId, float>> logit_bias;  ///< added before everything else; [-100, 100]
  std::optional<std::uint64_t> seed;
  std::int64_t max_tokens = 16;  ///< >= 0; 0 only with prompt_logprobs
  std::int64_t min_tokens = 0;   ///< no end of answer before
  std::vector<TokenId> stop_token_ids;
  bool ignore_eos = false;
  std::optional<int> logprobs;             ///< k alternatives for each output token (0 = only the chosen one's)
  std::optional<int> prompt_logprobs;      ///< the same for prompt tokens
  std::vector<TokenId> allowed_token_ids;  ///< empty = all

  /// Errors: kInvalidArgument with param set to the field's name ("top_p").
  Status Validate(std::int64_t vocab) const;
};

struct TokenLogprob {
  TokenId token;
  float logprob;      ///< natural log, of the distribution before temperature and penalties (as OpenAI and vLLM report)
  std::int32_t rank;  ///< 1 = the most likely
};
struct TokenLogprobs {
  TokenLogprob chosen;
  std::vector<TokenLogprob> top;  ///< k most likely, descending
};

enum class FinishReason : std::uint8_t { kStop, kLength, kCancelled, kError };

/// What the engine says of a request. Events of one request come in order, from the engine thread; `finish` is the
/// last.
struct EngineEvent {
  std::vector<TokenId> tokens;                 ///< new output tokens; stop_token is the last one
  std::vector<TokenLogprobs> logprobs;         ///< as many as tokens, when asked for
  std::vector<TokenLogprobs> prompt_logprobs;  ///< once, when asked for: one per prompt token but the first
  std::optional<FinishReason> finish;
  std::optional<TokenId>
      stop_token;              ///< the eos or stop id that ended it; none where a grammar had nothing left to say
  std::optional<Error> error;  ///< when finish == kError
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;  ///< of the prompt: taken from the prefix cache
};

/// How long a model may think before it answers. A thought is what stands between `open` and `close` in the output, as
/// text, however it is tokenized; the tokens of all thoughts count, but not those that end with a marker.
struct ThinkingBudget {
  std::int64_t tokens = 0;  ///< then `cut` comes, as soon as no character is left unfinished
  std::string open = {}, close = {};
  bool begun = false;             ///< the prompt ends within a thought
  std::vector<TokenId> cut = {};  ///< what ends a thought: its text contains `close`
};

struct EngineRequest {
  std::vector<TokenId> prompt;
  SamplingParams sampling;
  std::function<void(EngineEvent&&)> on_event;  ///< must not block and must not call the engine but for Cancel
  std::optional<std::chrono::steady_clock::time_point> deadline;
  int priority = 0;         ///< lower is served first
  std::int32_t tenant = 0;  ///< whose request it is, for fair scheduling; small numbers, 0 = nobody's
  std::string cache_salt;   ///< prefixes are shared only between requests of the same salt and tenant
  /// The output is a text of it, whose vocabulary is the engine's tokenizer's; it ends where nothing may follow or
  /// the model ends it, also with ignore_eos. Null = any text.
  std::shared_ptr<grammar::Grammar> grammar;
  std::optional<ThinkingBudget> thinking;  ///< none = as long as the model likes
};

struct EngineOptions {
  SchedulerOptions scheduler = {};  ///< max_sequences and max_step_tokens are at most the runner's
  std::int64_t max_queued = 1024;   ///< then kResourceExhausted
  bool prefix_cache = true;         ///< keep full KV blocks for those that begin the same way
  /// Tokens proposed for one sequence in one step, at most; how many are worth it, the steps' cost decides. 0 = no
  /// speculation.
  std::int64_t max_draft_tokens = 48;
  /// Token masks are made on a thread beside the steps, rather than between them: for machines with a core that the
  /// runner does not use.
  bool masks_ahead = false;
};

/// Counters since the start; gauges of now. Times in seconds by the monotonic clock.
struct EngineStats {
  std::int64_t running = 0, waiting = 0;
  std::int64_t kv_blocks = 0, kv_blocks_used = 0;
  std::int64_t kv_block_tokens = 0;  ///< tokens that a block holds
  std::int64_t prompt_tokens = 0, generated_tokens = 0;
  std::int64_t steps = 0, preemptions = 0;
  std::int64_t prefix_queries = 0, prefix_hits = 0;    ///< prompt tokens looked up in the prefix cache, and found
  std::int64_t draft_tokens = 0, accepted_tokens = 0;  ///< proposed by speculation and verified; right ones of them
};

/// Told of every step and every end, from the engine thread: for metrics and measurements.
struct EngineObserver {
  virtual ~EngineObserver() = default;
  virtual void OnStep(const StepWork& work, double seconds) = 0;
  /// Times are steady_clock seconds: when it was queued, first scheduled, gave its first token, ended.
  struct RequestTimes {
    double queued, scheduled, first_token, finished;
    std::int64_t prompt_tokens, output_tokens;
    FinishReason reason;
  };
  virtual void OnFinished(const RequestTimes& times) = 0;
};

class Engine {
 public:
  /// `draft`: a smaller model of the same vocabulary, which speculates where a sequence's own text suggests nothing.
  Engine(std::unique_ptr<ModelRunner> runner, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options,
         std::shared_ptr<EngineObserver> observer = nullptr, std::unique_ptr<ModelRunner> draft = nullptr);
  ~Engine();  ///< cancels everything and joins the engine thread
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  /// Errors at once, before any event: kInvalidArgument (param named: prompt empty or longer than the context or than
  /// the whole KV pool, token out of range, sampling, thinking), kResourceExhausted (queue full: SecondsUntilRoom),
  /// kUnavailable (draining).
  Result<RequestId> Submit(EngineRequest request);
  /// Unknown or finished ids are ignored. The request gets finish = kCancelled.
  void Cancel(RequestId id);

  /// No new requests; returns true when all running ones ended before the deadline.
  bool Drain(std::chrono::steady_clock::time_point deadline);

  /// When a request that was refused because the queue is full should come back, by the rate at which requests end now.
  /// Each call books the next place: clients told so do not all return for the same one.
  double SecondsUntilRoom();

  /// Tokens of the longest prompt and answer together: the context, or less when the KV pool is smaller.
  std::int64_t max_context() const;
  EngineStats stats() const;
  const ModelRunner& runner() const;
  const Tokenizer& tokenizer() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata
