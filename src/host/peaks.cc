#include "host/peaks.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <unistd.h>

#include "base/clock.h"
#include "base/mapped_memory.h"
#include "base/memory_limit.h"
#include "host/probes.h"

namespace strata::host {
namespace {

// Shorter than a time slice, so that some bursts pass undisturbed on all cores even beside other work.
constexpr double kBurstSeconds = 0.002;
constexpr int kBursts = 16;
constexpr std::size_t kReadGrain = 4096;

Probes Choose(const CpuFeatures& cpu) {
  Probes probes = kProbesPortable;
#if defined(STRATA_HOST_X86)
  if (cpu.avx2) probes = kProbesAvx2;
  if (cpu.avx512) {
    probes.f32 = kProbesAvx512.f32;
    probes.read = kProbesAvx512.read;
  }
  if (cpu.avx512_vnni) {
    probes.int8_instruction = "vpdpbusd zmm";
    probes.int8 = Int8Avx512Vnni;
  }
  if (cpu.avx512_bf16) probes.bf16 = Bf16Avx512;
  if (cpu.amx) {
    probes.int8_instruction = "tdpbsud";
    probes.int8 = Int8Amx;
    probes.bf16 = Bf16Amx;
  }
#else
  static_cast<void>(cpu);
#endif
  return probes;
}

/// Runs work(rank) on all ranks several times; the least seconds of one run.
template <class Work>
double BestRun(ThreadTeam& team, int runs, const Work& work) {
  double best = 1e30;
  for (int run = 0; run < runs; ++run) {
    const double begin = MonotonicSeconds();
    team.Run(work);
    best = std::min(best, MonotonicSeconds() - begin);
  }
  return best;
}

double Arithmetic(ThreadTeam& team, double (*probe)(std::int64_t)) {
  if (probe == nullptr) return 0;
  // The first, short run finds how many rounds a burst has; it also wakes the threads and the vector units.
  constexpr std::int64_t kTrial = 20'000;
  const double trial = BestRun(team, 3, [&](int) { probe(kTrial); });
  const auto rounds = static_cast<std::int64_t>(std::max(1.0, kTrial * kBurstSeconds / trial));
  std::vector<double> operations(static_cast<std::size_t>(team.size()));
  const double seconds =
      BestRun(team, kBursts, [&](int rank) { operations[static_cast<std::size_t>(rank)] = probe(rounds); });
  double sum = 0;
  for (const double done : operations) sum += done;
  return sum / seconds;
}

double BarrierSeconds(ThreadTeam& team) {
  if (team.size() == 1) return 0;
  constexpr int kBarriers = 2000;
  return BestRun(team, kBursts,
                 [&](int rank) {
                   for (int i = 0; i < kBarriers; ++i) team.Barrier(rank);
                 }) /
         kBarriers;
}

}  // namespace

Peaks MeasurePeaks(ThreadTeam& team, const CpuFeatures& cpu) {
  const Probes probes = Choose(cpu);
  Peaks peaks;
  peaks.threads = team.size();
  peaks.int8_instruction = probes.int8_instruction;
  peaks.int8_ops = Arithmetic(team, probes.int8);
  peaks.bf16_ops = Arithmetic(team, probes.bf16);
  peaks.f32_ops = Arithmetic(team, probes.f32);
  peaks.barrier_seconds = BarrierSeconds(team);
  return peaks;
}

double MeasureReadBandwidth(ThreadTeam& team, std::span<const std::byte> memory, const CpuFeatures& cpu) {
  const auto ranks = static_cast<std::size_t>(team.size());
  const std::size_t share = memory.size() / ranks / kReadGrain * kReadGrain;
  const auto part = [&](int rank) { return memory.data() + share * static_cast<std::size_t>(rank); };
  const Probes probes = Choose(cpu);
  // Small footprints are read several times in a burst, so that starting the team does not count.
  const std::size_t passes = std::max<std::size_t>(1, (std::size_t{32} << 20) / memory.size());
  std::vector<std::uint64_t> sums(ranks);
  const double pass_seconds =
      BestRun(team, 2, [&](int rank) { sums[static_cast<std::size_t>(rank)] ^= probes.read(part(rank), share); });
  const int runs = std::clamp(static_cast<int>(0.05 / (pass_seconds * static_cast<double>(passes))), 3, 50);
  const double seconds = BestRun(team, runs, [&](int rank) {
    for (std::size_t pass = 0; pass < passes; ++pass) {
      sums[static_cast<std::size_t>(rank)] ^= probes.read(part(rank), share);
    }
  });
  return static_cast<double>(share * ranks * passes) / seconds;
}

Result<double> MeasureReadBandwidth(ThreadTeam& team, std::size_t bytes, const CpuFeatures& cpu) {
  const auto ranks = static_cast<std::size_t>(team.size());
  const std::size_t share = std::max(kReadGrain, bytes / ranks / kReadGrain * kReadGrain);
  STRATA_TRY(MappedMemory memory, MappedMemory::Map(share * ranks, "measuring the memory's bandwidth"));
  // Each page is touched by the thread that will read it.
  team.Run([&](int rank) { std::memset(memory.data() + share * static_cast<std::size_t>(rank), rank + 1, share); });
  memory.MakePagesHuge();
  return MeasureReadBandwidth(team, std::span<const std::byte>(memory.data(), memory.size()), cpu);
}

std::size_t DramFootprint() {
  constexpr std::uint64_t kLeast = std::uint64_t{256} << 20;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 30;
  const long cache = ::sysconf(_SC_LEVEL3_CACHE_SIZE);
  const std::uint64_t wanted = std::clamp(2 * static_cast<std::uint64_t>(std::max(0L, cache)), kLeast, kMost);
  return static_cast<std::size_t>(std::min(wanted, ReadMemoryLimit().available_bytes / 4));
}

}  // namespace strata::host
