#include "engine/simulator.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>

#include "engine/tenants.h"

namespace strata {
namespace {

/// A prefix that several requests share, and its blocks in the cache.
struct Prefix {
  std::uint64_t hash = 0;
  std::int64_t cached = 0;  ///< tokens, whole blocks
  double used = 0;          ///< when a running one held some of them last
};

struct Simulated {
  const TraceRequest* request = nullptr;
  RequestTimeline* timeline = nullptr;
  Prefix* prefix = nullptr;
  RequestId id = 0;
  std::int64_t computed = 0, length = 0;
  std::int64_t own_blocks = 0, shared_blocks = 0;
  std::int64_t charged = 0;  ///< tokens that its tenant has paid for
};

class Simulator {
 public:
  Simulator(const std::vector<TraceRequest>& trace, const SimulatorOptions& options)
      : trace_(trace),
        options_(options),
        block_(options.scheduler.block_tokens),
        ledger_(options.scheduler.tenant_weights),
        free_blocks_(options.kv_blocks),
        timelines_(trace.size()) {}

  Result<std::vector<RequestTimeline>> Run() {
    for (std::size_t i = 0; i < trace_.size(); ++i) {
      if (Blocks(trace_[i].prompt_tokens + trace_[i].output_tokens) <= options_.kv_blocks) continue;
      return Fail(ErrorCode::kInvalidArgument, "request {} of the trace needs {} tokens of KV, the pool has {}", i + 1,
                  trace_[i].prompt_tokens + trace_[i].output_tokens, options_.kv_blocks * block_);
    }
    while (arrived_ < trace_.size() || !waiting_.empty() || !running_.empty()) {
      if (waiting_.empty() && running_.empty()) now_ = std::max(now_, trace_[arrived_].arrival);
      Arrive();
      Look();
      const StepDecision decision = Schedule(view_, options_.scheduler);
      if (decision.slices.empty()) return Fail(ErrorCode::kInternal, "at {} s nothing is scheduled", now_);
      const double seconds = options_.cost.Seconds(decision.work) * Noise();
      if (options_.on_step) options_.on_step(view_, decision, seconds);
      for (const RequestId id : decision.preempt) Preempt(id);
      for (const RequestId id : decision.admit) Admit(id);
      for (Simulated* sequence : running_) Allocate(*sequence, sequence->length);
      now_ += seconds;
      for (const auto& slice : decision.slices) Compute(sequences_[slice.id - 1], slice.tokens);
      std::erase_if(running_, [](const Simulated* s) { return s->own_blocks < 0; });
      if (free_blocks_ + Evictable() < 0) return Fail(ErrorCode::kInternal, "KV blocks are over-committed");
    }
    return std::move(timelines_);
  }

 private:
  std::int64_t Blocks(std::int64_t tokens) const { return (tokens + block_ - 1) / block_; }

  double Noise() { return options_.noise.empty() ? 1 : options_.noise[random_() % options_.noise.size()]; }

  void Arrive() {
    while (arrived_ < trace_.size() && trace_[arrived_].arrival <= now_) {
      const TraceRequest& request = trace_[arrived_];
      timelines_[arrived_].arrival = request.arrival;
      Simulated& sequence = sequences_.emplace_back();
      sequence.request = &request;
      sequence.timeline = &timelines_[arrived_++];
      sequence.id = arrived_;
      sequence.length = request.prompt_tokens;
      if (options_.prefix_cache && !request.prefix.empty()) {
        sequence.prefix = &prefixes_[request.prefix];
        sequence.prefix->hash = std::hash<std::string>()(request.prefix);
      }
      ledger_.Arrive(request.tenant);
      waiting_.push_back(&sequence);
    }
  }

  /// Tokens that the cache has for it: whole blocks, and never the last token, whose logits are wanted.
  std::int64_t Cached(const Simulated& s) const {
    if (s.prefix == nullptr) return 0;
    return std::min({s.prefix->cached, s.request->prefix_tokens / block_ * block_, (s.length - 1) / block_ * block_});
  }

  SequenceView ViewOf(const Simulated& s) const {
    SequenceView view{.id = s.id,
                      .priority = s.request->priority,
                      .tenant = s.request->tenant,
                      .arrived = s.request->arrival,
                      .prompt = s.request->prompt_tokens,
                      .length = s.length,
                      .computed = s.computed,
                      .blocks = s.own_blocks + s.shared_blocks};
    if (view.blocks == 0) {  // waiting
      view.computed = Cached(s);
      view.blocks = std::min(view.computed / block_, Held(s.prefix, nullptr));
    } else {
      view.shared = std::min(s.shared_blocks, Held(s.prefix, &s));
    }
    const std::int64_t next = view.computed / block_;
    if (s.prefix != nullptr && (next + 1) * block_ <= std::min(s.request->prefix_tokens, s.length)) {
      view.next_block = (s.prefix->hash + static_cast<std::uint64_t>(next)) | 1U << 31;
    }
    return view;
  }

