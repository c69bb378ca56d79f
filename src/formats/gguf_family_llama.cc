// Llama and what converters write as one (Mistral, Mixtral). Q and K are permuted, so that pairs to rotate are
// neighbours.
#include "formats/gguf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"attention.sliding_window", "expert_count"};

Status Read(const GgufFields& fields, const GgufFile&, ModelConfig& config) {
  STRATA_TRY(config.experts, ReadGgufExperts(fields, config, ExpertsConfig::Scoring::kSoftmax, true));
  return ReadOneWindow(fields, config);
}

}  // namespace

constexpr GgufFamily kGgufLlama = {
    .architecture = "llama", .rope_layout = RopeLayout::kInterleaved, .fields = kFields, .read = Read};

}  // namespace strata
