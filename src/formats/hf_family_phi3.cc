// Phi-3, 3.5, 4 and 4-mini: Llamas whose projections are stored as one, that may rotate a part of each head and have a
// window in every layer.
#include "formats/hf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"sliding_window", "layer_types", "partial_rotary_factor"};

constexpr HfModule kModules[] = {{"self_attn.qkv_proj", "attn_qkv"}, {"mlp.gate_up_proj", "ffn_gate_up"}};

/// What the class makes of positions: every scaling is longrope, whose original length is a field of its own.
Status CheckPositions(const JsonFields& fields) {
  for (const std::string_view field : {"rope_scaling", "rope_parameters"}) {
    STRATA_TRY(const auto rope, fields.Object(field));
    if (!rope) continue;
    for (const std::string_view key : {"rope_type", "type"}) {
      STRATA_TRY(const auto type, rope->String(key));
      if (!type || *type == "default") continue;
      if (*type != "longrope" && *type != "su")
        return rope->Bad(ErrorCode::kUnsupported, key, "{} is not supported (supported: longrope)", *type);
      if (fields.Find("original_max_position_embeddings") == nullptr)
        return fields.Bad(ErrorCode::kCorrupt, "original_max_position_embeddings", "is missing");
    }
  }
  return {};
}

Status Read(const JsonFields& fields, ModelConfig& config) {
  STRATA_CHECK(CheckPositions(fields));
  return ReadOneWindow(fields, 0, config);
}

}  // namespace

constexpr HfFamily kHfPhi3 = {.model_type = "phi3",
                              .class_name = "Phi3ForCausalLM",
                              .architecture = "phi3",
                              .max_positions = 4096,
                              .norm_eps = 1e-5,
                              .fields = kFields,
                              .read = Read,
                              .layer_modules = kModules};

}  // namespace strata
