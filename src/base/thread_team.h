// A fixed team of threads that runs one function on every rank, with barriers in between: the shape of a model step.
//
//   ThreadTeam team(2);
//   team.Run([&](int rank) {
//     Phase1(rank);
//     team.Barrier(rank);
//     Phase2(rank);
//   });
//
// The caller is rank 0. Between runs the other ranks spin for a bounded time, then park on a futex: a decode loop that
// calls Run every few microseconds never pays for a wake-up (17-26 us), an idle server burns nothing.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace strata {

struct ThreadTeamOptions {
  std::string name = "strata/compute";  ///< rank r's thread is named name + r (15 characters are kept by the kernel)
  bool pin = true;                      ///< bind rank r to the r-th CPU the process may use, when there are enough
  int spin_us = 50;                     ///< how long a waiter spins before it parks (twice a futex wake-up)
};

class ThreadTeam {
 public:
  /// `threads` >= 1 including the caller of Run, which is bound to its CPU for as long as a run lasts: two ranks on one
  /// CPU would wait for each other.
  explicit ThreadTeam(int threads, ThreadTeamOptions options = {});
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  /// Runs work(rank) on every rank and returns when all are done. Not reentrant; one caller at a time. work must not
  /// throw.
  void Run(const std::function<void(int rank)>& work);

  /// Inside Run: returns once every rank has called it.
  void Barrier(int rank);

 private:
  // Sense by epoch: `arrived` counts to size, the last one resets it and publishes the next epoch.
  struct alignas(64) Gate {
    std::atomic<std::uint32_t> epoch{0};
    alignas(64) std::atomic<std::uint32_t> arrived{0};
    alignas(64) std::atomic<std::uint32_t> sleepers{0};
  };

  void WorkerLoop(int rank);
  void Open(Gate& gate);
  void Wait(Gate& gate, std::uint32_t seen);

  const int size_;
  const ThreadTeamOptions options_;
  std::int64_t spin_ns_;
  std::vector<int> cpus_;  ///< of each rank; empty = not bound
  Gate start_;
  Gate barrier_;
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

/// CPUs that this process may run on (affinity mask and cgroup quota), at least 1.
int AvailableCpus();

}  // namespace strata
