#include "engine/scheduler.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace strata {
namespace {

using Members = std::vector<const SequenceView*>;

/// The policy: an order among sequences that want the same thing.
class Order {
 public:
  Order(const SchedulerView& view, const SchedulerOptions& options) : view_(view), options_(options) {
    if (options.policy != SchedulingPolicy::kFair) return;
    // What the running ones will be charged for counts already: else one tenant would fill every place at once.
    for (const SequenceView& sequence : view.running) Charge(sequence);
  }

  /// `sequence` will be computed: its tenant comes later from now on.
  void Charge(const SequenceView& sequence) {
    if (options_.policy != SchedulingPolicy::kFair) return;
    const auto tenant = static_cast<std::size_t>(sequence.tenant);
    if (ahead_.size() <= tenant) ahead_.resize(tenant + 1);
    const double weight = tenant < options_.tenant_weights.size() ? options_.tenant_weights[tenant] : 1;
    ahead_[tenant] += static_cast<double>(sequence.left()) / weight;
  }

  /// The least goes first.
  std::tuple<double, double, double> Key(const SequenceView& s) const {
    switch (options_.policy) {
      case SchedulingPolicy::kFcfs:
        return {0, 0, s.arrived};
      case SchedulingPolicy::kPriority:
        return {0, s.priority, s.arrived};
      case SchedulingPolicy::kLpm: {
        const bool overdue = view_.now - s.arrived > options_.patience;
        return {overdue ? 0 : 1, overdue ? 0 : -static_cast<double>(s.computed), s.arrived};
      }
      case SchedulingPolicy::kFair:
        return {VirtualTime(s.tenant), s.priority, s.arrived};
    }
    return {};
  }

  void Sort(Members& members) const {
    std::ranges::stable_sort(members, {}, [&](const SequenceView* s) { return Key(*s); });
  }

  /// Who keeps its blocks when not all can. A fixed order, so that nobody's work is undone in turns: the first of it is
  /// never preempted, and in the end everyone is the first.
  std::tuple<int, double, RequestId> Rank(const SequenceView& s) const {
    return {options_.policy == SchedulingPolicy::kFcfs ? 0 : s.priority, s.arrived, s.id};
  }

 private:
  double VirtualTime(std::int32_t tenant) const {
    const auto i = static_cast<std::size_t>(tenant);
    return (i < view_.virtual_time.size() ? view_.virtual_time[i] : 0) + (i < ahead_.size() ? ahead_[i] : 0);
  }

  const SchedulerView& view_;
  const SchedulerOptions& options_;
  std::vector<double> ahead_;  ///< by tenant: what it will be charged for
};

/// One decision in the making.
class StepPlanner {
 public:
  StepPlanner(const SchedulerView& view, const SchedulerOptions& options)
      : view_(view),
        options_(options),
        order_(view, options),
        free_blocks_(view.free_blocks),
        budget_(options.max_step_tokens) {}

  StepDecision Plan() {
    MakeRoom();
    if (decision_.preempt.empty()) Admit();  // what was just taken from one is not for another
    AddDecodeRows();
    AddPrefillChunks();
    decision_.work = work_;
    return std::move(decision_);
  }

 private:
  /// Blocks that it still needs to hold `length` tokens.
  std::int64_t Missing(const SequenceView& sequence, std::int64_t length) const {
    const std::int64_t blocks = (length + options_.block_tokens - 1) / options_.block_tokens;
    return std::max<std::int64_t>(0, blocks - sequence.blocks);
  }

  /// Every running sequence needs room for what it computes now; the last in rank give theirs up for it.
  void MakeRoom() {
    for (const SequenceView& sequence : view_.running) active_.push_back(&sequence);
    std::int64_t missing = 0;
    for (const SequenceView* sequence : active_) missing += Missing(*sequence, sequence->length);
    while (missing > free_blocks_ && active_.size() > 1) {
      const auto victim = std::ranges::max_element(active_, {}, [&](const SequenceView* s) { return order_.Rank(*s); });
      free_blocks_ += (*victim)->blocks - (*victim)->shared;
      missing -= Missing(**victim, (*victim)->length);
      decision_.preempt.push_back((*victim)->id);
      active_.erase(victim);
    }
    free_blocks_ -= missing;  // the engine refuses what the whole pool cannot hold, so alone every sequence fits
  }

  void Admit() {
    Members waiting;
    for (const SequenceView& sequence : view_.waiting) waiting.push_back(&sequence);
    if (options_.policy != SchedulingPolicy::kFair) order_.Sort(waiting);
    while (!waiting.empty() && static_cast<std::int64_t>(active_.size()) < options_.max_sequences) {
      const auto next = options_.policy == SchedulingPolicy::kFair
                            ? std::ranges::min_element(waiting, {}, [&](const auto* s) { return order_.Key(*s); })
                            : waiting.begin();
      const SequenceView& sequence = **next;
      if (!SomebodyComputes(sequence.next_block)) {
        // Room for its prompt and a first output, and for each of the others to grow by a block: what is admitted today
        // should not be preempted tomorrow. Nobody overtakes who waits for room, or the large would wait for ever.
        const std::int64_t others = static_cast<std::int64_t>(active_.size());
        const std::int64_t needed = Missing(sequence, others == 0 ? sequence.length : sequence.length + 1) + others;
        if (needed > free_blocks_) return;
        free_blocks_ -= Missing(sequence, sequence.length);
        decision_.admit.push_back(sequence.id);
        active_.push_back(&sequence);
        order_.Charge(sequence);
      }
      waiting.erase(next);
    }
  }

