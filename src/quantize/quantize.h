// Quantizing a model on disk: calibration text through it, its weights rounded, a new model written.
//
//   STRATA_TRY(const Report report, Quantize("model", "model-w4", {.scheme = scheme, .calibration = ids}));
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "quantize/rounding.h"
#include "quantize/scheme.h"

namespace strata::quantize {

/// Of Options::max_loss, for inputs and for weights: what SmolLM2-135M loses then is in docs/status.md.
inline constexpr double kMaxInputLoss = 0.002, kMaxWeightLoss = 0.03;

struct Options {
  Scheme scheme;
  std::vector<std::int32_t> calibration;  ///< tokens of text like what the model will read; a few ten thousand
  std::int64_t window = 512;              ///< tokens of it that are read as one text
  /// Nats a token: what rounding inputs may cost (w8a8), or rounding weights to fewer than 8 bits. Inputs that cost
  /// most stay as they are then, such weights become 8 bits. Infinite: all are rounded. None: as above.
  std::optional<double> max_loss = {};
  int threads = 0;  ///< 0 = every CPU
  std::function<void(double fraction, std::string_view stage)> progress = {};
};

struct Report {
  std::vector<TensorReport> tensors;
  std::uint64_t bytes_before = 0, bytes_after = 0;  ///< of all tensors
};

/// Reads the model `in` and writes `out`: a GGUF file for a block scheme, whose `in` must be one; for an integer scheme
/// a folder, in which everything else of `in` is kept (a GGUF file's config and tokenizer are translated). Embeddings,
/// head and routers are not rounded, but by block schemes. Errors: kInvalidArgument where `out` exists, the text is too
/// short, or scheme and `in` do not go together; kUnsupported naming the tensor or the part of the model; kIo.
Result<Report> Quantize(const std::string& in, const std::string& out, const Options& options);

}  // namespace strata::quantize
