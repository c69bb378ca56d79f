// Llama and what converters write as one (Mistral). Q and K are permuted, so that pairs to rotate are neighbours.
#include "formats/gguf_family.h"

namespace strata {
namespace {

constexpr std::string_view kFields[] = {"attention.sliding_window"};

Status Read(const GgufFields& fields, const GgufFile&, ModelConfig& config) { return ReadOneWindow(fields, config); }

}  // namespace

constexpr GgufFamily kGgufLlama = {
    .architecture = "llama", .rope_layout = RopeLayout::kInterleaved, .fields = kFields, .read = Read};

}  // namespace strata
