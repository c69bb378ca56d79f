#include "base/thread_team.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <fstream>
#include <optional>

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

namespace strata {
namespace {

void FutexWait(std::atomic<std::uint32_t>& word, std::uint32_t expected) {
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void FutexWakeAll(std::atomic<std::uint32_t>& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT32_MAX, nullptr, nullptr, 0);
}

inline void CpuRelax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

/// CPUs' worth of time that cgroup v2 grants ("max 100000" or "150000 100000"); 0 when unlimited.
int CgroupCpuQuota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::max(1, static_cast<int>(std::floor(std::stod(quota) / period)));
}

void BindTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
}

/// Binds the calling thread while it lives.
class Binding {
 public:
  explicit Binding(int cpu) : bound_(::pthread_getaffinity_np(::pthread_self(), sizeof before_, &before_) == 0) {
    if (bound_) BindTo(cpu);
  }
  ~Binding() {
    if (bound_) ::pthread_setaffinity_np(::pthread_self(), sizeof before_, &before_);
  }
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;

 private:
  cpu_set_t before_;
  bool bound_;
};

}  // namespace

int AvailableCpus() {
  const int allowed = static_cast<int>(AllowedCpus().size());
  const int quota = CgroupCpuQuota();
  return quota > 0 ? std::min(allowed, quota) : allowed;
}

ThreadTeam::ThreadTeam(int threads, ThreadTeamOptions options)
    : size_(threads), options_(std::move(options)), spin_ns_(static_cast<std::int64_t>(options_.spin_us) * 1000) {
  assert(threads >= 1);
  std::vector<int> cpus = AllowedCpus();
  if (static_cast<int>(cpus.size()) >= threads) {
    if (options_.pin) cpus_ = std::move(cpus);
  } else {
    spin_ns_ = 0;  // spinning while another thread waits for our core only delays what we wait for
  }
  for (int rank = 1; rank < threads; ++rank) {
    workers_.emplace_back([this, rank] {
      ::pthread_setname_np(::pthread_self(), (options_.name + std::to_string(rank)).substr(0, 15).c_str());
      if (!cpus_.empty()) BindTo(cpus_[static_cast<std::size_t>(rank)]);
      WorkerLoop(rank);
    });
  }
}

ThreadTeam::~ThreadTeam() {
  stop_.store(true, std::memory_order_relaxed);
  Open(start_);
  for (std::thread& worker : workers_) worker.join();
}

void ThreadTeam::Open(Gate& gate) {
  gate.epoch.fetch_add(1, std::memory_order_seq_cst);
  if (gate.sleepers.load(std::memory_order_seq_cst) != 0) FutexWakeAll(gate.epoch);
}

void ThreadTeam::Wait(Gate& gate, std::uint32_t seen) {
  if (spin_ns_ > 0) {
    // The clock costs as much as one round, so it is read every 64 pauses only.
    const std::int64_t deadline = MonotonicNanos() + spin_ns_;
    do {
      for (int i = 0; i < 64; ++i) {
        if (gate.epoch.load(std::memory_order_acquire) != seen) return;
        CpuRelax();
      }
    } while (MonotonicNanos() < deadline);
  }
  gate.sleepers.fetch_add(1, std::memory_order_seq_cst);
  while (gate.epoch.load(std::memory_order_seq_cst) == seen) FutexWait(gate.epoch, seen);
  gate.sleepers.fetch_sub(1, std::memory_order_relaxed);
}

void ThreadTeam::Barrier(int /*rank*/) {
  if (size_ == 1) return;
  const std::uint32_t seen = barrier_.epoch.load(std::memory_order_relaxed);
  if (barrier_.arrived.fetch_add(1, std::memory_order_acq_rel) + 1 == static_cast<std::uint32_t>(size_)) {
    barrier_.arrived.store(0, std::memory_order_relaxed);
    Open(barrier_);
  } else {
    Wait(barrier_, seen);
  }
}

void ThreadTeam::Run(const std::function<void(int)>& work) {
  if (size_ == 1) {
    work(0);
    return;
  }
  std::optional<Binding> binding;
  if (!cpus_.empty()) binding.emplace(cpus_[0]);
  work_ = &work;
  Open(start_);
  work(0);
  Barrier(0);
}

void ThreadTeam::WorkerLoop(int rank) {
  std::uint32_t seen = 0;
  for (;;) {
    Wait(start_, seen);
    ++seen;
    if (stop_.load(std::memory_order_relaxed)) return;
    (*work_)(rank);
    Barrier(rank);
  }
}

}  // namespace strata
