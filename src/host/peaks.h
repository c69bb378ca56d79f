// What this machine can do at best, measured with the thread team that will compute: the denominators of every
// "percent of limit" that strata prints (the roofline of Williams, Waterman and Patterson, 2009).
//
//   ThreadTeam team(2);
//   const host::Peaks peaks = host::MeasurePeaks(team);
//   const double bandwidth = host::MeasureReadBandwidth(team, packed_weight_bytes);
//
// Each figure is the best of several bursts of a few milliseconds: a limit is what the machine does when nobody
// disturbs.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "base/cpu_features.h"
#include "base/result.h"
#include "base/thread_team.h"

namespace strata::host {

/// Of all threads of the team together. 0 where the processor has no such instruction or no probe is written for it.
struct Peaks {
  int threads = 0;
  std::string int8_instruction;  ///< "vpdpbusd zmm", "tdpbsud"; "" without a probe
  double int8_ops = 0;           ///< multiplications and additions of 8-bit integers a second
  double bf16_ops = 0;           ///< of bf16 with f32 sums (vdpbf16ps, tdpbf16ps), a second
  double f32_ops = 0;            ///< of f32 (fused multiply-add), a second
  double barrier_seconds = 0;    ///< one ThreadTeam::Barrier while every thread spins
};

/// The arithmetic peaks and the barrier; about 0.1 s. `cpu` limits the instructions that are tried.
Peaks MeasurePeaks(ThreadTeam& team, const CpuFeatures& cpu = Cpu());

/// Bytes a second of reading `memory` again and again, each thread its own contiguous share, of kilobytes at least:
/// what weights of that size can be streamed at, be it from DRAM or from a cache that holds them. About 0.05 s, or five
/// readings of gigabytes.
double MeasureReadBandwidth(ThreadTeam& team, std::span<const std::byte> memory, const CpuFeatures& cpu = Cpu());

/// The same of so many bytes of fresh memory. Errors: kResourceExhausted when they cannot be mapped.
Result<double> MeasureReadBandwidth(ThreadTeam& team, std::size_t bytes, const CpuFeatures& cpu = Cpu());

/// A footprint that the last-level cache cannot hold: twice its size, between 256 MiB and 1 GiB, and at most a quarter
/// of the memory that is available. A cache larger than that (a virtual machine may report its host's) still helps.
std::size_t DramFootprint();

}  // namespace strata::host
