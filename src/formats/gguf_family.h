// Inside formats: what is particular to each architecture of GGUF files. One file a family, gguf_family_NAME.cc; the
// list is in gguf_model.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/gguf.h"
#include "formats/model_config.h"

namespace strata {

/// The metadata keys that begin with the architecture's name.
class GgufFields {
 public:
  GgufFields(const GgufFile& file, std::string architecture) : file_(file), architecture_(std::move(architecture)) {}

  std::string Key(std::string_view name) const { return fmt::format("{}.{}", architecture_, name); }
  /// nullopt when missing. Errors: kCorrupt when it has another type.
  template <class T>
  Result<std::optional<T>> Find(std::string_view name) const {
    return file_.Find<T>(Key(name));
  }
  /// Errors: kCorrupt when it is missing, or not between 1 and 2^30.
  Result<std::int64_t> Positive(std::string_view name) const;
  /// Errors: kCorrupt when it is less than `least` or more than 2^30.
  Result<std::int64_t> IntegerOr(std::string_view name, std::int64_t otherwise, std::int64_t least) const;
  Result<double> NumberOr(std::string_view name, double otherwise) const;
  /// Errors: kCorrupt also when it is less than 0 or not finite.
  Result<double> FactorOr(std::string_view name, double otherwise) const;
  template <class... Args>
  std::unexpected<Error> Bad(ErrorCode code, std::string_view name, fmt::format_string<Args...> format,
                             Args&&... args) const {
    return Fail(code, "{}: {} {}", file_.path(), Key(name), fmt::format(format, std::forward<Args>(args)...));
  }
  const std::string& path() const { return file_.path(); }

 private:
  const GgufFile& file_;
  std::string architecture_;
};

/// attention.sliding_window as that of every layer. Errors: kCorrupt.
Status ReadOneWindow(const GgufFields& fields, ModelConfig& config);

struct GgufFamily {
  std::string_view architecture;
  RopeLayout rope_layout = RopeLayout::kHalves;  ///< as the converter leaves Q and K
  std::string_view norm_epsilon = "attention.layer_norm_rms_epsilon";
  /// Keys that change what is computed, are refused of other families, and that `read` understands.
  std::span<const std::string_view> fields = {};
  /// Completes the config, which has what all families share. Errors: kCorrupt and kUnsupported with the key.
  Status (*read)(const GgufFields& fields, const GgufFile& file, ModelConfig& config) = nullptr;
};

extern const GgufFamily kGgufBert, kGgufDeepseek2, kGgufGemma2, kGgufGemma3, kGgufGlm4, kGgufGptOss, kGgufGranite,
    kGgufGraniteMoe, kGgufLlama, kGgufLlama4, kGgufOlmo2, kGgufOlmoe, kGgufPhi3, kGgufQwen2, kGgufQwen2Moe, kGgufQwen3,
    kGgufQwen3Moe, kGgufSmolLM3;

/// For `read`: the keys expert_*, of a file that has any; `normalize` is what the architecture does where the file is
/// silent, as `scoring`. Errors: kCorrupt and kUnsupported with the key.
Result<std::optional<ExpertsConfig>> ReadGgufExperts(const GgufFields& fields, const ModelConfig& config,
                                                     ExpertsConfig::Scoring scoring, bool normalize);

/// Errors: kCorrupt where groups are not equal, or there are fewer experts in those that are used than are used.
Status CheckExpertGroups(const GgufFields& fields, const ExpertsConfig& experts);

/// `config` has its architecture's task; a file that names a way of pooling is of an embedding model or a classifier.
/// Errors: as of `read`.
Status ReadGgufPooling(const GgufFields& fields, const GgufFile& file, ModelConfig& config);

}  // namespace strata
