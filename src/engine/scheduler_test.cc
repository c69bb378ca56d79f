#include "engine/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace strata {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Slice = StepDecision::Slice;

SequenceView Decoding(RequestId id, std::int64_t length) {
  return {.id = id,
          .arrived = static_cast<double>(id),
          .prompt = length,
          .length = length,
          .computed = length - 1,
          .blocks = (length + 15) / 16};
}
SequenceView Waiting(RequestId id, std::int64_t prompt) {
  return {.id = id, .arrived = static_cast<double>(id), .prompt = prompt, .length = prompt};
}

TEST(Schedule, ComputesAsManyRowsAgainWhileNothingWasMeasured) {
  SchedulerView view{.running = {Decoding(1, 20), Decoding(2, 20)}, .waiting = {Waiting(3, 100)}, .free_blocks = 100};
  const StepDecision decision = Schedule(view, {.max_step_tokens = 32});
  EXPECT_THAT(decision.admit, ElementsAre(3));
  EXPECT_THAT(decision.slices, ElementsAre(Slice{1, 1}, Slice{2, 1}, Slice{3, 2}));
  EXPECT_EQ(decision.work,
            (StepWork{.rows = 4, .logit_rows = 2, .decode_rows = 2, .reads = 43, .passes = 42, .prefill_slices = 1}));
}

TEST(Schedule, PreemptsTheYoungestWhenTheOldestNeedsABlock) {
  SchedulerView view{.running = {Decoding(1, 33), Decoding(2, 20), Decoding(3, 20)}, .waiting = {Waiting(4, 8)}};
  view.running[0].blocks = 2;  // its 33rd token needs a third
  const StepDecision decision = Schedule(view, {});
  EXPECT_THAT(decision.preempt, ElementsAre(3));
  EXPECT_THAT(decision.admit, IsEmpty());
  EXPECT_THAT(decision.slices, ElementsAre(Slice{1, 1}, Slice{2, 1}));
}

TEST(Schedule, VerifiesDraftsOnlyInFreeBlocksAndBudget) {
  SchedulerView view{.running = {Decoding(1, 14), Decoding(2, 14)}, .free_blocks = 1};
  view.running[0].drafts = view.running[1].drafts = 5;
  EXPECT_THAT(Schedule(view, {}).slices, ElementsAre(Slice{1, 6}, Slice{2, 3}));
  EXPECT_THAT(Schedule(view, {.max_step_tokens = 4}).slices, ElementsAre(Slice{1, 3}, Slice{2, 1}));
}

TEST(Schedule, ComputesABlockOnlyOnce) {
  SchedulerView view{.waiting = {Waiting(1, 40), Waiting(2, 40), Waiting(3, 40)}, .free_blocks = 100};
  view.waiting[0].next_block = view.waiting[1].next_block = 77;
  const StepDecision decision = Schedule(view, {});
  EXPECT_THAT(decision.admit, ElementsAre(1, 3));
  EXPECT_THAT(decision.slices, ElementsAre(Slice{1, 40}, Slice{3, 40}));
  view = {.running = {view.waiting[0], view.waiting[1]}, .free_blocks = 100};
  EXPECT_THAT(Schedule(view, {}).slices, ElementsAre(Slice{1, 40}));
}

}  // namespace
}  // namespace strata
