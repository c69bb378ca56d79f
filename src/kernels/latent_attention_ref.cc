// The oracle: one lane at a time, positions in order, softmax kept running.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kMaxPairs = 256;  // pairs whose angles are computed at a time

std::string Refuses(std::int64_t, std::int64_t, const CpuFeatures&) { return ""; }

float Get(const LatentKvLayer& kv, std::int64_t block, std::int64_t slot, std::int64_t column) {
  if (kv.dtype == DType::kF32) return kv.row<float>(block, slot)[column];
  if (kv.dtype == DType::kI8) return kv.row<std::int8_t>(block, slot)[column] * kv.scale(block, slot, column);
  const std::uint16_t bits = kv.row<std::uint16_t>(block, slot)[column];
  return kv.dtype == DType::kF16 ? F16ToF32(bits) : BF16ToF32(bits);
}

void Put(const LatentKvLayer& kv, std::int64_t block, std::int64_t slot, std::int64_t column, float value) {
  constexpr float kMaxF16 = 65504.0f;
  constexpr float kMaxBF16 = 0x1.fep127f;
  if (kv.dtype == DType::kF32) {
    kv.row<float>(block, slot)[column] = value;
  } else {
    kv.row<std::uint16_t>(block, slot)[column] = kv.dtype == DType::kF16
                                                     ? F32ToF16(std::clamp(value, -kMaxF16, kMaxF16))
                                                     : F32ToBF16(std::clamp(value, -kMaxBF16, kMaxBF16));
  }
}

/// The latent's columns, or the key's.
void PutColumns(const LatentKvLayer& kv, std::int64_t block, std::int64_t slot, std::int64_t column,
                std::span<const float> values) {
  if (kv.dtype != DType::kI8) {
    for (std::size_t d = 0; d < values.size(); ++d) {
      Put(kv, block, slot, column + static_cast<std::int64_t>(d), values[d]);
    }
    return;
  }
  while (!values.empty()) {
    const auto group = values.first(static_cast<std::size_t>(kv.group_end(column) - column));
    float greatest = 0;
    for (const float value : group) greatest = std::max(greatest, std::abs(value));
    const bool finite = std::ranges::all_of(group, [](float value) { return std::isfinite(value); });
    const float scale = !finite ? std::numeric_limits<float>::quiet_NaN() : greatest < 1e-30f ? 0 : greatest / kMostI8;
    kv.scale(block, slot, column) = scale;
    for (const float value : group) {
      kv.row<std::int8_t>(block, slot)[column++] =
          static_cast<std::int8_t>(scale > 0 ? std::nearbyint(value * (1 / scale)) : 0);
    }
    values = values.subspan(group.size());
  }
}

void Store(const LatentStoreArgs& args, const SequenceRows& sequence, std::int64_t row_begin, std::int64_t row_end) {
  float cosine[kMaxPairs];
  float sine[kMaxPairs];
  const std::int64_t nope_dim = args.head_dim - args.rope.rotary_dim;
  std::vector<float> key(static_cast<std::size_t>(args.rope.rotary_dim));
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    const std::int64_t position = sequence.position_begin + r;
    const std::int64_t row = sequence.row_begin + r;
    const std::int64_t block = sequence.block_table[position / kKvBlock];
    const std::int64_t slot = position % kKvBlock;
    const float* latent = args.latent + row * args.latent_stride;
    PutColumns(args.kv, block, slot, 0, {latent, static_cast<std::size_t>(args.kv_rank)});
    for (std::int64_t first = 0; first < args.rope.rotary_dim / 2; first += kMaxPairs) {
      const std::int64_t count = std::min(kMaxPairs, args.rope.rotary_dim / 2 - first);
      RopeAngles(args.rope.inv_freq + first, count, position, args.rope.scale, cosine, sine);
      for (std::int64_t h = 0; h < args.heads; ++h) {
        float* head = args.q + row * args.q_stride + h * args.head_dim + nope_dim;
        Rotate(args.rope, first, count, cosine, sine, head, head);
      }
      Rotate(args.rope, first, count, cosine, sine, args.key + row * args.key_stride, key.data());
    }
    PutColumns(args.kv, block, slot, args.kv_rank, key);
  }
}

void Load(const LatentKvLayer& kv, const std::int32_t* block_table, std::int64_t begin, std::int64_t end,
          std::int64_t column, std::int64_t columns, float* out, std::int64_t out_stride) {
  for (std::int64_t p = begin; p < end; ++p, out += out_stride) {
    for (std::int64_t d = 0; d < columns; ++d) {
      out[d] = Get(kv, block_table[p / kKvBlock], p % kKvBlock, column + d);
    }
  }
}

// key(p, d), value(p, d): of position p.
void Attend(const LaneArgs& args, const auto& key, const auto& value) {
  for (const Lane& lane : args.lanes) {
    float& max = lane.state[args.value_dim];
    float& sum = lane.state[args.value_dim + 1];
    std::fill_n(lane.state, args.value_dim, 0.0f);
    max = -std::numeric_limits<float>::infinity();
    sum = 0;
    const std::int64_t end = std::min(args.end, lane.position + 1);
    for (std::int64_t p = args.begin; p < end; ++p) {
      double exact = 0;  // in f32 the order of a sum would show
      for (std::int64_t d = 0; d < args.key_dim; ++d) exact += static_cast<double>(lane.query[d]) * key(p, d);
      const float score = static_cast<float>(exact) * args.scale;
      const float new_max = std::max(max, score);
      const float correction = std::exp(max - new_max);
      const float weight = std::exp(score - new_max);
      max = new_max;
      sum = sum * correction + weight;
      for (std::int64_t d = 0; d < args.value_dim; ++d) {
        lane.state[d] = lane.state[d] * correction + weight * value(p, d);
      }
    }
  }
}

void AttendCache(const LaneArgs& args, const LatentKvLayer& kv, const std::int32_t* block_table) {
  const auto at = [&](std::int64_t p, std::int64_t d) { return Get(kv, block_table[p / kKvBlock], p % kKvBlock, d); };
  Attend(args, at, at);
}

void AttendRows(const LaneArgs& args, const KeysAndValues& rows) {
  Attend(
      args, [&](std::int64_t p, std::int64_t d) { return rows.keys[(p - args.begin) * rows.key_stride + d]; },
      [&](std::int64_t p, std::int64_t d) { return rows.values[(p - args.begin) * rows.value_stride + d]; });
}

void Merge(const float* part, std::int64_t value_dim, float* state) {
  float& max = state[value_dim];
  float& sum = state[value_dim + 1];
  const float new_max = std::max(max, part[value_dim]);
  const float keep = std::exp(max - new_max);
  const float add = std::exp(part[value_dim] - new_max);
  for (std::int64_t d = 0; d < value_dim; ++d) state[d] = state[d] * keep + part[d] * add;
  sum = sum * keep + part[value_dim + 1] * add;
  max = new_max;
}

void Finish(const float* state, std::int64_t value_dim, float* out) {
  const float sum = state[value_dim + 1];
  for (std::int64_t d = 0; d < value_dim; ++d) out[d] = state[d] / sum;
}

}  // namespace

const LatentKernel kLatentRef = {
    "latent_attention_ref", 1, Refuses, Store, Load, AttendCache, AttendRows, Merge, Finish};

}  // namespace strata::kernels
