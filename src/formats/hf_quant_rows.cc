#include "formats/hf_quant_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/mapped_file.h"
#include "tensor/convert.h"
#include "tensor/finite.h"
#include "tensor/scaled_blocks.h"

namespace strata {
namespace {

// Files do not align their tensors.
template <class T>
T Load(std::span<const std::byte> data, std::int64_t index) {
  T value;
  std::memcpy(&value, data.data() + static_cast<std::size_t>(index) * sizeof value, sizeof value);
  return value;
}

std::uint8_t Byte(std::span<const std::byte> data, std::int64_t index) { return Load<std::uint8_t>(data, index); }

/// The widest of `wide` and `narrow` whose blocks are whole in a row and in a group; f32 when neither is.
DType BlockType(DType wide, DType narrow, std::int64_t k, std::int64_t group) {
  for (const DType type : {wide, narrow}) {
    const auto span = static_cast<std::int64_t>(Info(type).block_elements);
    if (k % span == 0 && (group % span == 0 || group >= k)) return type;
  }
  return DType::kF32;
}

void Store(std::span<std::byte> blocks, std::int64_t index, float value) {
  std::memcpy(blocks.data() + static_cast<std::size_t>(index) * sizeof value, &value, sizeof value);
}

/// Blocks of one row, from its codes and what head_of says about the block at k.
template <class HeadOf>
void EncodeRow(DType type, std::span<const std::uint8_t> codes, std::span<std::byte> blocks, HeadOf head_of) {
  const DTypeInfo& info = Info(type);
  auto* out = reinterpret_cast<std::uint8_t*>(blocks.data());
  for (std::size_t k = 0; k < codes.size(); k += info.block_elements, out += info.block_bytes) {
    const IntegerBlock head = head_of(static_cast<std::int64_t>(k));
    EncodeScaledBlock(type, head, codes.subspan(k, info.block_elements), out);
  }
}

/// Rows [begin, begin + count) of `rows`.
void DropRows(std::span<const std::byte> data, std::int64_t rows, std::int64_t begin, std::int64_t count) {
  const std::size_t each = data.size() / static_cast<std::size_t>(rows);
  DropPages(data.subspan(static_cast<std::size_t>(begin) * each, static_cast<std::size_t>(count) * each));
}

class IntegerRows : public RowSource {
 public:
  IntegerRows(IntegerWeight weight, DType dtype) : weight_(std::move(weight)), dtype_(dtype) {}

  void Read(std::int64_t row, std::span<std::byte> blocks) const override {
    const std::int64_t groups = (weight_.k + weight_.group - 1) / weight_.group;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(weight_.k));
    std::vector<std::uint8_t> zeros(weight_.zeros ? static_cast<std::size_t>(groups) : 0);
    weight_.codes.Row(row, codes);
    if (weight_.zeros) weight_.zeros->Row(row, zeros);
    const auto head_of = [&](std::int64_t k) {
      const std::int64_t group =
          weight_.group_of.empty() ? k / weight_.group : weight_.group_of[static_cast<std::size_t>(k)];
      return IntegerBlock{weight_.scales.At(row, group),
                          weight_.zeros ? zeros[static_cast<std::size_t>(group)] : weight_.zero};
    };
    if (dtype_ != DType::kF32) return EncodeRow(dtype_, codes, blocks, head_of);
    for (std::int64_t k = 0; k < weight_.k; ++k) {
      const IntegerBlock head = head_of(k);
      Store(blocks, k, head.scale * static_cast<float>(codes[static_cast<std::size_t>(k)] - head.zero));
    }
  }

  void DoneWith(std::int64_t, std::int64_t) const override { DropPages(weight_.codes.data); }

 private:
  IntegerWeight weight_;
  DType dtype_;
};

class Float8Rows : public UncheckedRows {
 public:
  Float8Rows(const Float8Weight& weight, DType dtype) : weight_(weight), dtype_(dtype) {}

