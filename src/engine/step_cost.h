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
#include <string>
#include <string_view>

#include "base/result.h"

namespace strata {

/// What is in a step, in the units that cost time.
struct StepWork {
  std::int64_t rows = 0;            ///< tokens that go through the linears
  std::int64_t logit_rows = 0;      ///< of those, the ones that go through the head and are sampled
  std::int64_t decode_reads = 0;    ///< cached positions that decoding rows attend to
  std::int64_t prefill_reads = 0;   ///< the same for the rows of prefill chunks
  std::int64_t prefill_slices = 0;  ///< chunks; a step without any takes the runtime's decode path

  /// A decoding sequence with `computed` tokens in the cache computes `rows` (1 + drafts), all of them with logits.
  void AddDecode(std::int64_t computed, std::int64_t rows);
  /// A chunk of `tokens` after `computed`; `logit_rows` is 1 when it ends the prompt.
  void AddPrefill(std::int64_t computed, std::int64_t tokens, std::int64_t logit_rows);

  bool operator==(const StepWork&) const = default;
};

/// A linear model with coefficients >= 0, so that more work never costs less.
struct StepCost {
  /// The fixed part; rows up to 8, from there to 64, and beyond (reading the weights, then filling the vector units,
  /// then at speed); rows of logits; reads of decode rows and of prefill rows; one prefill among decode rows.
  static constexpr std::size_t kTerms = 8;
  std::array<double, kTerms> seconds = {};  ///< per unit of Terms()

  static std::array<double, kTerms> Terms(const StepWork& work);
  double Seconds(const StepWork& work) const;

  /// Microseconds of each term: {"step": 2100, "row_to_8": 310, ...}.
  std::string ToJson() const;
  /// Errors: kInvalidArgument naming the term.
  static Result<StepCost> FromJson(std::string_view text);

  /// False until steps with and without prefill were observed: then nothing follows from Seconds().
  bool known = false;
};

/// Least squares of the relative error over the observed steps, old ones forgotten exponentially. A hiccup of the
/// machine hardly moves it: a step's weight falls with the square of its time.
class StepCostFit {
 public:
  /// `memory`: steps of a kind (with and without prefill) after which one counts 1/e; 0 = none is ever forgotten.
  explicit StepCostFit(std::int64_t memory = 512) : memory_(memory) {}

  void Observe(const StepWork& work, double seconds);
  const StepCost& cost() const { return cost_; }
  /// Solves to the end what Observe only brings a little nearer each time.
  const StepCost& Converge();

 private:
  static constexpr std::size_t kTerms = StepCost::kTerms;
  /// The normal equations of one kind of step. Kinds forget separately: an hour of decoding says nothing about prefill.
  struct Equations {
    std::array<std::array<double, kTerms>, kTerms> squares = {};
    std::array<double, kTerms> targets = {};
    std::int64_t observed = 0;
  };
  /// Sweeps of coordinate descent under coefficients >= 0 (Franc, Hlavac, Navara, "Sequential coordinate-wise algorithm
  /// for the non-negative least squares problem", 2005).
  void Descend(int sweeps);

  std::int64_t memory_;
  std::array<Equations, 2> kinds_;  ///< without prefill, with
  StepCost cost_;
};

}  // namespace strata
