// The roofline (Williams, Waterman and Patterson, 2009): how fast a step could be on a machine whose peaks are known.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "base/result.h"
#include "base/thread_team.h"
#include "host/peaks.h"
#include "runtime/operation_cost.h"

namespace strata {

struct Roofline {
  double bytes_per_second = 0;    ///< reading, at the footprint in question
  double integer_per_second = 0;  ///< operations on 8-bit integers
  double float_per_second = 0;    ///< the better of f32 and bf16
};

/// What limits: reading weights and cache, or arithmetic.
enum class BoundBy : std::uint8_t { kBytes, kArithmetic };
struct Bound {
  double seconds = 0;
  BoundBy by = BoundBy::kBytes;
};

/// The least time of a whole step, in which reading and arithmetic overlap perfectly. Integers count once a weight and
/// row: a second plane of the activations is this implementation's choice, not the machine's limit.
Bound StepBound(std::span<const OperationCost> costs, const Roofline& roofline);

/// The least time of one operation with the products that its kernel makes.
Bound OperationBound(const OperationCost& cost, const Roofline& roofline);

/// The peaks of the machine with a team's threads, and its bandwidth at footprints as they are asked for (each measured
/// once, within a sixteenth).
class RooflineMeter {
 public:
  /// `weights`, which must outlive this, are read where a footprint is not above their size: beside a large model there
  /// may be no room for as much again, and to map and free gigabytes disturbs what is measured next.
  RooflineMeter(int threads, std::span<const std::byte> weights)
      : team_(threads), weights_(weights), peaks_(host::MeasurePeaks(team_)) {}
  const host::Peaks& peaks() const { return peaks_; }
  /// Errors: kResourceExhausted when memory of that size cannot be mapped.
  Result<Roofline> At(double footprint_bytes);
  /// At all that steps like it read: a weight comes by again in the next step, or later where a step chooses among
  /// experts. Memory that is read rarely is read more slowly: by more TLB misses, and a virtual machine's host may have
  /// unmapped it.
  Result<Roofline> AtStep(std::span<const OperationCost> costs);

 private:
  ThreadTeam team_;
  std::span<const std::byte> weights_;
  host::Peaks peaks_;
  std::map<std::size_t, double> bandwidths_;
};

}  // namespace strata