  void Read(std::int64_t row, std::span<std::byte> blocks) const override {
    const std::span<const std::uint8_t> codes(
        reinterpret_cast<const std::uint8_t*>(weight_.codes.data()) + row * weight_.k,
        static_cast<std::size_t>(weight_.k));
    const auto scale = [&](std::int64_t k) { return weight_.scales.At(row / weight_.n_group, k / weight_.k_group); };
    if (dtype_ != DType::kF32) {
      return EncodeRow(dtype_, codes, blocks, [&](std::int64_t k) { return IntegerBlock{scale(k), 0}; });
    }
    for (std::int64_t k = 0; k < weight_.k; ++k)
      Store(blocks, k, scale(k) * F8ToF32(codes[static_cast<std::size_t>(k)]));
  }

  void DoneWith(std::int64_t begin, std::int64_t count) const override {
    DropRows(weight_.codes, weight_.n, begin, count);
  }

  /// e4m3 has no infinity, and two NaNs.
  std::optional<std::int64_t> FirstNotFinite(std::int64_t begin, std::int64_t count) const override {
    const auto codes = weight_.codes.subspan(static_cast<std::size_t>(begin * weight_.k));
    for (std::int64_t row = 0; row < count; ++row) {
      bool nan = false;
      for (std::int64_t k = 0; k < weight_.k; ++k) nan |= (Byte(codes, row * weight_.k + k) & 0x7F) == 0x7F;
      if (nan) return begin + row;
    }
    return std::nullopt;
  }

 private:
  Float8Weight weight_;
  DType dtype_;
};

class NormalFloatRows : public RowSource {
 public:
  NormalFloatRows(const NormalFloatWeight& weight, DType dtype) : weight_(weight), dtype_(dtype) {}

  void Read(std::int64_t row, std::span<std::byte> blocks) const override {
    const std::int64_t first = row * weight_.k;
    std::vector<std::uint8_t> codes(static_cast<std::size_t>(weight_.k));
    for (std::int64_t k = 0; k < weight_.k; ++k) {
      const std::int64_t at = first + k;
      codes[static_cast<std::size_t>(k)] = Byte(weight_.codes, at / 2) >> (at % 2 == 0 ? 4 : 0) & 15;
    }
    const auto scale = [&](std::int64_t k) { return weight_.Absmax((first + k) / weight_.block); };
    if (dtype_ != DType::kF32) {
      return EncodeRow(dtype_, codes, blocks, [&](std::int64_t k) { return IntegerBlock{scale(k), 0}; });
    }
    for (std::int64_t k = 0; k < weight_.k; ++k) Store(blocks, k, scale(k) * kNF4[codes[static_cast<std::size_t>(k)]]);
  }

  void DoneWith(std::int64_t, std::int64_t) const override { DropPages(weight_.codes); }

 private:
  NormalFloatWeight weight_;
  DType dtype_;
};

class MicroscaledRows : public RowSource {
 public:
  explicit MicroscaledRows(const MicroscaledWeight& weight) : weight_(weight) {}

  void Read(std::int64_t row, std::span<std::byte> blocks) const override {
    const std::int64_t count = weight_.k / 32;
    std::byte* out = blocks.data();
    for (std::int64_t b = row * count; b < (row + 1) * count; ++b) {
      *out++ = weight_.scales[static_cast<std::size_t>(b)];
      for (std::int64_t i = 0; i < 16; ++i) {  // values i and i + 16, which are of bytes i / 2 and 8 + i / 2
        const int shift = i % 2 * 4;
        const int low = Byte(weight_.codes, 16 * b + i / 2) >> shift & 15;
        const int high = Byte(weight_.codes, 16 * b + 8 + i / 2) >> shift & 15;
        *out++ = static_cast<std::byte>(low | high << 4);
      }
    }
  }

