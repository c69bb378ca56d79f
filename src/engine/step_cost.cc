#include "engine/step_cost.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

namespace strata {
namespace {

constexpr double kFewRows = 8, kManyRows = 64;
constexpr std::int64_t kPassRows = 32;  ///< that attention takes over the cache together
/// Makes the terms comparable, which the fit's regularisation needs. Rows by the square root of their stretch's width
/// (8, 56, 448), so that what is known of long chunks only is spread evenly over all their rows.
constexpr std::array<double, StepCost::kTerms> kUnits = {1, 2.83, 7.48, 21.2, 8, 65536, 16384, 1};
constexpr std::array<const char*, StepCost::kTerms> kNames = {"step",      "row_to_8", "row_to_64", "row_beyond",
                                                              "logit_row", "read",     "pass",      "prefill"};

/// Keeps the split between terms that no observed step tells apart (rows and their logits) small and even. It is added
/// to sums of squared relative terms, which are about 1 a step. The rows of a stretch that no step came to are taken to
/// cost what those of the stretch before do.
constexpr double kRidge = 1e-6;
constexpr std::size_t kFirstRows = 1, kLastRows = 3;  ///< the terms of the stretches
constexpr std::int64_t kLeastDecodeSteps = 4;

using Vector = std::array<double, StepCost::kTerms>;
using Matrix = std::array<Vector, StepCost::kTerms>;

/// squares x = targets over the terms of `chosen`, by Cholesky's decomposition; 0 for the others.
Vector SolveFor(const Matrix& squares, const Vector& targets, const std::array<bool, StepCost::kTerms>& chosen) {
  std::array<std::size_t, StepCost::kTerms> terms;
  std::size_t count = 0;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    if (chosen[i]) terms[count++] = i;
  }
  Matrix lower;
  Vector x;
  for (std::size_t i = 0; i < count; ++i) {
    x[i] = targets[terms[i]];
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = squares[terms[i]][terms[j]];
      for (std::size_t k = 0; k < j; ++k) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i == j ? std::sqrt(sum) : sum / lower[j][j];
      if (j < i) x[i] -= lower[i][j] * x[j];
    }
    x[i] /= lower[i][i];
  }
  for (std::size_t i = count; i-- > 0;) {
    for (std::size_t k = i + 1; k < count; ++k) x[i] -= lower[k][i] * x[k];
    x[i] /= lower[i][i];
  }
  Vector all = {};
  for (std::size_t i = 0; i < count; ++i) all[terms[i]] = x[i];
  return all;
}

}  // namespace

void StepWork::AddDecode(std::int64_t computed, std::int64_t added) {
  AddRows(computed, added);
  logit_rows += added;
  decode_rows += added;
}

void StepWork::AddPrefill(std::int64_t computed, std::int64_t tokens, std::int64_t with_logits) {
  AddRows(computed, tokens);
  logit_rows += with_logits;
  ++prefill_slices;
}

void StepWork::AddRows(std::int64_t computed, std::int64_t added) {
  rows += added;
  reads += added * computed + added * (added + 1) / 2;
  passes += (computed + added) * ((added + kPassRows - 1) / kPassRows);
}

std::array<double, StepCost::kTerms> StepCost::Terms(const StepWork& work) const {
  const auto rows = static_cast<double>((work.rows + rows_at_once - 1) / rows_at_once * rows_at_once);
  std::array<double, kTerms> terms = {1,
                                      std::min(rows, kFewRows),
                                      std::clamp(rows - kFewRows, 0.0, kManyRows - kFewRows),
                                      std::max(rows - kManyRows, 0.0),
                                      static_cast<double>(work.logit_rows),
                                      static_cast<double>(work.reads),
                                      static_cast<double>(work.passes),
                                      work.prefill_slices > 0 ? 1.0 : 0.0};
  for (std::size_t i = 0; i < kTerms; ++i) terms[i] /= kUnits[i];
  return terms;
}

double StepCost::Seconds(const StepWork& work) const {
  const auto terms = Terms(work);
  double sum = 0;
  for (std::size_t i = 0; i < kTerms; ++i) sum += seconds[i] * terms[i];
  return sum;
}

std::string StepCost::ToJson() const {
  nlohmann::ordered_json json = {{"rows_at_once", rows_at_once}};
  for (std::size_t i = 0; i < kTerms; ++i) json[kNames[i]] = seconds[i] / kUnits[i] * 1e6;
  return json.dump(2);
}

