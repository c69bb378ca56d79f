#include "quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/thread_team.h"
#include "formats/model_file.h"
#include "models/models.h"
#include "quantize/calibration.h"
#include "quantize/choice.h"
#include "quantize/linear_weights.h"
#include "quantize/write_blocks.h"
#include "quantize/write_folder.h"

namespace strata::quantize {
namespace {

class Job {
 public:
  Job(std::string in, std::string out, const Options& options)
      : in_(std::move(in)), out_(std::move(out)), options_(options) {}

  Result<Report> Run() {
    std::error_code error;
    if (std::filesystem::exists(out_, error)) {
      return Fail(ErrorCode::kInvalidArgument, "{} exists: quantizing does not overwrite", out_);
    }
    if (std::ssize(options_.calibration) < options_.window) {
      return Fail(ErrorCode::kInvalidArgument,
                  "the calibration text has {} tokens; at least one window of {} is needed",
                  options_.calibration.size(), options_.window);
    }
    STRATA_TRY(std::unique_ptr<ModelFile> file, ModelFile::Open(in_));
    model_ = std::move(file);
    threads_ = options_.threads > 0 ? options_.threads : AvailableCpus();
    workers_ = std::make_unique<Workers>(threads_);
    for (const ModelTensor& tensor : model_->tensors()) report_.bytes_before += tensor.view.bytes();
    const auto* integers = std::get_if<GroupScheme>(&options_.scheme.kind);
    STRATA_CHECK(integers != nullptr ? WriteIntegers(*integers)
                                     : WriteBlocks(std::get<BlockScheme>(options_.scheme.kind)));
    return std::move(report_);
  }

 private:
  Status Calibrated(const StageWork& work) {
    const auto progress = [&](double fraction) {
      if (options_.progress) options_.progress(fraction, "calibrating");
    };
    return ForStages(*workers_, model_, {options_.calibration, options_.window}, threads_, progress, work);
  }

  Status WriteIntegers(const GroupScheme& scheme) {
    // A float's step is in proportion to its size: float8 inputs have no columns that the others vanish beside.
    const bool choose_inputs = scheme.round_activations && scheme.weights.type == LevelType::kInteger;
    const bool choose_weights = scheme.weights.bits < 8;
    const double max_loss = options_.max_loss.value_or(choose_weights ? kMaxWeightLoss : kMaxInputLoss);
    const bool measure = std::isfinite(max_loss);
    const RoundingOptions rounding{.scheme = scheme, .with_finer = choose_weights && measure};
    RoundedLayers all;
    STRATA_CHECK(Calibrated([&](const graph::Graph& stage, const LinearWeights& weights,
                                const Calibration& calibration) -> Result<Tensors> {
      STRATA_TRY(RoundedLayers rounded,
                 RoundLayers(*workers_, *model_, weights.hidden, FindScaledInputs(stage), calibration, rounding));
      Tensors changed;
      for (const auto& [name, weight] : rounded.weights) changed.emplace(name, weight.Dequantize());
      for (const auto& [name, vector] : rounded.vectors) changed.emplace(name, Matrix{1, std::ssize(vector), vector});
      all.by_input.insert(all.by_input.end(), rounded.by_input.begin(), rounded.by_input.end());
      all.kept.insert(all.kept.end(), weights.routers.begin(), weights.routers.end());
      all.weights.merge(rounded.weights);
      all.vectors.merge(rounded.vectors);
      all.finer.merge(rounded.finer);
      all.finer_reports.insert(all.finer_reports.end(), rounded.finer_reports.begin(), rounded.finer_reports.end());
      report_.tensors.insert(report_.tensors.end(), rounded.reports.begin(), rounded.reports.end());
      return changed;
    }));
    std::vector<InputGroup> groups;
    for (const std::vector<std::string>& weights : all.by_input) {
      InputGroup& group = groups.emplace_back(InputGroup{.weights = weights});
      for (const std::string& weight : weights) group.elements += model_->FindTensor(weight)->shape.elements();
    }
    if (choose_weights && measure) {
      STRATA_CHECK(MeasureWeights(all, groups));
      TakeFiner(all, std::span(groups).subspan(OrderAndCount(groups, max_loss)));
    }
    FolderWriter writer(*model_, in_, out_, std::move(all));
    STRATA_TRY(report_.bytes_after, writer.WriteTensors());
    std::size_t rounded = scheme.round_activations ? groups.size() : 0;
    if (choose_inputs && measure) {
      STRATA_CHECK(MeasureInputs(writer, groups));
      rounded = OrderAndCount(groups, max_loss);
    }
    WeightNames rounded_inputs;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (const std::string& weight : groups[g].weights) {
        TensorReport& report = ReportOf(weight);
        report.rounds_inputs = g < rounded;
        report.loss = groups[g].loss;
        if (g < rounded) rounded_inputs.insert(weight);
      }
    }
    return writer.WriteConfig(out_, rounded_inputs);
  }

