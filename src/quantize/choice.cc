#include "quantize/choice.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "quantize/stage_model.h"
#include "runtime/model_runner.h"

namespace strata::quantize {
namespace {

constexpr std::int64_t kPieces = 4;
constexpr std::int64_t kPieceTokens = 128;

/// Runs models on pieces of the text.
class Pieces {
 public:
  Pieces(const CalibrationText& text, int threads) : threads_(threads) {
    const std::int64_t length = std::min(kPieceTokens, text.window);
    const std::int64_t count = std::clamp<std::int64_t>(std::ssize(text.ids) / length, 1, kPieces);
    for (std::int64_t p = 0; p < count; ++p) {
      // Pieces are beginnings of windows spread over the text, so that none begins in a place that only this sees.
      const std::int64_t begin = (std::ssize(text.ids) - length) * p / count / text.window * text.window;
      pieces_.push_back(text.ids.subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(length)));
    }
  }

  /// Calls take(row, logits) for each token, from all of the workers.
  template <class Take>
  Status Run(Workers& workers, const std::shared_ptr<const ModelFile>& model, const Take& take) const {
    const auto count = std::ssize(pieces_), length = std::ssize(pieces_.front());
    STRATA_TRY(const std::unique_ptr<ModelRunner> runner,
               // Coarser activations or keys would make noise of any change, about as much as a group's loss.
               ModelRunner::Load(model, {.threads = threads_,
                                         .max_context = length,
                                         .kv_dtype = DType::kF32,
                                         .max_sequences = count,
                                         .max_step_tokens = count * length,
                                         .max_logit_rows = count * length,
                                         .activations = kernels::Activations::kInt16,
                                         .prefill_linears = {}}));
    std::vector<std::vector<std::int32_t>> tables(pieces_.size());
    std::vector<SequenceSlice> slices;
    for (std::size_t p = 0; p < pieces_.size(); ++p) {
      STRATA_CHECK(runner->kv().Allocate(KvPool::BlocksFor(length), tables[p]));
      slices.push_back({.tokens = pieces_[p],
                        .block_table = tables[p],
                        .logits = WantLogits::kAll,
                        .phase = Phase::kPrefill,
                        .prompt = length});
    }
    STRATA_TRY(const LogitsView logits, runner->Run(slices));
    workers.For(logits.rows, 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) take(static_cast<std::size_t>(r), logits.row(r));
    });
    return {};
  }

  std::size_t rows() const { return pieces_.size() * pieces_.front().size(); }

 private:
  int threads_;
  std::vector<std::span<const std::int32_t>> pieces_;
};

/// log of the sum of exp.
double LogSum(std::span<const float> logits) {
  const float greatest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += static_cast<double>(std::exp(logit - greatest));
  return static_cast<double>(greatest) + std::log(sum);
}

/// The probabilities of a row's next tokens, and their mean logarithm.
struct Row {
  std::vector<float> probabilities;
  double mean_logarithm = 0;
};

Row RowOf(std::span<const float> logits) {
  Row row;
  row.probabilities.reserve(logits.size());
  const double log_sum = LogSum(logits);
  for (const float logit : logits) {
    const double logarithm = static_cast<double>(logit) - log_sum, probability = std::exp(logarithm);
    row.probabilities.push_back(static_cast<float>(probability));
    row.mean_logarithm += probability * logarithm;
  }
  return row;
}

double Divergence(const Row& from, std::span<const float> logits) {
  const double log_sum = LogSum(logits);
  double mean = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    mean += static_cast<double>(from.probabilities[i]) * (static_cast<double>(logits[i]) - log_sum);
  }
  return from.mean_logarithm - mean;
}

}  // namespace

Status MeasureLosses(Workers& workers, const std::shared_ptr<const ModelFile>& whole, const ModelFile& rounded,
                     const CalibrationText& text, int threads, const std::function<void(double fraction)>& progress,
                     std::span<InputGroup> groups) {
  const Pieces pieces(text, threads);
  std::vector<Row> rows(pieces.rows());
  STRATA_CHECK(
      pieces.Run(workers, whole, [&](std::size_t r, std::span<const float> logits) { rows[r] = RowOf(logits); }));
  const auto mixed = std::make_shared<StageModel>(whole);
  std::vector<double> losses(rows.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    mixed->Restore();
    for (const std::string& weight : groups[g].weights) mixed->Replace(weight, *rounded.FindTensor(weight));
    STRATA_CHECK(pieces.Run(workers, mixed, [&](std::size_t r, std::span<const float> logits) {
      losses[r] = Divergence(rows[r], logits);
    }));
    groups[g].loss = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
    if (progress) progress(static_cast<double>(g + 1) / static_cast<double>(groups.size()));
  }
  return {};
}

std::size_t OrderAndCount(std::vector<InputGroup>& groups, double most) {
  std::ranges::stable_sort(groups, {},
                           [](const InputGroup& group) { return group.loss / static_cast<double>(group.elements); });
  double sum = 0;
  const auto end = std::ranges::find_if(groups, [&](const InputGroup& group) { return (sum += group.loss) > most; });
  return static_cast<std::size_t>(end - groups.begin());
}

}  // namespace strata::quantize