  bool SomebodyComputes(std::uint64_t block) const {
    return block != 0 && std::ranges::any_of(active_, [&](const SequenceView* s) { return s->next_block == block; });
  }

  /// Decoding rows first: they are what people watch. Each gets its row before any gets drafts.
  void AddDecodeRows() {
    for (const SequenceView* sequence : active_) {
      if (!sequence->decoding() || budget_ == 0) continue;
      decision_.slices.push_back({sequence->id, 1});
      decoding_.push_back(sequence);
      --budget_;
    }
    for (std::size_t i = 0; i < decoding_.size(); ++i) {
      const SequenceView& sequence = *decoding_[i];
      // Nobody loses blocks for a guess: drafts take only what is free.
      std::int64_t drafts = std::min(sequence.drafts, budget_);
      const auto extra = [&] {
        return Missing(sequence, sequence.length + drafts) - Missing(sequence, sequence.length);
      };
      while (drafts > 0 && extra() > free_blocks_) --drafts;
      free_blocks_ -= extra();
      budget_ -= drafts;
      decision_.slices[i].tokens += drafts;
      work_.AddDecode(sequence.computed, 1 + drafts);
    }
  }

  void AddPrefillChunks() {
    Members prefilling;
    for (const SequenceView* sequence : active_) {
      if (!sequence->decoding()) prefilling.push_back(sequence);
    }
    order_.Sort(prefilling);
    const double limit = StepLimit(prefilling.size());
    std::vector<std::uint64_t> computing;
    for (const SequenceView* sequence : prefilling) {
      if (sequence->next_block != 0) {
        if (std::ranges::find(computing, sequence->next_block) != computing.end()) continue;
        computing.push_back(sequence->next_block);
      }
      const std::int64_t tokens = ChunkWithin(limit, *sequence);
      if (tokens == 0) return;
      decision_.slices.push_back({sequence->id, tokens});
      work_.AddPrefill(sequence->computed, tokens, tokens == sequence->left() ? 1 : 0);
      budget_ -= tokens;
    }
  }

  /// Seconds that this step may take. No limit while nobody decodes: then a step disturbs nobody.
  double StepLimit(std::size_t prefilling) const {
    if (decoding_.empty()) return std::numeric_limits<double>::infinity();
    const double alone = view_.cost.Seconds(work_);
    if (options_.itl_target > 0) return std::max(options_.itl_target, alone * (1 + options_.least_prefill_share));
    // One prompt is not worth eight streams that stutter; eight prompts that wait are worth one stream that does.
    const auto waiting = static_cast<std::int64_t>(view_.waiting.size() - decision_.admit.size());
    const auto places = options_.max_sequences - static_cast<std::int64_t>(active_.size());
    const auto starting = static_cast<double>(static_cast<std::int64_t>(prefilling) + std::min(waiting, places));
    const double crowd = std::max(1.0, starting / static_cast<double>(decoding_.size()));
    return alone * (1 + options_.prefill_share * crowd);
  }

  /// The most tokens of a chunk that the step still has time and budget for. The first chunk gets at least one.
  std::int64_t ChunkWithin(double limit, const SequenceView& sequence) const {
    std::int64_t most = std::min(sequence.left_of_phase(), budget_);
    if (limit == std::numeric_limits<double>::infinity()) return most;
    std::int64_t least = work_.prefill_slices == 0 ? std::min<std::int64_t>(1, most) : 0;
    if (!view_.cost.known) {  // as many rows again as those that decode
      return std::clamp(2 * static_cast<std::int64_t>(decoding_.size()) - work_.rows, least, most);
    }
    while (least < most) {
      const std::int64_t tokens = least + (most - least + 1) / 2;
      StepWork with = work_;
      with.AddPrefill(sequence.computed, tokens, tokens == sequence.left() ? 1 : 0);
      if (view_.cost.Seconds(with) <= limit) {
        least = tokens;
      } else {
        most = tokens - 1;
      }
    }
    return least;
  }

  const SchedulerView& view_;
  const SchedulerOptions& options_;
  Order order_;
  Members active_;    ///< running when the decision is applied, in the order of admission
  Members decoding_;  ///< of those, the ones that decode in this step
  std::int64_t free_blocks_, budget_;
  StepWork work_;  ///< of the slices so far
  StepDecision decision_;
};

}  // namespace

const std::map<std::string, SchedulingPolicy>& PolicyNames() {
  static const std::map<std::string, SchedulingPolicy> names = {{"fcfs", SchedulingPolicy::kFcfs},
                                                                {"priority", SchedulingPolicy::kPriority},
                                                                {"lpm", SchedulingPolicy::kLpm},
                                                                {"fair", SchedulingPolicy::kFair}};
  return names;
}

StepDecision Schedule(const SchedulerView& view, const SchedulerOptions& options) {
  return StepPlanner(view, options).Plan();
}

}  // namespace strata
