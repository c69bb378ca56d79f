// What operations must read and compute, counted from their shapes: for the roofline, `strata graph --explain` and the
// benchmarks' percent of limit.
#pragma once

#include <cstdint>
#include <string>

#include "kernels/kernels.h"

namespace strata {

/// A step as costs see it: so many sequences alike.
struct StepShape {
  std::int64_t sequences = 1;
  std::int64_t rows = 1;         ///< new tokens of each sequence
  std::int64_t context = 0;      ///< tokens of each that are in the cache already
  std::int64_t logit_rows = 1;   ///< of all sequences together
  double kv_token_bytes = 0;     ///< of one token in one layer; the runner fills it in
  DType kv_dtype = DType::kF32;  ///< likewise

  std::int64_t tokens() const { return sequences * rows; }
};

/// Of one operation in one step. Activations are not counted as bytes: they stay in caches.
struct OperationCost {
  std::string value = {};        ///< the graph's name for what it computes; the runner fills it in
  std::string description = {};  ///< "linear linear_q4_1_int8_avx512vnni n=960 k=576 ..."; alike for all layers
  double weight_bytes = 0;       ///< packed, read once a step
  double other_bytes = 0;        ///< packed weights that another step may read in their place: experts not chosen
  double kv_bytes = 0;           ///< of the cache, read once a step
  double integer_ops = 0;        ///< multiplications and additions with quantised weights, one product a weight and row
  int planes = 1;                ///< products of 8-bit integers that the kernel makes of each of them
  double float_ops = 0;          ///< the same with floats
  double bytes() const { return weight_bytes + kv_bytes; }
};

/// What a linear reads and computes for so many rows.
OperationCost LinearCost(const kernels::LinearKernel& kernel, const kernels::LinearProblem& problem, double rows);

}  // namespace strata
