// Llama and what converters write as one (Mistral). Q and K are permuted, so that pairs to rotate are neighbours.
#include "formats/gguf_family.h"

namespace strata {

constexpr GgufFamily kGgufLlama = {.architecture = "llama", .rope_layout = RopeLayout::kInterleaved};

}  // namespace strata
