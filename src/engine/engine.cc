#include "engine/engine.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/clock.h"
#include "engine/engine_state.h"

namespace strata {
namespace {

Status CheckThinking(const ThinkingBudget& budget, const Tokenizer& tokenizer) {
  const auto refuse = [](std::string_view why) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, std::string(why)).WithParam("thinking"));
  };
  if (budget.tokens < 0) return refuse("a thinking budget cannot be negative");
  if (budget.open.empty() || budget.close.empty()) return refuse("a thinking budget needs the marks of a thought");
  std::string cut;
  for (const TokenId token : budget.cut) cut += tokenizer.TokenBytes(token);
  if (!cut.contains(budget.close)) return refuse("what cuts a thought off does not end it");
  return {};
}

}  // namespace

Engine::State::State(std::unique_ptr<ModelRunner> runner_in, std::shared_ptr<const Tokenizer> tokenizer_in,
                     EngineOptions options_in, std::shared_ptr<EngineObserver> observer_in,
                     std::unique_ptr<ModelRunner> draft_in)
    : runner(std::move(runner_in)),
      tokenizer(std::move(tokenizer_in)),
      options(std::move(options_in)),
      observer(std::move(observer_in)),
      kv_blocks(runner->kv().blocks()),
      cache(runner->kv(), options.prefix_cache),
      ledger(options.scheduler.tenant_weights),
      cost(StepCostFit::kMemory, runner->rows_at_once()) {
  SchedulerOptions& scheduler = options.scheduler;
  scheduler.max_step_tokens = std::min(scheduler.max_step_tokens, runner->options().max_step_tokens);
  scheduler.max_sequences =
      std::min({scheduler.max_sequences, runner->options().max_sequences, scheduler.max_step_tokens});
  scheduler.block_tokens = kernels::kKvBlock;
  if (options.masks_ahead) mask_ahead.emplace();
  if (draft_in) {
    draft_model.emplace(std::move(draft_in));
  } else if (runner->has_draft_module() && options.max_draft_tokens > 0) {
    draft_module.emplace(*runner);
  }
}

Engine::Engine(std::unique_ptr<ModelRunner> runner, std::shared_ptr<const Tokenizer> tokenizer, EngineOptions options,
               std::shared_ptr<EngineObserver> observer, std::unique_ptr<ModelRunner> draft)
    : state_(std::make_unique<State>(std::move(runner), std::move(tokenizer), std::move(options), std::move(observer),
                                     std::move(draft))) {
  state_->stats.kv_blocks = state_->kv_blocks;
  state_->stats.kv_block_tokens = kernels::kKvBlock;
  state_->thread = std::thread([this] { state_->Loop(); });
}

Engine::~Engine() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
    state_->draining = true;
  }
  state_->changed.notify_all();
  state_->thread.join();
}

Result<RequestId> Engine::Submit(EngineRequest request) {
  const ModelRunner& runner = *state_->runner;
  const std::int64_t vocab = runner.config().vocab;
  const auto length = static_cast<std::int64_t>(request.prompt.size());
  const auto refuse = [](std::string message) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument, std::move(message)).WithParam("prompt"));
  };
  if (length == 0) return refuse("the prompt is empty");
  const std::int64_t room = max_context();
  if (length > room || (length == room && request.sampling.max_tokens > 0)) {
    return refuse(fmt::format("the prompt has {} tokens; with at least one of output, {} fit", length, room - 1));
  }
  for (const TokenId token : request.prompt) {
    if (token < 0 || token >= vocab)
      return refuse(fmt::format("token {} of the prompt is not in [0, {})", token, vocab));
  }
  STRATA_CHECK(request.sampling.Validate(vocab));
  if (request.thinking) STRATA_CHECK(CheckThinking(*request.thinking, *state_->tokenizer));
  request.sampling.max_tokens = std::min(request.sampling.max_tokens, room - length);

  const std::string salt = fmt::format("{}:{}", request.tenant, request.cache_salt);
  auto sequence = std::make_unique<Sequence>(state_->cache, salt);
  if (state_->draft_model) sequence->draft_reader.emplace(*state_->draft_model, salt);
  if (state_->options.max_draft_tokens > 0) sequence->drafter = std::make_unique<Drafter>();
  sequence->tokens = std::move(request.prompt);
  sequence->prompt = length;
  sequence->ends = request.sampling.stop_token_ids;
  if (!request.sampling.ignore_eos)
    std::ranges::copy(runner.config().eos_token_ids, std::back_inserter(sequence->ends));
  if (request.grammar) sequence->matcher.emplace(std::move(request.grammar));
  if (request.thinking) sequence->thought.emplace(std::move(*request.thinking), *state_->tokenizer);
  sequence->request = std::move(request);
  sequence->times.queued = MonotonicSeconds();
  sequence->times.prompt_tokens = length;
  RequestId id = 0;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->draining) return Fail(ErrorCode::kUnavailable, "the engine is shutting down");
    if (state_->alive >= state_->options.max_queued + state_->options.scheduler.max_sequences) {
      return Fail(ErrorCode::kResourceExhausted, "the queue is full: {} requests wait", state_->options.max_queued);
    }
    id = sequence->id = state_->next_id++;
    sequence->sampler = std::make_unique<Sampler>(sequence->request.sampling, sequence->tokens, state_->seeds());
    ++state_->alive;
    state_->arrived.push_back(std::move(sequence));
  }
  state_->changed.notify_one();
  return id;
}

void Engine::Cancel(RequestId id) {
  const std::lock_guard lock(state_->mutex);
  state_->cancelled.push_back(id);
  state_->changed.notify_one();
}

double Engine::SecondsUntilRoom() {
  const std::lock_guard lock(state_->mutex);
  return state_->turnover.BookPlace(MonotonicSeconds());
}

bool Engine::Drain(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(state_->mutex);
  state_->draining = true;
  return state_->idle.wait_until(lock, deadline, [&] { return state_->alive == 0; });
}

std::int64_t Engine::max_context() const {
  return std::min(state_->runner->options().max_context, state_->kv_blocks * kernels::kKvBlock);
}

EngineStats Engine::stats() const {
  const std::lock_guard lock(state_->mutex);
  return state_->stats;
}

const ModelRunner& Engine::runner() const { return *state_->runner; }
const Tokenizer& Engine::tokenizer() const { return *state_->tokenizer; }

}  // namespace strata