Result<StepCost> StepCost::FromJson(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return Fail(ErrorCode::kInvalidArgument, "a step cost must be a JSON object");
  StepCost cost;
  for (std::size_t i = 0; i < kTerms; ++i) {
    const auto field = json.find(kNames[i]);
    if (field == json.end() || !field->is_number() || field->get<double>() < 0) {
      return Fail(ErrorCode::kInvalidArgument, "{} must be a number of microseconds, 0 or more", kNames[i]);
    }
    cost.seconds[i] = field->get<double>() * 1e-6 * kUnits[i];
  }
  if (const auto rows = json.find("rows_at_once"); rows != json.end()) {
    if (!rows->is_number_integer() || rows->get<std::int64_t>() < 1 || rows->get<std::int64_t>() > 1024) {
      return Fail(ErrorCode::kInvalidArgument, "rows_at_once must be an integer from 1 to 1024");
    }
    cost.rows_at_once = rows->get<std::int64_t>();
  }
  cost.known = true;
  return cost;
}

void StepCostFit::Observe(const StepWork& work, double seconds) {
  if (work.rows == 0 || seconds <= 0) return;
  Equations& kind = kinds_[work.prefill_slices > 0 ? 1 : 0];
  const double keep = memory_ == 0 ? 1 : 1 - 1 / static_cast<double>(memory_);
  auto terms = cost_.Terms(work);
  for (double& term : terms) term /= seconds;
  for (std::size_t i = 0; i < kTerms; ++i) {
    for (std::size_t j = 0; j < kTerms; ++j) kind.squares[i][j] = keep * kind.squares[i][j] + terms[i] * terms[j];
    kind.targets[i] = keep * kind.targets[i] + terms[i];
  }
  if (work.decode_rows > 0) ++decodes_;
  if (work.prefill_slices > 0) ++prefills_;
  cost_.known = decodes_ >= kLeastDecodeSteps && prefills_ > 0;
  Solve();
}

/// Non-negative least squares by principal pivoting: while a coefficient is below 0, or one held at 0 wants to grow,
/// the last such changes sides (Murty, "Note on a Bard-type scheme for solving the complementarity problem", 1974). It
/// ends, since the ridge makes the matrix positive definite; and soon, since it begins where the step before ended.
void StepCostFit::Solve() {
  Matrix squares = kinds_[0].squares;
  Vector targets = kinds_[0].targets;
  double largest = 0;
  for (std::size_t i = 0; i < kTerms; ++i) {
    for (std::size_t j = 0; j < kTerms; ++j) squares[i][j] += kinds_[1].squares[i][j];
    targets[i] += kinds_[1].targets[i];
    largest = std::max(largest, squares[i][i]);
  }
  const double ridge = kRidge * largest;
  for (std::size_t i = 0; i < kTerms; ++i) {
    squares[i][i] += ridge;
    if (i <= kFirstRows || i > kLastRows) continue;
    const double ratio = kUnits[i] / kUnits[i - 1];
    squares[i - 1][i - 1] += ridge * ratio * ratio;
    squares[i][i - 1] -= ridge * ratio;
    squares[i - 1][i] -= ridge * ratio;
  }
  constexpr int kMostPivots = 1 << kTerms;  // every set of terms once
  for (int pivot = 0; pivot < kMostPivots; ++pivot) {
    const Vector solution = SolveFor(squares, targets, positive_);
    std::size_t wrong = kTerms;
    for (std::size_t i = 0; i < kTerms; ++i) {
      double growth = targets[i];
      for (std::size_t j = 0; j < kTerms; ++j) growth -= squares[i][j] * solution[j];
      if (positive_[i] ? solution[i] < 0 : growth > 1e-9 * targets[i]) wrong = i;
    }
    if (wrong == kTerms) {
      cost_.seconds = solution;
      return;
    }
    positive_[wrong] = !positive_[wrong];
  }
}

std::vector<double> NoiseOf(std::span<const StepSample> steps, const StepCost& cost, std::size_t quantiles) {
  std::vector<double> factors;
  factors.reserve(steps.size());
  for (const auto& [work, seconds] : steps) factors.push_back(seconds / cost.Seconds(work));
  std::ranges::sort(factors);
  std::vector<double> noise;
  noise.reserve(quantiles);
  for (std::size_t i = 0; i < quantiles; ++i) noise.push_back(factors[(2 * i + 1) * factors.size() / (2 * quantiles)]);
  return noise;
}

}  // namespace strata