  void DoneWith(std::int64_t begin, std::int64_t count) const override {
    DropRows(weight_.codes, weight_.rows, begin, count);
  }

 private:
  MicroscaledWeight weight_;
};

}  // namespace

void PackedIntegers::Row(std::int64_t n, std::span<std::uint8_t> out) const {
  const auto mask = static_cast<std::uint32_t>((1 << bits) - 1);
  if (word_bytes == 1) {
    for (std::size_t k = 0; k < out.size(); ++k) {
      out[k] = Byte(data, n * n_stride + static_cast<std::int64_t>(k) * k_stride) ^ flipped;
    }
    return;
  }
  const std::int64_t a_word = 32 / bits;
  const auto slot = [&](std::int64_t neighbour) { return slots == nullptr ? neighbour : slots[neighbour]; };
  if (along_n) {
    const std::int64_t shift = slot(n % a_word) * bits;
    for (std::size_t k = 0; k < out.size(); ++k) {
      const auto word =
          Load<std::uint32_t>(data, n / a_word * n_stride + static_cast<std::int64_t>(k) * k_stride) + added;
      out[k] = static_cast<std::uint8_t>(word >> shift & mask);
    }
    return;
  }
  const auto count = static_cast<std::int64_t>(out.size());
  for (std::int64_t k = 0; k < count; k += a_word) {
    const auto word = Load<std::uint32_t>(data, n * n_stride + k / a_word * k_stride) + added;
    for (std::int64_t i = 0; i < std::min(a_word, count - k); ++i) {
      out[static_cast<std::size_t>(k + i)] = static_cast<std::uint8_t>(word >> (slot(i) * bits) & mask);
    }
  }
}

float Scales::At(std::int64_t n, std::int64_t k) const {
  const std::int64_t index = n * n_stride + k * k_stride;
  switch (type) {
    case Type::kF32:
      return Load<float>(data, index) / divisor;
    case Type::kF16:
      return F16ToF32(Load<std::uint16_t>(data, index)) / divisor;
    case Type::kBF16:
      return BF16ToF32(Load<std::uint16_t>(data, index)) / divisor;
    default:
      return std::ldexp(1.0F, Byte(data, index) - 127) / divisor;
  }
}

float NormalFloatWeight::Absmax(std::int64_t at) const {
  if (nested.empty()) return Load<float>(absmax, at);
  return Load<float>(map, Byte(absmax, at)) * Load<float>(nested, at / nested_block) + offset;
}

QuantizedRows MakeRows(IntegerWeight weight) {
  const bool wide = weight.codes.bits > 4;
  DType type =
      BlockType(wide ? DType::kU8_128 : DType::kU4_128, wide ? DType::kU8_32 : DType::kU4_32, weight.k, weight.group);
  // One scale a row, and no zero point beside the middle: what the kernels of W8A8 compute.
  const bool plain = weight.codes.bits == 8 && weight.group >= weight.k && !weight.zeros && weight.zero == 128;
  if (weight.int8_inputs && plain && type != DType::kF32) type = DType::kW8A8_32;
  if (!weight.group_of.empty()) type = DType::kF32;
  return {type, std::make_unique<IntegerRows>(std::move(weight), type)};
}

QuantizedRows MakeRows(Float8Weight weight) {
  const DType type = BlockType(DType::kF8_128, DType::kF8_32, weight.k, weight.k_group);
  return {type, std::make_unique<Float8Rows>(weight, type)};
}

QuantizedRows MakeRows(NormalFloatWeight weight) {
  // A scale's values may begin in the middle of a row, but not of a block.
  const DType type = weight.k % 64 == 0 && weight.block % 64 == 0 ? DType::kNF4_64 : DType::kF32;
  return {type, std::make_unique<NormalFloatRows>(weight, type)};
}

QuantizedRows MakeRows(MicroscaledWeight weight) { return {DType::kMXFP4, std::make_unique<MicroscaledRows>(weight)}; }

}  // namespace strata
