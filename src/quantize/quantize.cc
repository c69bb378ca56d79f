#include "quantize/quantize.h"

#include <filesystem>
#include <set>

#include "base/memory_limit.h"
#include "base/thread_team.h"
#include "formats/model_file.h"
#include "quantize/calibration.h"
#include "quantize/linear_weights.h"
#include "quantize/write_blocks.h"
#include "quantize/write_folder.h"
#include "runtime/model_runner.h"

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
    STRATA_TRY(weights_, FindLinearWeights(*model_));
    STRATA_TRY(runner_, ModelRunner::Load(model_, {.threads = options_.threads,
                                                   .max_context = options_.window,
                                                   .max_sequences = 1,
                                                   .max_step_tokens = options_.window}));
    for (const ModelTensor& tensor : model_->tensors()) report_.bytes_before += tensor.view.bytes();
    const auto* integers = std::get_if<IntegerScheme>(&options_.scheme.kind);
    STRATA_CHECK(integers != nullptr ? WriteIntegers(*integers)
                                     : WriteBlocks(std::get<BlockScheme>(options_.scheme.kind)));
    return std::move(report_);
  }

 private:
  /// Calls `work(names, their calibration)` for a few layers after another.
  template <class Work>
  Status ForLayers(const Work& work) {
    const std::uint64_t bytes =
        options_.statistics_bytes != 0 ? options_.statistics_bytes : ReadMemoryLimit().available_bytes / 4;
    const auto groups = GroupByLayers(*model_, weights_.hidden, bytes);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto progress = [&](double fraction) {
        if (!options_.progress) return;
        options_.progress((static_cast<double>(g) + fraction) / static_cast<double>(groups.size()), "calibrating");
      };
      const std::set<std::string, std::less<>> names(groups[g].begin(), groups[g].end());
      STRATA_TRY(const Calibration calibration,
                 Calibrate(*runner_, options_.calibration, options_.window, names, progress));
      STRATA_CHECK(work(groups[g], calibration));
    }
    return {};
  }

  Status WriteIntegers(const IntegerScheme& scheme) {
    STRATA_TRY(const std::vector<ScaledInput> scaled, FindScaledInputs(*model_));
    const RoundingOptions rounding{
        .scheme = scheme, .max_error = options_.max_error, .threads = runner_->options().threads};
    RoundedLayers all;
    STRATA_CHECK(ForLayers([&](const std::vector<std::string>& names, const Calibration& calibration) -> Status {
      STRATA_TRY(RoundedLayers rounded, RoundLayers(*model_, names, scaled, calibration, rounding));
      all.weights.merge(rounded.weights);
      all.vectors.merge(rounded.vectors);
      report_.tensors.insert(report_.tensors.end(), rounded.reports.begin(), rounded.reports.end());
      return {};
    }));
    runner_.reset();
    STRATA_TRY(report_.bytes_after, WriteFolder(*model_, in_, out_, std::move(all), scheme.int8_activations));
    return {};
  }

  Status WriteBlocks(const BlockScheme& scheme) {
    Importance importance;
    STRATA_CHECK(ForLayers([&](const std::vector<std::string>&, const Calibration& calibration) -> Status {
      for (const auto& [name, inputs] : calibration) {
        std::vector<float>& squares = importance[name];
        for (std::int64_t c = 0; c < inputs->columns(); ++c) squares.push_back(inputs->gram(c, c));
      }
      return {};
    }));
    runner_.reset();
    STRATA_TRY(BlocksWritten written, WriteGgufBlocks(in_, out_, scheme, weights_, importance));
    report_.bytes_after = written.bytes;
    report_.tensors = std::move(written.reports);
    return {};
  }

  std::string in_, out_;
  const Options& options_;
  std::shared_ptr<const ModelFile> model_;
  std::unique_ptr<ModelRunner> runner_;
  LinearWeights weights_;
  Report report_;
};

}  // namespace

Result<Report> Quantize(const std::string& in, const std::string& out, const Options& options) {
  return Job(in, out, options).Run();
}

}  // namespace strata::quantize
