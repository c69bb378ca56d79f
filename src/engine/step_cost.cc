#include "engine/step_cost.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace strata {
namespace {

constexpr double kFewRows = 8, kManyRows = 64;
/// Makes the terms comparable, which the fit's regularisation needs. Rows by the square root of their stretch's width
/// (8, 56, 448), so that what is known of long chunks only is spread evenly over all their rows.
constexpr std::array<double, StepCost::kTerms> kUnits = {1, 2.83, 7.48, 21.2, 8, 16384, 512 * 1024, 1};
constexpr std::array<const char*, StepCost::kTerms> kNames = {"step",      "row_to_8",    "row_to_64",    "row_beyond",
                                                              "logit_row", "decode_read", "prefill_read", "prefill"};

/// Keeps the split between terms that no observed step tells apart (rows and their logits) small and even. It is added
/// to sums of squared relative terms, which are about 1 a step.
constexpr double kRidge = 1e-6;
constexpr std::int64_t kLeastDecodeSteps = 4;

}  // namespace

void StepWork::AddDecode(std::int64_t computed, std::int64_t added) {
  rows += added;
  logit_rows += added;
  decode_reads += added * computed + added * (added + 1) / 2;
}

void StepWork::AddPrefill(std::int64_t computed, std::int64_t tokens, std::int64_t with_logits) {
  rows += tokens;
  logit_rows += with_logits;
  prefill_reads += tokens * computed + tokens * (tokens + 1) / 2;
  ++prefill_slices;
}

std::array<double, StepCost::kTerms> StepCost::Terms(const StepWork& work) {
  const auto rows = static_cast<double>(work.rows);
  std::array<double, kTerms> terms = {1,
                                      std::min(rows, kFewRows),
                                      std::clamp(rows - kFewRows, 0.0, kManyRows - kFewRows),
                                      std::max(rows - kManyRows, 0.0),
                                      static_cast<double>(work.logit_rows),
                                      static_cast<double>(work.decode_reads),
                                      static_cast<double>(work.prefill_reads),
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
  nlohmann::ordered_json json;
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
  cost.known = true;
  return cost;
}

void StepCostFit::Observe(const StepWork& work, double seconds) {
  if (work.rows == 0 || seconds <= 0) return;
  Equations& kind = kinds_[work.prefill_slices > 0 ? 1 : 0];
  const double keep = memory_ == 0 ? 1 : 1 - 1 / static_cast<double>(memory_);
  auto terms = StepCost::Terms(work);
  for (double& term : terms) term /= seconds;
  for (std::size_t i = 0; i < kTerms; ++i) {
    for (std::size_t j = 0; j < kTerms; ++j) kind.squares[i][j] = keep * kind.squares[i][j] + terms[i] * terms[j];
    kind.targets[i] = keep * kind.targets[i] + terms[i];
  }
  ++kind.observed;
  cost_.known = kinds_[0].observed >= kLeastDecodeSteps && kinds_[1].observed > 0;
  Descend(4);
}

const StepCost& StepCostFit::Converge() {
  Descend(20'000);
  return cost_;
}

void StepCostFit::Descend(int sweeps) {
  Equations sum = kinds_[0];
  for (std::size_t i = 0; i < kTerms; ++i) {
    for (std::size_t j = 0; j < kTerms; ++j) sum.squares[i][j] += kinds_[1].squares[i][j];
    sum.targets[i] += kinds_[1].targets[i];
  }
  double largest = 0;
  for (std::size_t i = 0; i < kTerms; ++i) largest = std::max(largest, sum.squares[i][i]);
  for (std::size_t i = 0; i < kTerms; ++i) sum.squares[i][i] += kRidge * largest;
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    for (std::size_t i = 0; i < kTerms; ++i) {
      double residual = sum.targets[i];
      for (std::size_t j = 0; j < kTerms; ++j) residual -= sum.squares[i][j] * cost_.seconds[j];
      cost_.seconds[i] = std::max(0.0, cost_.seconds[i] + residual / sum.squares[i][i]);
    }
  }
}

}  // namespace strata
