// What a GGUF file says of models that do not generate: ARCHITECTURE.pooling_type.
#include <algorithm>

#include "formats/gguf_family.h"

namespace strata {
namespace {

/// llama.cpp's enum llama_pooling_type.
enum PoolingType : std::int64_t { kNone = 0, kMean = 1, kCls = 2, kLast = 3, kRank = 4 };

/// Labels of a classifier: rows of its last linear.
std::int64_t LabelsOf(const GgufFile& file) {
  const auto found = std::ranges::find(file.tensors(), "cls.output.weight", &GgufTensor::name);
  return found == file.tensors().end() ? 0 : found->view.shape.rows();
}

}  // namespace

Status ReadGgufPooling(const GgufFields& fields, const GgufFile& file, ModelConfig& config) {
  STRATA_TRY(const auto type, fields.Find<std::int64_t>("pooling_type"));
  if (config.task == ModelTask::kGenerate && type.value_or(kNone) == kNone) return {};
  config.task = ModelTask::kEmbed;
  config.pooling.normalize = true;  // files do not say; llama.cpp's server does it
  switch (type.value_or(kMean)) {
    case kNone:
      config.pooling.pooling = Pooling::kNone;
      return {};
    case kMean:
      config.pooling.pooling = Pooling::kMean;
      return {};
    case kLast:
      config.pooling.pooling = Pooling::kLast;
      return {};
    case kRank:
      config.task = ModelTask::kClassify;
      config.pooling.labels = LabelsOf(file);
      if (config.pooling.labels == 0)
        return Fail(ErrorCode::kCorrupt, "{}: tensor cls.output.weight is missing", file.path());
      config.pooling.sigmoid = config.pooling.labels == 1;
      [[fallthrough]];
    case kCls:
      config.pooling.pooling = Pooling::kFirst;
      return {};
    default:
      return fields.Bad(ErrorCode::kUnsupported, "pooling_type", "{} is not supported", *type);
  }
}

}  // namespace strata
