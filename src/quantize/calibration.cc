#include "quantize/calibration.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "models/models.h"
#include "quantize/stage_model.h"
#include "quantize/stages.h"
#include "runtime/model_runner.h"

namespace strata::quantize {
namespace {

/// Gathers what the linears over `weights` read.
class Gathering {
 public:
  Gathering(Workers& workers, const LinearWeights& weights, const ModelFile& model)
      : workers_(workers), weights_(weights), model_(model) {
    for (const std::string& name : weights.hidden) gathered_[name] = nullptr;
  }

  void Take(const LinearInput& input) {
    std::shared_ptr<InputStatistics> statistics;
    for (const std::string& name : input.weights) {
      const auto slot = gathered_.find(name);
      if (slot == gathered_.end()) continue;
      if (slot->second == nullptr) {
        slot->second = statistics != nullptr ? statistics : std::make_shared<InputStatistics>(input.columns);
      }
      if (slot->second == statistics) continue;  // seen with a weight before it
      statistics = slot->second;
      const float* const end = input.values + input.rows * input.columns;
      held_.push_back({statistics, {input.values, end}, input.rows, weights_.by_row.contains(name)});
    }
  }

  /// What was taken since the last time was of these rows, which the stage made of it. What reads a row next norms it,
  /// so an error in it counts in proportion to the row: without that, the few rows that are a thousand times as great
  /// as others (those of a text's first token) would be all that counts.
  void EndWindow(const LogitsView& out) {
    std::vector<float> weights;
    for (std::int64_t r = 0; r < out.rows; ++r) {
      const std::span<const float> row = out.row(r);
      const float squares = std::inner_product(row.begin(), row.end(), row.begin(), 0.0F);
      weights.push_back(squares > 0 ? static_cast<float>(out.width) / squares : 0);
    }
    for (const Held& held : held_) {
      const bool weighted = held.by_row && held.rows == out.rows;
      held.statistics->Add(workers_, held.values.data(), held.rows, weighted ? weights : std::vector<float>());
    }
    held_.clear();
  }

  /// Errors: kInvalidArgument where an input is not finite. An expert that no token went to has seen nothing.
  Result<Calibration> Finish() {
    Calibration calibration;
    for (auto& [name, statistics] : gathered_) {
      if (statistics == nullptr) {
        statistics = std::make_shared<InputStatistics>(model_.FindTensor(name)->shape.cols());
      }
      bool finite = true;
      for (std::int64_t c = 0; c < statistics->columns(); ++c) finite = finite && std::isfinite(statistics->gram(c, c));
      if (!finite) {
        return Fail(ErrorCode::kInvalidArgument, "the calibration text makes inputs of {} that are not finite", name);
      }
      calibration.emplace(name, std::move(statistics));
    }
    return calibration;
  }

 private:
  struct Held {
    std::shared_ptr<InputStatistics> statistics;
    std::vector<float> values;
    std::int64_t rows;
    bool by_row;
  };

  Workers& workers_;
  const LinearWeights& weights_;
  const ModelFile& model_;
  std::vector<Held> held_;
  std::map<std::string, std::shared_ptr<InputStatistics>, std::less<>> gathered_;
};

/// One stage with the tensors that it has at the moment.
class StageRun {
 public:
  static Result<StageRun> Load(const std::shared_ptr<const ModelFile>& tensors, const graph::Graph& stage,
                               std::int64_t window, int threads) {
    StageRun run;
    STRATA_TRY(run.runner_, ModelRunner::Load(tensors, stage,
                                              {.threads = threads,
                                               .max_context = window,
                                               .kv_dtype = DType::kF32,
                                               .max_sequences = 1,
                                               .max_step_tokens = window,
                                               .max_logit_rows = window,
                                               .prefill_linears = {}}));
    return run;
  }

  /// [ids, width of the stage's output].
  Result<Matrix> Run(std::span<const std::int32_t> ids, std::int64_t window, Gathering* gathering,
                     const std::function<void(double fraction)>& progress) {
    if (gathering != nullptr) {
      runner_->ObserveLinears([gathering](const LinearInput& input) { gathering->Take(input); });
    }
    Matrix out;
    std::vector<std::int32_t> table;
    for (std::int64_t at = 0; at < std::ssize(ids); at += window) {
      const std::int64_t count = std::min(window, std::ssize(ids) - at);
      STRATA_CHECK(runner_->kv().Allocate(KvPool::BlocksFor(count), table));
      const SequenceSlice slice{.tokens = ids.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(count)),
                                .block_table = table,
                                .logits = WantLogits::kAll,
                                .phase = Phase::kPrefill,
                                .prompt = count};
      STRATA_TRY(const LogitsView rows, runner_->Run({&slice, 1}));
      out.columns = rows.width;
      for (std::int64_t r = 0; r < rows.rows; ++r) {
        const std::span<const float> row = rows.row(r);
        out.values.insert(out.values.end(), row.begin(), row.end());
      }
      out.rows += rows.rows;
      if (gathering != nullptr) gathering->EndWindow(rows);
      runner_->kv().Release(table);
      table.clear();
      if (progress) progress(static_cast<double>(at + count) / static_cast<double>(ids.size()));
    }
    return out;
  }

 private:
  std::unique_ptr<ModelRunner> runner_;
};

}  // namespace

Status ForStages(Workers& workers, const std::shared_ptr<const ModelFile>& model, const CalibrationText& text,
                 int threads, const std::function<void(double fraction)>& progress, const StageWork& work) {
  STRATA_TRY(const graph::Graph whole, models::BuildGraph(*model));
  const std::vector<Stage> stages = FindStages(whole);
  const auto tensors = std::make_shared<StageModel>(model);
  std::vector<std::int32_t> rows(text.ids.begin(), text.ids.end());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const auto report = [&](double fraction) {
      if (progress) progress((static_cast<double>(s) + fraction) / static_cast<double>(stages.size()));
    };
    STRATA_TRY(graph::Graph stage, StageGraph(whole, stages[s], *tensors));
    const LinearWeights weights = FindLinearWeights(stage, *tensors);
    Gathering gathering(workers, weights, *model);
    Matrix out;
    {
      STRATA_TRY(StageRun run, StageRun::Load(tensors, stage, text.window, threads));
      STRATA_TRY(out, run.Run(rows, text.window, &gathering, report));
    }
    STRATA_TRY(const Calibration calibration, gathering.Finish());
    STRATA_TRY(Tensors changed, work(stage, weights, calibration));
    if (s + 1 == stages.size()) break;
    if (!changed.empty()) {
      for (auto& [name, values] : changed) tensors->Replace(name, std::move(values));
      STRATA_TRY(stage, StageGraph(whole, stages[s], *tensors));
      STRATA_TRY(StageRun run, StageRun::Load(tensors, stage, text.window, threads));
      STRATA_TRY(out, run.Run(rows, text.window, nullptr, nullptr));
    }
    tensors->Restore();
    tensors->Replace(std::string(kStageInput), std::move(out));
    std::iota(rows.begin(), rows.end(), 0);
  }
  return {};
}

}  // namespace strata::quantize
