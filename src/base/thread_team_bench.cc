// What a barrier and a run cost here: the numbers behind ThreadTeamOptions::spin_us.
#include <chrono>
#include <thread>

#include <benchmark/benchmark.h>

#include "base/thread_team.h"

namespace strata {
namespace {

constexpr int kBarriers = 1000;

void BM_Barrier(benchmark::State& state) {
  ThreadTeam team(static_cast<int>(state.range(0)), {.spin_us = static_cast<int>(state.range(1))});
  for (auto _ : state) {
    team.Run([&](int rank) {
      for (int i = 0; i < kBarriers; ++i) team.Barrier(rank);
    });
  }
  state.SetItemsProcessed(state.iterations() * kBarriers);
}
BENCHMARK(BM_Barrier)->ArgNames({"threads", "spin_us"})->Args({2, 50})->Args({2, 0})->UseRealTime();

void BM_RunBackToBack(benchmark::State& state) {
  ThreadTeam team(static_cast<int>(state.range(0)));
  for (auto _ : state) team.Run([](int) {});
}
BENCHMARK(BM_RunBackToBack)->ArgName("threads")->Arg(1)->Arg(2)->UseRealTime();

void BM_RunAfterIdle(benchmark::State& state) {
  ThreadTeam team(2);
  for (auto _ : state) {
    state.PauseTiming();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    state.ResumeTiming();
    team.Run([](int) {});
  }
}
BENCHMARK(BM_RunAfterIdle)->Iterations(300)->UseRealTime();

}  // namespace
}  // namespace strata

BENCHMARK_MAIN();
