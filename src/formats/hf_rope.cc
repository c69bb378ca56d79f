// config.json's rotary positions, as transformers' modeling_rope_utils standardises and reads them.
#include <algorithm>
#include <cmath>

#include "formats/hf_config.h"

namespace strata {
namespace {

using Kind = RopeScaling::Kind;

class RopeReader {
 public:
  RopeReader(const JsonFields& fields, const JsonFields& rope, const HfFamily& family, ModelConfig& config)
      : fields_(fields), rope_(rope), family_(family), config_(config), scaling_(config.rope_scaling) {}

  Status Read() {
    STRATA_CHECK(ReadTheta());
    STRATA_CHECK(ReadPartial());
    STRATA_CHECK(RefuseNested());
    STRATA_TRY(const auto rope_type, rope_.String("rope_type"));
    STRATA_TRY(const auto old_type, rope_.String("type"));
    const std::string type = rope_type.value_or(old_type.value_or("default"));
    if (type == "default") return {};
    if (type == "linear") return ReadFactor(Kind::kLinear);
    if (type == "dynamic") return ReadFactor(Kind::kDynamic);
    if (type == "llama3") return ReadLlama3();
    if (type == "yarn") return ReadYarn();
    if (type == "longrope" || type == "su") return ReadLongRope();  // an old name
    return rope_.Bad(ErrorCode::kUnsupported, rope_type ? "rope_type" : "type",
                     "{} is not supported (supported: default, linear, dynamic, llama3, yarn, longrope)", type);
  }

 private:
  Status ReadTheta() {
    STRATA_TRY(const auto inner, rope_.Number("rope_theta"));
    STRATA_TRY(const auto outer, fields_.Number(family_.rope_theta_field));
    config_.rope_theta = inner.value_or(outer.value_or(family_.rope_theta));
    if (config_.rope_theta > 1) return {};
    return (inner ? rope_ : fields_).Bad(ErrorCode::kCorrupt, "rope_theta", "is {}", config_.rope_theta);
  }

  /// The parameters' own field wins.
  Status ReadPartial() {
    if (std::ranges::find(family_.fields, "partial_rotary_factor") == family_.fields.end()) {
      STRATA_CHECK(RefusePartial(fields_));
      return RefusePartial(rope_);
    }
    const JsonFields& from = rope_.Find("partial_rotary_factor") != nullptr ? rope_ : fields_;
    STRATA_TRY(const double factor, ReadPositive(from, "partial_rotary_factor", family_.rotary_factor));
    config_.rotary_dim = static_cast<std::int64_t>(static_cast<double>(config_.head_dim) * std::min(factor, 1.0));
    if (factor <= 1 && config_.rotary_dim > 0 && config_.rotary_dim % 2 == 0) return {};
    return from.Bad(ErrorCode::kUnsupported, "partial_rotary_factor", "{} of heads of {} elements", factor,
                    config_.head_dim);
  }

  /// transformers' Llama ignores the field or fails on it, vLLM rotates a part: there is no one right result.
  static Status RefusePartial(const JsonFields& fields) {
    STRATA_TRY(const auto factor, fields.Number("partial_rotary_factor"));
    if (factor.value_or(1) == 1) return {};
    return fields.Bad(ErrorCode::kUnsupported, "partial_rotary_factor", "{} is not supported", *factor);
  }

  /// transformers 5 nests one set of parameters for each kind of layer.
  Status RefuseNested() const {
    for (const auto& [key, value] : rope_.json().items()) {
      if (value.is_object()) {
        return rope_.Bad(ErrorCode::kUnsupported, key, "positions that differ between layers are not supported");
      }
    }
    return {};
  }

  Result<double> Required(std::string_view field) const {
    STRATA_TRY(const auto value, rope_.Number(field));
    if (!value) return rope_.Bad(ErrorCode::kCorrupt, field, "is missing");
    if (!(*value > 0)) return rope_.Bad(ErrorCode::kCorrupt, field, "is {}", *value);
    return *value;
  }

  Status ReadFactor(Kind kind) {
    scaling_.kind = kind;
    STRATA_TRY(scaling_.factor, Required("factor"));
    return {};
  }

  /// The config's own field wins over the one among the parameters; without either it is max_position_embeddings.
  Status ReadOriginalLength() {
    STRATA_TRY(const auto outer, fields_.Integer("original_max_position_embeddings"));
    STRATA_TRY(const auto inner, rope_.Integer("original_max_position_embeddings"));
    scaling_.original_max_positions = outer ? *outer : inner.value_or(config_.max_positions);
    if (scaling_.original_max_positions > 0) return {};
    return (outer ? fields_ : rope_)
        .Bad(ErrorCode::kCorrupt, "original_max_position_embeddings", "is {}", scaling_.original_max_positions);
  }

  /// A factor of null stands for the ratio of the two lengths.
  Status ReadFactorOrRatio() {
    if (rope_.Find("factor") != nullptr) {
      STRATA_TRY(scaling_.factor, Required("factor"));
    } else {
      scaling_.factor =
          static_cast<double>(config_.max_positions) / static_cast<double>(scaling_.original_max_positions);
    }
    return {};
  }

  Status ReadLlama3() {
    STRATA_CHECK(ReadFactor(Kind::kLlama3));
    STRATA_CHECK(ReadOriginalLength());
    STRATA_TRY(scaling_.low_freq_factor, Required("low_freq_factor"));
    STRATA_TRY(scaling_.high_freq_factor, Required("high_freq_factor"));
    if (scaling_.high_freq_factor > scaling_.low_freq_factor) return {};
    return rope_.Bad(ErrorCode::kCorrupt, "high_freq_factor", "{} must be greater than low_freq_factor {}",
                     scaling_.high_freq_factor, scaling_.low_freq_factor);
  }

