#include "quantize/rounding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quantize/round_in_turn.h"
#include "quantize/smoothing.h"
#include "tensor/convert.h"

namespace strata::quantize {
namespace {

constexpr double kImportances[] = {0, 0.25, 0.5, 0.75};  ///< the first: as it is

/// The scheme's group where it divides the columns, else half of it and so on, down to 32.
Result<GroupFormat> FormatFor(GroupFormat format, std::string_view name, std::int64_t columns) {
  if (format.group == 0) return format;
  std::int64_t group = format.group;
  while (group > 32 && columns % group != 0) group = std::max<std::int64_t>(32, group / 2 / 32 * 32);
  if (columns % group != 0) {
    return Fail(ErrorCode::kUnsupported, "{} has {} inputs, which groups of 32 do not divide", name, columns);
  }
  format.group = group;
  return format;
}

Matrix Difference(const Matrix& a, const Matrix& b) {
  Matrix out = a;
  for (std::size_t i = 0; i < out.values.size(); ++i) out.values[i] -= b.values[i];
  return out;
}

double ErrorOf(Workers& workers, const Matrix& weight, const RoundedGroups& rounded, const InputStatistics& inputs) {
  return OutputError(workers, Difference(weight, rounded.Dequantize()).values.data(), weight.rows, inputs);
}

double BitsOf(const RoundedGroups& rounded) {
  const GroupFormat& format = rounded.format;
  const double scale = 16 + (format.symmetric ? 0 : format.bits);
  return format.bits + scale / static_cast<double>(format.group_of(rounded.columns));
}

class Rounding {
 public:
  Rounding(Workers& workers, const ModelFile& model, const Calibration& calibration, const RoundingOptions& options)
      : workers_(workers), model_(model), calibration_(calibration), options_(options) {}

  Result<RoundedLayers> Run(const std::vector<std::string>& names, const std::vector<ScaledInput>& scaled) {
    for (const std::string& name : names) {
      Weight weight;
      STRATA_TRY(weight.matrix, ReadMatrix(model_, name));
      STRATA_TRY(weight.format, FormatFor(options_.scheme.weights, name, weight.matrix.columns));
      weight.inputs = calibration_.at(name);
      weights_.emplace(name, std::move(weight));
    }
    // A linear's own inputs first: what it is the source of reads its scaled rows.
    for (const bool norms : {true, false}) {
      for (const ScaledInput& input : scaled) {
        if (input.source_is_norm == norms) STRATA_CHECK(Scale(input));
      }
    }
    return RoundAll();
  }

 private:
  struct Rounded {
    RoundedGroups groups;
    TensorReport report;
  };

  struct Weight {
    Matrix matrix;
    GroupFormat format;
    std::shared_ptr<const InputStatistics> inputs;
    Rounded rounded;
  };
  using Weights = std::map<std::string, Weight, std::less<>>;

  Status Scale(const ScaledInput& input) {
    std::vector<Weight*> readers;
    for (const std::string& name : input.readers) {
      const auto found = weights_.find(name);
      if (found == weights_.end()) return {};
      readers.push_back(&found->second);
    }
    const auto source = weights_.find(input.source);
    if (!input.source_is_norm && source == weights_.end()) return {};
    const std::vector<float> scales = ChooseScales(readers);
    if (scales.empty()) return {};
    if (input.source_is_norm) {
      STRATA_TRY(Matrix norm, ReadMatrix(model_, input.source));
      const auto offset = static_cast<float>(model_.config().norm_offset);
      for (std::size_t c = 0; c < scales.size(); ++c) norm.values[c] = (norm.values[c] + offset) / scales[c] - offset;
      out_.vectors.emplace(input.source, std::move(norm.values));
    } else {
      DivideRows(source->second.matrix, scales);
    }
    const auto inputs = std::make_shared<const InputStatistics>(readers.front()->inputs->DividedBy(scales));
    for (Weight* reader : readers) {
      ScaleColumns(reader->matrix, scales);
      reader->inputs = inputs;
    }
    return {};
  }

