#include "formats/hf_names.h"

#include <charconv>

namespace strata {
namespace {

constexpr HfModule kModules[] = {{"embed_tokens", "token_embd"}, {"norm", "output_norm"}, {"lm_head", "output"}};

constexpr HfModule kLayerModules[] = {
    {"input_layernorm", "attn_norm"}, {"self_attn.q_proj", "attn_q"},      {"self_attn.k_proj", "attn_k"},
    {"self_attn.v_proj", "attn_v"},   {"self_attn.o_proj", "attn_output"}, {"post_attention_layernorm", "ffn_norm"},
    {"mlp.gate_proj", "ffn_gate"},    {"mlp.up_proj", "ffn_up"},           {"mlp.down_proj", "ffn_down"}};

constexpr HfTensor kLayerTensors[] = {{"mlp.gate.e_score_correction_bias", "exp_probs_b.bias"}};

constexpr std::string_view kTextModel = "language_model.";
constexpr std::string_view kOurLayer = "blk.";

/// Cuts a number off the front, which a dot or the end must follow.
std::optional<std::string_view> TakeNumber(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  if (end == 0 || (end < text.size() && text[end] != '.')) return std::nullopt;
  const std::string_view number = text.substr(0, end);
  text.remove_prefix(end);
  return number;
}

/// `name` by `from`, put into `to`; nullopt when it does not fit.
std::optional<std::string> Renamed(std::string_view name, std::string_view from, std::string_view to) {
  const std::size_t star = from.find('*');
  if (star == std::string_view::npos) return name == from ? std::optional<std::string>(to) : std::nullopt;
  if (!name.starts_with(from.substr(0, star))) return std::nullopt;
  name.remove_prefix(star);
  const auto number = TakeNumber(name);
  if (!number || name != from.substr(star + 1)) return std::nullopt;
  const std::size_t place = to.find('*');
  return fmt::format("{}{}{}", to.substr(0, place), *number, to.substr(place + 1));
}

using Side = std::string_view HfModule::*;

std::optional<std::string> Lookup(std::string_view name, std::initializer_list<std::span<const HfModule>> tables,
                                  Side from, Side to) {
  for (const std::span<const HfModule> table : tables) {
    for (const HfModule& module : table) {
      if (auto renamed = Renamed(name, module.*from, module.*to)) return renamed;
    }
  }
  return std::nullopt;
}

/// ".weight", ".bias": TensorFlow's layer norms, as old checkpoints of BERT have them, have a gamma and a beta.
std::string_view PartNamed(std::string_view stored) {
  return stored == ".gamma" ? ".weight" : stored == ".beta" ? ".bias" : stored;
}

}  // namespace

Result<std::optional<std::string>> HfNames::Canonical(std::string_view stored) const {
  const std::size_t dot = stored.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const std::string_view part = PartNamed(stored.substr(dot));
  std::string_view module = stored.substr(0, dot);
  if (const auto ours = Lookup(module, {head_modules()}, &HfModule::theirs, &HfModule::ours)) {
    return fmt::format("{}{}", *ours, part);
  }
  for (const std::string_view prefix : {kTextModel, family_->prefix, kTextModel}) {
    if (module.starts_with(prefix)) module.remove_prefix(prefix.size());
  }
  if (!module.starts_with(family_->layers)) {
    const auto ours = Lookup(module, {family_->modules, kModules}, &HfModule::theirs, &HfModule::ours);
    return ours ? std::optional(fmt::format("{}{}", *ours, part)) : std::nullopt;
  }
  module.remove_prefix(family_->layers.size());
  const auto digits = TakeNumber(module);
  std::int64_t layer = -1;
  if (digits) std::from_chars(digits->data(), digits->data() + digits->size(), layer);
  if (layer < 0 || layer >= layers_ || !module.starts_with('.')) return std::nullopt;
  module.remove_prefix(1);
  const std::string tensor = fmt::format("{}{}", module, part);
  if (const auto ours = Lookup(tensor, {family_->layer_tensors, kLayerTensors}, &HfModule::theirs, &HfModule::ours)) {
    return fmt::format("{}{}.{}", kOurLayer, layer, *ours);
  }
  const auto ours = Lookup(module, {family_->layer_modules, kLayerModules}, &HfModule::theirs, &HfModule::ours);
  if (ours) return fmt::format("{}{}.{}{}", kOurLayer, layer, *ours, part);
  if (part != ".weight" && part != ".bias") return std::nullopt;
  return Fail(ErrorCode::kUnsupported, "tensor {}: the layers of a {} have no {}", stored, family_->model_type, module);
}

std::string HfNames::Stored(std::string_view canonical) const {
  const std::size_t dot = canonical.rfind('.');
  if (dot == std::string_view::npos) return std::string(canonical);
  std::string_view module = canonical.substr(0, dot);
  const std::string_view part = canonical.substr(dot);
  if (const auto theirs = Lookup(module, {head_modules()}, &HfModule::ours, &HfModule::theirs)) {
    return fmt::format("{}{}", *theirs, part);
  }
  if (!module.starts_with(kOurLayer)) {
    const auto theirs = Lookup(module, {family_->modules, kModules}, &HfModule::ours, &HfModule::theirs);
    if (!theirs) return std::string(canonical);
    return fmt::format("{}{}{}", *theirs == "lm_head" ? "" : family_->prefix, *theirs, part);
  }
  module.remove_prefix(kOurLayer.size());
  const auto layer = TakeNumber(module);
  if (!layer || !module.starts_with('.')) return std::string(canonical);
  module.remove_prefix(1);
  const std::string_view tensor = canonical.substr(canonical.size() - module.size() - part.size());
  auto theirs = Lookup(tensor, {family_->layer_tensors, kLayerTensors}, &HfModule::ours, &HfModule::theirs);
  if (!theirs) {
    theirs = Lookup(module, {family_->layer_modules, kLayerModules}, &HfModule::ours, &HfModule::theirs);
    if (theirs) *theirs += part;
  }
  return theirs ? fmt::format("{}{}{}.{}", family_->prefix, family_->layers, *layer, *theirs) : std::string(canonical);
}

}  // namespace strata