  TensorReport& ReportOf(const std::string& weight) {
    return *std::ranges::find(report_.tensors, weight, &TensorReport::name);
  }

  void TakeFiner(RoundedLayers& all, std::span<const InputGroup> groups) {
    for (const InputGroup& group : groups) {
      for (const std::string& weight : group.weights) {
        all.weights.at(weight) = std::move(all.finer.at(weight));
        ReportOf(weight) = *std::ranges::find(all.finer_reports, weight, &TensorReport::name);
      }
    }
    all.finer.clear();
  }

  /// Inside of `out_`: there nothing can be left of a run that was killed.
  std::filesystem::path MeasuringFolder() const { return std::filesystem::path(out_) / ".measuring"; }

  /// By a model of the weights in 8 bits and one of them as they are.
  Status MeasureWeights(const RoundedLayers& all, std::vector<InputGroup>& groups) {
    const auto open = [&](const char* name, const auto& weights) -> Result<std::unique_ptr<ModelFile>> {
      const std::string folder = (MeasuringFolder() / name).string();
      RoundedLayers layers;
      layers.weights = weights;
      layers.vectors = all.vectors;
      layers.kept = all.kept;
      FolderWriter writer(*model_, in_, folder, std::move(layers));
      STRATA_CHECK(writer.WriteTensors());
      STRATA_CHECK(writer.WriteConfig(folder, {}));
      return ModelFile::Open(folder);
    };
    return Measure(open("whole", all.finer), open("rounded", all.weights), groups);
  }

  /// By two models that share the tensors of `out_`.
  Status MeasureInputs(const FolderWriter& writer, std::vector<InputGroup>& groups) {
    WeightNames all;
    for (const InputGroup& group : groups) all.insert(group.weights.begin(), group.weights.end());
    const auto open = [&](const char* name, const WeightNames& rounded_inputs) -> Result<std::unique_ptr<ModelFile>> {
      namespace fs = std::filesystem;
      const fs::path folder = MeasuringFolder() / name;
      std::error_code error;
      fs::create_directories(folder, error);
      if (!error) fs::create_hard_link(fs::path(out_) / "model.safetensors", folder / "model.safetensors", error);
      if (error) return Fail(ErrorCode::kIo, "{}: {}", folder.string(), error.message());
      STRATA_CHECK(writer.WriteConfig(folder.string(), rounded_inputs));
      return ModelFile::Open(folder.string());
    };
    return Measure(open("whole", {}), open("rounded", all), groups);
  }

  Status Measure(Result<std::unique_ptr<ModelFile>> whole, const Result<std::unique_ptr<ModelFile>>& rounded,
                 std::vector<InputGroup>& groups) {
    std::error_code error;
    std::filesystem::remove_all(MeasuringFolder(), error);  // what was opened stays
    if (!whole) return std::unexpected(whole.error());
    if (!rounded) return std::unexpected(rounded.error());
    const auto progress = [&](double fraction) {
      if (options_.progress) options_.progress(fraction, "measuring");
    };
    return MeasureLosses(*workers_, std::move(*whole), **rounded, {options_.calibration, options_.window}, threads_,
                         progress, groups);
  }

  Status WriteBlocks(const BlockScheme& scheme) {
    Importance importance;
    STRATA_CHECK(
        Calibrated([&](const graph::Graph&, const LinearWeights&, const Calibration& calibration) -> Result<Tensors> {
          for (const auto& [name, inputs] : calibration) {
            std::vector<float>& squares = importance[name];
            for (std::int64_t c = 0; c < inputs->columns(); ++c) squares.push_back(inputs->gram(c, c));
          }
          return Tensors();
        }));
    STRATA_TRY(const graph::Graph graph, models::BuildGraph(*model_));
    STRATA_TRY(BlocksWritten written,
               WriteGgufBlocks(in_, out_, scheme, FindLinearWeights(graph, *model_), importance));
    report_.bytes_after = written.bytes;
    report_.tensors = std::move(written.reports);
    return {};
  }

  std::string in_, out_;
  const Options& options_;
  std::shared_ptr<const ModelFile> model_;
  int threads_ = 1;
  std::unique_ptr<Workers> workers_;
  Report report_;
};

}  // namespace

Result<Report> Quantize(const std::string& in, const std::string& out, const Options& options) {
  return Job(in, out, options).Run();
}

}  // namespace strata::quantize
