#include "base/thread_team.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

namespace strata {
namespace {

class ThreadTeamSizes : public testing::TestWithParam<int> {};

TEST_P(ThreadTeamSizes, EveryRankRunsOnceARun) {
  ThreadTeam team(GetParam());
  std::vector<std::atomic<int>> runs(static_cast<std::size_t>(GetParam()));
  for (int round = 0; round < 200; ++round) {
    team.Run([&](int rank) { runs[static_cast<std::size_t>(rank)]++; });
  }
  for (const auto& count : runs) EXPECT_EQ(count, 200);
}

TEST_P(ThreadTeamSizes, BarrierSeparatesPhases) {
  const int size = GetParam();
  ThreadTeam team(size);
  constexpr int kPhases = 500;
  std::atomic<int> arrived{0};
  std::atomic<int> violations{0};
  team.Run([&](int rank) {
    for (int phase = 0; phase < kPhases; ++phase) {
      arrived.fetch_add(1);
      team.Barrier(rank);
      if (arrived.load() < (phase + 1) * size) violations++;
      team.Barrier(rank);
    }
  });
  EXPECT_EQ(violations, 0);
  EXPECT_EQ(arrived, kPhases * size);
}

TEST_P(ThreadTeamSizes, PlainMemoryWrittenBeforeABarrierIsSeenAfterIt) {
  const int size = GetParam();
  ThreadTeam team(size);
  std::vector<int> values(static_cast<std::size_t>(size), 0);
  std::atomic<int> wrong{0};
  team.Run([&](int rank) {
    for (int step = 1; step <= 300; ++step) {
      values[static_cast<std::size_t>(rank)] = step;
      team.Barrier(rank);
      for (const int value : values) wrong += value != step;
      team.Barrier(rank);
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST_P(ThreadTeamSizes, ParkedWorkersWakeUp) {
  ThreadTeam team(GetParam(), {.spin_us = 0});
  std::atomic<int> runs{0};
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    team.Run([&](int) { runs++; });
  }
  EXPECT_EQ(runs, 20 * GetParam());
}

TEST_P(ThreadTeamSizes, ParkingInsideBarriers) {
  ThreadTeam team(GetParam(), {.spin_us = 0});
  std::atomic<int> sum{0};
  team.Run([&](int rank) {
    for (int i = 0; i < 200; ++i) {
      sum++;
      team.Barrier(rank);
    }
  });
  EXPECT_EQ(sum, 200 * GetParam());
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadTeamSizes, testing::Values(1, 2, 3, 4, 8));

TEST(ThreadTeam, IdleTeamIsDestroyedAtOnce) {
  for (int i = 0; i < 20; ++i) ThreadTeam team(3);
}

TEST(ThreadTeam, RanksAreBoundToCpusOfTheirOwnWhileTheyRun) {
  const int before = AvailableCpus();
  if (before < 2) GTEST_SKIP() << "one CPU";
  ThreadTeam team(2);
  int cpus[2];
  int allowed[2];
  team.Run([&](int rank) {
    cpus[rank] = ::sched_getcpu();
    cpu_set_t set;
    ::sched_getaffinity(0, sizeof set, &set);
    allowed[rank] = CPU_COUNT(&set);
  });
  EXPECT_NE(cpus[0], cpus[1]);
  EXPECT_EQ(allowed[0], 1);
  EXPECT_EQ(allowed[1], 1);
  EXPECT_EQ(AvailableCpus(), before) << "the caller is free again";
}

TEST(AvailableCpus, IsPositive) { EXPECT_GE(AvailableCpus(), 1); }

}  // namespace
}  // namespace strata