  /// Empty: none are better.
  std::vector<float> ChooseScales(const std::vector<Weight*>& readers) const {
    // A float's step is in proportion to its size, whatever the scale.
    if (options_.scheme.weights.type == LevelType::kFloat8) return {};
    const InputStatistics& inputs = *readers.front()->inputs;
    if (options_.scheme.round_activations) {
      std::vector<const Matrix*> matrices;
      matrices.reserve(readers.size());
      for (const Weight* reader : readers) matrices.push_back(&reader->matrix);
      return SmoothingScales(workers_, inputs, matrices);
    }
    std::vector<float> best;
    double best_error = std::numeric_limits<double>::infinity();
    for (const double importance : kImportances) {
      std::vector<float> scales = ImportanceScales(inputs, importance);
      const InputStatistics divided = inputs.DividedBy(scales);
      double error = 0;
      for (const Weight* reader : readers) {
        Matrix matrix = reader->matrix;
        ScaleColumns(matrix, scales);
        error += ErrorOf(workers_, matrix, RoundToNearest(workers_, matrix, reader->format, &divided), divided);
      }
      if (error >= best_error) continue;
      best_error = error;
      best = importance == 0 ? std::vector<float>() : std::move(scales);
    }
    return best;
  }

  Rounded RoundOne(const std::string& name, const Weight& weight, const Compensation& compensation) const {
    RoundedGroups nearest = RoundToNearest(workers_, weight.matrix, weight.format, weight.inputs.get());
    RoundedGroups in_turn = RoundInTurn(workers_, weight.matrix, nearest, compensation);
    const double nearest_error = ErrorOf(workers_, weight.matrix, nearest, *weight.inputs);
    const double in_turn_error = ErrorOf(workers_, weight.matrix, in_turn, *weight.inputs);
    const bool better = in_turn_error < nearest_error;
    Rounded rounded{better ? std::move(in_turn) : std::move(nearest), {}};
    rounded.report =
        Report(name, weight, rounded.groups, better ? "in turn" : "to nearest", std::min(nearest_error, in_turn_error));
    return rounded;
  }

  Rounded RoundFiner(const std::string& name, const Weight& weight) const {
    GroupFormat format = weight.format;
    format.bits = 8;
    Rounded rounded{RoundToNearest(workers_, weight.matrix, format, weight.inputs.get()), {}};
    rounded.report = Report(name, weight, rounded.groups, "to nearest",
                            ErrorOf(workers_, weight.matrix, rounded.groups, *weight.inputs));
    return rounded;
  }

  TensorReport Report(const std::string& name, const Weight& weight, const RoundedGroups& rounded,
                      std::string_view method, double error) const {
    const double all = OutputError(workers_, weight.matrix.values.data(), weight.matrix.rows, *weight.inputs);
    return {.name = name,
            .method = std::string(method),
            .bits = BitsOf(rounded),
            .error = all > 0 ? std::sqrt(error / all) : 0};
  }

  RoundedLayers RoundAll() {
    std::map<const InputStatistics*, std::vector<Weights::value_type*>> by_inputs;
    for (Weights::value_type& named : weights_) by_inputs[named.second.inputs.get()].push_back(&named);
    std::map<std::string, std::vector<std::string>, std::less<>> groups;
    for (const auto& [inputs, readers] : by_inputs) {
      const Compensation compensation = CompensationOf(workers_, *inputs);
      std::vector<std::string>& group = groups[StackName(readers.front()->first)];
      for (Weights::value_type* const named : readers) {
        named->second.rounded = RoundOne(named->first, named->second, compensation);
        if (options_.with_finer) {
          Rounded finer = RoundFiner(named->first, named->second);
          out_.finer.emplace(named->first, std::move(finer.groups));
          out_.finer_reports.push_back(std::move(finer.report));
        }
        group.push_back(named->first);
      }
    }
    for (auto& [name, group] : groups) {
      std::ranges::sort(group);
      out_.by_input.push_back(std::move(group));
    }
    for (auto& [name, weight] : weights_) {
      out_.weights.emplace(name, std::move(weight.rounded.groups));
      out_.reports.push_back(std::move(weight.rounded.report));
    }
    return std::move(out_);
  }

  Workers& workers_;
  const ModelFile& model_;
  const Calibration& calibration_;
  const RoundingOptions& options_;
  Weights weights_;
  RoundedLayers out_;
};

}  // namespace

Result<Matrix> ReadMatrix(const ModelFile& model, std::string_view name) {
  const TensorView* tensor = model.FindTensor(name);
  if (tensor == nullptr) return Fail(ErrorCode::kNotFound, "{}: there is no tensor {}", model.path(), name);
  Matrix matrix{tensor->shape.rows(), tensor->shape.cols(), {}};
  STRATA_TRY(matrix.values, DequantizeTensor(*tensor), "{}: tensor {}", model.path(), name);
  return matrix;
}

Result<RoundedLayers> RoundLayers(Workers& workers, const ModelFile& model, const std::vector<std::string>& weights,
                                  const std::vector<ScaledInput>& scaled, const Calibration& calibration,
                                  const RoundingOptions& options) {
  return Rounding(workers, model, calibration, options).Run(weights, scaled);
}

}  // namespace strata::quantize
