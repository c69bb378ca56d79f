#include "quantize/quantize.h"

#include <filesystem>

#include "base/thread_team.h"
#include "formats/model_file.h"
#include "models/models.h"
#include "quantize/calibration.h"
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
    const RoundingOptions rounding{.scheme = scheme, .max_error = options_.max_error};
    RoundedLayers all;
    STRATA_CHECK(Calibrated([&](const graph::Graph& stage, const LinearWeights& weights,
                                const Calibration& calibration) -> Result<Tensors> {
      STRATA_TRY(RoundedLayers rounded,
                 RoundLayers(*workers_, *model_, weights.hidden, FindScaledInputs(stage), calibration, rounding));
      Tensors changed;
      for (const auto& [name, weight] : rounded.weights) changed.emplace(name, weight.Dequantize());
      for (const auto& [name, vector] : rounded.vectors) changed.emplace(name, Matrix{1, std::ssize(vector), vector});
      all.rounded_inputs.merge(rounded.rounded_inputs);
      all.kept.insert(all.kept.end(), weights.routers.begin(), weights.routers.end());
      all.weights.merge(rounded.weights);
      all.vectors.merge(rounded.vectors);
      report_.tensors.insert(report_.tensors.end(), rounded.reports.begin(), rounded.reports.end());
      return changed;
    }));
    STRATA_TRY(report_.bytes_after, WriteFolder(*model_, in_, out_, std::move(all)));
    return {};
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
