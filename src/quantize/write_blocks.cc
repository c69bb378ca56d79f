#include "quantize/write_blocks.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "formats/gguf_writer.h"
#include "tensor/convert.h"

namespace strata::quantize {
namespace {

bool IsBlock(DType dtype, std::int64_t columns) {
  return columns % static_cast<std::int64_t>(Info(dtype).block_elements) == 0;
}

/// The scheme's type, or where rows are no whole blocks of it the next finer that they are.
DType TypeFor(const BlockScheme& scheme, std::int64_t columns, bool head) {
  DType dtype = scheme.dtype;
  // Every token goes through the head and begins in the table: their errors are everybody's.
  if (head && dtype != DType::kQ8_0) dtype = DType::kQ6_K;
  if (IsBlock(dtype, columns)) return dtype;
  if (dtype == DType::kQ6_K || dtype == scheme.dtype) {
    const DType fallback = dtype == scheme.dtype && !head ? scheme.fallback : DType::kQ8_0;
    if (IsBlock(fallback, columns)) return fallback;
  }
  return DType::kF16;
}

struct Rounded {
  std::vector<std::byte> bytes;
  double error = 0;  ///< relative
};

/// Importance is of the inputs of all rows; empty = all columns alike.
Result<Rounded> Round(const GgufTensor& tensor, DType dtype, const std::vector<float>& importance) {
  STRATA_TRY(const std::vector<float> values, DequantizeTensor(tensor.view), "tensor {}", tensor.name);
  const auto columns = static_cast<std::size_t>(tensor.view.shape.cols());
  std::vector<float> weights(values.size(), 1);
  double mean = 0;
  for (const float square : importance) mean += static_cast<double>(square) / static_cast<double>(columns);
  for (std::size_t i = 0; mean > 0 && i < weights.size(); ++i) {
    weights[i] = static_cast<float>(static_cast<double>(importance[i % columns]) / mean + 1e-3);
  }
  Rounded rounded;
  STRATA_TRY(rounded.bytes, strata::Quantize(dtype, values, weights));
  std::vector<float> back(values.size());
  STRATA_CHECK(Dequantize(dtype, rounded.bytes, back));
  double error = 0, all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto weight = static_cast<double>(weights[i]), value = static_cast<double>(values[i]);
    const double off = value - static_cast<double>(back[i]);
    error += weight * off * off;
    all += weight * value * value;
  }
  rounded.error = all > 0 ? std::sqrt(error / all) : 0;
  return rounded;
}

}  // namespace

Result<BlocksWritten> WriteGgufBlocks(const std::string& in, const std::string& out, const BlockScheme& scheme,
                                      const LinearWeights& weights, const Importance& importance) {
  STRATA_TRY(const GgufFile file, GgufFile::Open(in), "block schemes are made of GGUF files");
  BlocksWritten written;
  std::vector<GgufOutput> outputs;
  for (const GgufTensor& tensor : file.tensors()) {
    const std::string name(tensor.name);
    const bool head = std::ranges::find(weights.heads, name) != weights.heads.end() || name == "token_embd.weight";
    const bool hidden = std::ranges::find(weights.hidden, name) != weights.hidden.end();
    if (!head && !hidden) {
      outputs.push_back({name, tensor.view.dtype, tensor.view.shape, [&tensor]() -> Result<std::vector<std::byte>> {
                           return std::vector<std::byte>(tensor.view.data.begin(), tensor.view.data.end());
                         }});
      written.bytes += tensor.view.data.size();
      continue;
    }
    const DType dtype = TypeFor(scheme, tensor.view.shape.cols(), head);
    const auto known = importance.find(name);
    STRATA_TRY(Rounded rounded, Round(tensor, dtype, known != importance.end() ? known->second : std::vector<float>()),
               "{}", in);
    written.bytes += rounded.bytes.size();
    const double elements = static_cast<double>(tensor.view.shape.elements());
    written.reports.push_back({.name = name,
                               .method = std::string(Info(dtype).name),
                               .bits = 8 * static_cast<double>(rounded.bytes.size()) / elements,
                               .error = rounded.error});
    auto bytes = std::make_shared<std::vector<std::byte>>(std::move(rounded.bytes));
    outputs.push_back(
        {name, dtype, tensor.view.shape, [bytes]() -> Result<std::vector<std::byte>> { return std::move(*bytes); }});
  }
  STRATA_CHECK(WriteGguf(out, file, scheme.file_type, outputs));
  return written;
}

}  // namespace strata::quantize