  Status ReadYarn() {
    scaling_.kind = Kind::kYarn;
    STRATA_CHECK(ReadOriginalLength());
    STRATA_CHECK(ReadFactorOrRatio());
    STRATA_TRY(const auto attention, rope_.Number("attention_factor"));
    STRATA_TRY(const auto mscale, rope_.Number("mscale"));
    STRATA_TRY(const auto mscale_all, rope_.Number("mscale_all_dim"));
    scaling_.mscale_all_dim = mscale_all.value_or(0);
    if (attention) {
      scaling_.attention_factor = *attention;
    } else if (mscale.value_or(0) != 0 && mscale_all.value_or(0) != 0) {
      scaling_.attention_factor =
          YarnAttentionFactor(scaling_.factor, *mscale) / YarnAttentionFactor(scaling_.factor, *mscale_all);
    } else {
      scaling_.attention_factor = YarnAttentionFactor(scaling_.factor);
    }
    // transformers takes 0 for "not given".
    if (rope_.Find("beta_fast") != nullptr && rope_.json()["beta_fast"] != 0) {
      STRATA_TRY(scaling_.beta_fast, Required("beta_fast"));
    }
    if (rope_.Find("beta_slow") != nullptr && rope_.json()["beta_slow"] != 0) {
      STRATA_TRY(scaling_.beta_slow, Required("beta_slow"));
    }
    STRATA_TRY(const auto truncate, rope_.Boolean("truncate"));
    scaling_.truncate = truncate.value_or(true);
    return {};
  }

  /// Beyond the original length longrope takes other factors for all positions, so that what the cache holds would no
  /// longer be right: contexts end there.
  Status ReadLongRope() {
    scaling_.kind = Kind::kLongRope;
    STRATA_CHECK(ReadOriginalLength());
    STRATA_CHECK(ReadFactorOrRatio());
    STRATA_TRY(const auto attention, rope_.Number("attention_factor"));
    const double log_original = std::log(static_cast<double>(scaling_.original_max_positions));
    scaling_.attention_factor = attention              ? *attention
                                : scaling_.factor <= 1 ? 1
                                                       : std::sqrt(1 + std::log(scaling_.factor) / log_original);
    STRATA_TRY(const auto divisors, rope_.Numbers("short_factor"));
    if (!divisors || static_cast<std::int64_t>(divisors->size()) != config_.rotary_dim / 2 ||
        std::ranges::any_of(*divisors, [](double divisor) { return !(divisor > 0); })) {
      return rope_.Bad(ErrorCode::kCorrupt, "short_factor", "must be {} positive numbers", config_.rotary_dim / 2);
    }
    scaling_.frequency_divisors.assign(divisors->begin(), divisors->end());
    config_.max_positions = std::min(config_.max_positions, scaling_.original_max_positions);
    return {};
  }

  const JsonFields& fields_;
  const JsonFields& rope_;
  const HfFamily& family_;
  ModelConfig& config_;
  RopeScaling& scaling_;
};

/// Of sliding layers that have positions of their own; before version 5 of transformers rope_local_base_freq.
Status ReadLocalTheta(const JsonFields& fields, const JsonFields& rope, const HfFamily& family, ModelConfig& config) {
  for (const std::string_view key : {"rope_type", "type"}) {
    STRATA_TRY(const auto type, rope.String(key));
    if (type.value_or("default") != "default")
      return rope.Bad(ErrorCode::kUnsupported, key, "{} is not supported for sliding layers", *type);
  }
  const bool inner = rope.Find("rope_theta") != nullptr;
  const JsonFields& from = inner ? rope : fields;
  const std::string_view key = inner ? "rope_theta" : family.local_theta_field;
  STRATA_TRY(config.local_rope_theta, ReadPositive(from, key, 10000));
  if (*config.local_rope_theta > 1) return {};
  return from.Bad(ErrorCode::kCorrupt, key, "is {}", *config.local_rope_theta);
}

}  // namespace

Status ReadHuggingFaceRope(const JsonFields& fields, const HfFamily& family, ModelConfig& config) {
  static const nlohmann::json kNothing = nlohmann::json::object();
  const JsonFields empty(kNothing, "");
  // An old rope_scaling wins where both are written, unless it is empty.
  STRATA_TRY(const auto old, fields.Object("rope_scaling"));
  STRATA_TRY(const auto now, fields.Object("rope_parameters"));
  const bool scaled = old && !old->json().empty();
  if (!family.rope_by_kind) {
    return RopeReader(fields, scaled ? *old : now ? *now : empty, family, config).Read();
  }
  if (!now) {
    STRATA_CHECK(ReadLocalTheta(fields, empty, family, config));
    return RopeReader(fields, scaled ? *old : empty, family, config).Read();
  }
  if (scaled) return fields.Bad(ErrorCode::kUnsupported, "rope_scaling", "beside rope_parameters");
  for (const auto& [key, value] : now->json().items()) {
    if (key != "full_attention" && key != "sliding_attention")
      return now->Bad(ErrorCode::kUnsupported, key, "positions must be those of a kind of layers");
  }
  STRATA_TRY(const auto full, now->Object("full_attention"));
  STRATA_TRY(const auto sliding, now->Object("sliding_attention"));
  STRATA_CHECK(ReadLocalTheta(fields, sliding.value_or(empty), family, config));
  return RopeReader(fields, full.value_or(empty), family, config).Read();
}

}  // namespace strata