  void Look() {
    view_.now = now_;
    view_.running.clear();
    view_.waiting.clear();
    for (Simulated* sequence : running_) {
      if (sequence->computed % block_ == 0) TakeFromCache(*sequence);
      view_.running.push_back(ViewOf(*sequence));
    }
    for (const Simulated* sequence : waiting_) view_.waiting.push_back(ViewOf(*sequence));
    view_.free_blocks = free_blocks_ + Evictable();
    view_.virtual_time = ledger_.virtual_time();
    view_.cost = options_.cost;
  }

  /// The blocks of a prefix that running sequences but one hold. The rest of it can be evicted.
  std::int64_t Held(const Prefix* prefix, const Simulated* except) const {
    std::int64_t held = 0;
    for (const Simulated* s : running_) {
      if (prefix != nullptr && s->prefix == prefix && s != except) held = std::max(held, s->shared_blocks);
    }
    return held;
  }

  std::int64_t Evictable() const {
    std::int64_t blocks = 0;
    for (const auto& [name, prefix] : prefixes_) blocks += prefix.cached / block_ - Held(&prefix, nullptr);
    return blocks;
  }

  /// What others have computed of its prefix meanwhile.
  void TakeFromCache(Simulated& s) {
    const std::int64_t cached = Cached(s);
    if (cached <= s.computed) return;
    const std::int64_t blocks = (cached - s.computed) / block_;
    s.computed = cached;
    s.charged = std::max(s.charged, cached);
    s.shared_blocks += blocks;
    const std::int64_t returned = std::min(blocks, s.own_blocks);
    s.own_blocks -= returned;
    free_blocks_ += returned;
  }

  void Allocate(Simulated& s, std::int64_t length) {
    const std::int64_t missing = Blocks(length) - s.own_blocks - s.shared_blocks;
    if (missing <= 0) return;
    while (free_blocks_ < missing && EvictOne()) {
    }
    s.own_blocks += missing;
    free_blocks_ -= missing;
  }

  bool EvictOne() {
    Prefix* oldest = nullptr;
    for (auto& [name, prefix] : prefixes_) {
      if (prefix.cached / block_ > Held(&prefix, nullptr) && (oldest == nullptr || prefix.used < oldest->used)) {
        oldest = &prefix;
      }
    }
    if (oldest == nullptr) return false;
    oldest->cached -= block_;
    ++free_blocks_;
    return true;
  }

  void Admit(RequestId id) {
    Simulated& s = sequences_[id - 1];
    std::erase(waiting_, &s);
    running_.push_back(&s);
    TakeFromCache(s);
  }

  void Release(Simulated& s) {
    free_blocks_ += s.own_blocks;
    s.own_blocks = s.shared_blocks = 0;
    if (s.prefix != nullptr) s.prefix->used = now_;
  }

  void Preempt(RequestId id) {
    Simulated& s = sequences_[id - 1];
    Release(s);
    s.computed = 0;
    std::erase(running_, &s);
    const auto younger = std::ranges::find_if(waiting_, [&](const Simulated* other) { return other->id > id; });
    waiting_.insert(younger, &s);
  }

  void Compute(Simulated& s, std::int64_t tokens) {
    s.computed += tokens;
    if (s.computed > s.charged) ledger_.Serve(s.request->tenant, s.computed - s.charged);
    s.charged = std::max(s.charged, s.computed);
    // Its blocks of the prefix are everybody's now.
    while (s.prefix != nullptr && s.own_blocks > 0 &&
           s.prefix->cached + block_ <= std::min(s.computed, s.request->prefix_tokens)) {
      s.prefix->cached += block_;
      --s.own_blocks;
      ++s.shared_blocks;
    }
    if (s.computed < s.length) return;
    ++s.length;
    s.timeline->tokens.push_back(now_);
    if (s.length < s.request->prompt_tokens + s.request->output_tokens) return;
    Release(s);
    ledger_.Leave(s.request->tenant);
    s.own_blocks = -1;  // ended
  }

  const std::vector<TraceRequest>& trace_;
  const SimulatorOptions& options_;
  const std::int64_t block_;
  TenantLedger ledger_;
  std::int64_t free_blocks_;
  std::mt19937 random_;
  double now_ = 0;
  std::size_t arrived_ = 0;
  std::deque<Simulated> sequences_;  ///< by id - 1; addresses stay
  std::map<std::string, Prefix> prefixes_;
  std::vector<Simulated*> waiting_, running_;
  SchedulerView view_;
  std::vector<RequestTimeline> timelines_;
};

}  // namespace

Result<std::vector<RequestTimeline>> Simulate(const std::vector<TraceRequest>& trace, const SimulatorOptions& options) {
  return Simulator(trace, options).Run();
}

}  // namespace strata
