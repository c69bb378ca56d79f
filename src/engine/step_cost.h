// How long a step takes, as a function of what is in it; fitted to the steps that the engine measures. The scheduler
// sizes prefill chunks by it, the simulator tells the time by it.
//
//   StepCostFit fit;
//   fit.Observe(work, seconds);               // after every step
//   double expected = fit.cost().Seconds(next_work);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata {

/// What is in a step, in the units that cost time.
struct StepWork {
  std::int64_t rows = 0;            ///< tokens that go through the linears
  std::int64_t logit_rows = 0;      ///< of those, the ones that go through the head and are sampled
  std::int64_t decode_rows = 0;     ///< of those, the ones of decoding sequences
  std::int64_t reads = 0;           ///< cached positions that rows attend to
  std::int64_t passes = 0;          ///< cached positions of the sequences, once for each 32 rows that share the pass
  std::int64_t prefill_slices = 0;  ///< chunks; a step without any takes the runtime's decode path

  /// A decoding sequence with `computed` tokens in the cache computes `rows` (1 + drafts), all of them with logits.
  void AddDecode(std::int64_t computed, std::int64_t rows);
  /// A chunk of `tokens` after `computed`; `logit_rows` is 1 when it ends the prompt.
  void AddPrefill(std::int64_t computed, std::int64_t tokens, std::int64_t logit_rows);

  bool operator==(const StepWork&) const = default;

 private:
  void AddRows(std::int64_t computed, std::int64_t added);
};

/// A linear model with coefficients >= 0, so that more work never costs less.
struct StepCost {
  /// The fixed part; rows up to 8, from there to 64, and beyond (reading the weights, then filling the vector units,
  /// then at speed); rows of logits; reads and passes (attention's arithmetic, and bringing the cache in, which is most
  /// of it for a decode row and for a small chunk far into its prompt); one prefill among decode rows.
  static constexpr std::size_t kTerms = 8;
  std::array<double, kTerms> seconds = {};  ///< per unit of Terms()
  std::int64_t rows_at_once = 1;            ///< rows count by so many, as the linears take them

  std::array<double, kTerms> Terms(const StepWork& work) const;
  double Seconds(const StepWork& work) const;

  /// Microseconds of each term: {"rows_at_once": 1, "step": 2100, "row_to_8": 310, ...}.
  std::string ToJson() const;
  /// Errors: kInvalidArgument naming the term. rows_at_once may be missing, which is 1.
  static Result<StepCost> FromJson(std::string_view text);

  /// False until steps with prefill and steps with decode rows were observed: then nothing follows from Seconds().
  bool known = false;
};

/// Least squares of the relative error over the observed steps, old ones forgotten exponentially. A hiccup of the
/// machine hardly moves it: a step's weight falls with the square of its time.
class StepCostFit {
 public:
  static constexpr std::int64_t kMemory = 512;

  /// `memory`: steps of a kind (with and without prefill) after which one counts 1/e; 0 = none is ever forgotten.
  explicit StepCostFit(std::int64_t memory = kMemory, std::int64_t rows_at_once = 1) : memory_(memory) {
    cost_.rows_at_once = rows_at_once;
  }

  /// Allocates nothing: the engine calls it in every step.
  void Observe(const StepWork& work, double seconds);
  const StepCost& cost() const { return cost_; }

 private:
  static constexpr std::size_t kTerms = StepCost::kTerms;
  using Vector = std::array<double, kTerms>;
  using Matrix = std::array<Vector, kTerms>;
  /// The normal equations of one kind of step. Kinds forget separately: an hour of decoding says nothing about prefill.
  struct Equations {
    Matrix squares = {};
    Vector targets = {};
  };
  void Solve();

  std::int64_t memory_;
  std::int64_t decodes_ = 0, prefills_ = 0;  ///< observed steps with decode rows, with prefill
  std::array<Equations, 2> kinds_;           ///< without prefill, with
  std::array<bool, kTerms> positive_{};      ///< the terms whose coefficient is not held at 0
  StepCost cost_;
};

/// A step and what it took.
struct StepSample {
  StepWork work;
  double seconds;
};
/// What nothing in `work` explains: quantiles, evenly spaced, of the factors between what steps took and what `cost`
/// says. `steps` is not empty.
std::vector<double> NoiseOf(std::span<const StepSample> steps, const StepCost& cost, std::size_t quantiles = 200);

}  // namespace strata
