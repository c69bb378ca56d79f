#include "engine/scheduler.h"

#include <algorithm>
#include <tuple>

namespace strata {
namespace {

/// One decision in the making.
class StepPlanner {
 public:
  StepPlanner(const SchedulerView& view, const SchedulerOptions& options)
      : view_(view), options_(options), free_blocks_(view.free_blocks), budget_(options.max_step_tokens) {}

  StepDecision Plan() {
    MakeRoom();
    if (decision_.preempt.empty()) Admit();  // what was just taken from one is not for another
    AddDecodeRows();
    AddPrefillChunks();
    return std::move(decision_);
  }

 private:
  /// Blocks that it still needs to hold `length` tokens.
  std::int64_t Missing(const SequenceView& sequence, std::int64_t length) const {
    const std::int64_t blocks = (length + options_.block_tokens - 1) / options_.block_tokens;
    return std::max<std::int64_t>(0, blocks - sequence.blocks);
  }

  /// Every running sequence needs room for what it computes now. The oldest are served first, at the youngest's cost:
  /// so the oldest always gets on, and in the end everyone is the oldest.
  void MakeRoom() {
    for (const SequenceView& sequence : view_.running) active_.push_back(&sequence);
    for (std::size_t i = 0; i < active_.size(); ++i) {
      const std::int64_t missing = Missing(*active_[i], active_[i]->length);
      while (missing > free_blocks_ && i < active_.size()) {
        // The engine refuses what the whole pool cannot hold, so alone every sequence fits.
        free_blocks_ += active_.back()->blocks;
        decision_.preempt.push_back(active_.back()->id);
        active_.pop_back();
      }
      if (i < active_.size()) free_blocks_ -= missing;
    }
  }

  /// The order in which those that wait are admitted.
  std::vector<const SequenceView*> Queue() const {
    std::vector<const SequenceView*> queue;
    queue.reserve(view_.waiting.size());
    for (const SequenceView& sequence : view_.waiting) queue.push_back(&sequence);
    std::ranges::stable_sort(queue, {}, [](const SequenceView* s) { return std::tuple(s->priority, s->arrived); });
    return queue;
  }

  void Admit() {
    if (static_cast<std::int64_t>(active_.size()) >= options_.max_sequences || view_.waiting.empty()) return;
    for (const SequenceView* next : Queue()) {
      if (static_cast<std::int64_t>(active_.size()) >= options_.max_sequences) return;
      if (SomebodyComputes(next->next_block)) continue;
      // Room for its prompt and a first output; what it grows to later is found by preemption.
      const bool alone = active_.empty();
      if (Missing(*next, alone ? next->length : next->length + 1) > free_blocks_) return;
      free_blocks_ -= Missing(*next, next->length);
      decision_.admit.push_back(next->id);
      active_.push_back(next);
    }
  }

  bool SomebodyComputes(std::uint64_t block) const {
    return block != 0 && std::ranges::any_of(active_, [&](const SequenceView* s) { return s->next_block == block; });
  }

  /// Decoding rows first: they are what people watch. Each gets its row before any gets drafts.
  void AddDecodeRows() {
    std::vector<const SequenceView*> rows;
    for (const SequenceView* sequence : active_) {
      if (!sequence->decoding() || budget_ == 0) continue;
      decision_.slices.push_back({sequence->id, 1});
      rows.push_back(sequence);
      --budget_;
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
      // Nobody loses blocks for a guess: drafts take only what is free.
      std::int64_t drafts = std::min(rows[i]->drafts, budget_);
      const auto extra = [&] { return Missing(*rows[i], rows[i]->length + drafts) - Missing(*rows[i], rows[i]->length); };
      while (drafts > 0 && extra() > free_blocks_) --drafts;
      free_blocks_ -= extra();
      budget_ -= drafts;
      decision_.slices[i].tokens += drafts;
    }
  }

  void AddPrefillChunks() {
    std::vector<std::uint64_t> computing;
    for (const SequenceView* sequence : active_) {
      if (sequence->decoding() || budget_ == 0) continue;
      if (sequence->next_block != 0) {
        if (std::ranges::find(computing, sequence->next_block) != computing.end()) continue;
        computing.push_back(sequence->next_block);
      }
      const std::int64_t tokens = std::min(sequence->left(), budget_);
      decision_.slices.push_back({sequence->id, tokens});
      budget_ -= tokens;
    }
  }

  const SchedulerView& view_;
  const SchedulerOptions& options_;
  std::vector<const SequenceView*> active_;  ///< running when the decision is applied, oldest first
  std::int64_t free_blocks_, budget_;
  StepDecision decision_;
};

}  // namespace

StepDecision Schedule(const SchedulerView& view, const SchedulerOptions& options) {
  return StepPlanner(view, options).Plan();
}

}  // namespace strata
