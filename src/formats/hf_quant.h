// Inside formats: quantised Hugging Face checkpoints (config.json's quantization_config). A weight is stored as parts:
// integers, scales, zero points, each a tensor; here they become one weight again, whose rows are made from them
// (hf_quant_rows.h). Which weights are quantised is seen from what is stored, and agrees with the lists of modules that
// are not (modules_to_not_convert, ignore).
//
// Sources: transformers' quantizers and the packages behind them: GPTQModel (gptq), AutoAWQ (awq, "gemm" packing),
// compressed-tensors, bitsandbytes (nf4 and LLM.int8), DeepSeek-V3's inference code (fp8), gpt-oss (mxfp4).
// Inputs are rounded as a W8A8 scheme asks where weights have one scale a row and inputs one a token (kW8A8_32), or one
// for all tokens, which is taken as the former. Elsewhere they never are as coarse as schemes ask: by groups of 32, to
// 16 bits unless told otherwise.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "formats/hf_quant_config.h"
#include "formats/hf_weights.h"
#include "tensor/tensor_view.h"

namespace strata {

class HfQuantReader {
 public:
  HfQuantReader(const HfQuantConfig& config, const HuggingFaceWeights& weights) : config_(config), weights_(weights) {}

  struct Part {
    std::string weight;  ///< of which it is one: what the weight's tensor would be called, were it not quantised
    bool main;           ///< the part from which Read begins
  };
  /// nullopt: the tensor is no part of a quantised weight.
  std::optional<Part> PartOf(const SafetensorsTensor& tensor) const;

  /// The weight whose main part this is; reads from the files as long as it lives. Errors: kCorrupt and kUnsupported
  /// naming file and tensor, also for scales that are not finite.
  Result<TensorView> Read(const SafetensorsFile& file, const SafetensorsTensor& main,
                          std::unique_ptr<RowSource>& source) const;

 private:
  const HfQuantConfig& config_;
  const HuggingFaceWeights& weights_;
};

}  // namespace strata
