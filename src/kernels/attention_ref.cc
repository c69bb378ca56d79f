// The oracle: one query at a time, tokens in order, softmax kept running over the blocks of a stretch of the cache.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kMaxPairs = 256;  // pairs whose angles are computed at a time

std::string Refuses(std::int64_t, std::int64_t, std::int64_t, const CpuFeatures&) { return ""; }

// Rotates pairs [first, first + count) of one head.
void Rotate(const float* cosine, const float* sine, std::int64_t first, std::int64_t count, const RopeArgs& rope,
            const float* in, const auto& put) {
  const bool halves = rope.style == RopeStyle::kHalves;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t a = halves ? first + i : 2 * (first + i);
    const std::int64_t b = halves ? a + rope.rotary_dim / 2 : a + 1;
    const float x = in[a];
    const float y = in[b];
    put(a, x * cosine[i] - y * sine[i]);
    put(b, y * cosine[i] + x * sine[i]);
  }
}

float Get(DType dtype, const void* values, std::int64_t i) {
  if (dtype == DType::kF32) return static_cast<const float*>(values)[i];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(values)[i];
  return dtype == DType::kF16 ? F16ToF32(bits) : BF16ToF32(bits);
}

void Put(DType dtype, void* values, std::int64_t i, float value) {
  constexpr float kMaxF16 = 65504.0f;
  constexpr float kMaxBF16 = 0x1.fep127f;
  if (dtype == DType::kF32) {
    static_cast<float*>(values)[i] = value;
  } else {
    static_cast<std::uint16_t*>(values)[i] = dtype == DType::kF16 ? F32ToF16(std::clamp(value, -kMaxF16, kMaxF16))
                                                                  : F32ToBF16(std::clamp(value, -kMaxBF16, kMaxBF16));
  }
}

/// K and V of one block and head, of any dtype.
void* BlockK(const KvLayer& kv, std::int64_t block, std::int64_t head) {
  return kv.dtype == DType::kF32 ? static_cast<void*>(kv.block_k<float>(block, head))
                                 : kv.block_k<std::uint16_t>(block, head);
}
void* BlockV(const KvLayer& kv, std::int64_t block, std::int64_t head) {
  return kv.dtype == DType::kF32 ? static_cast<void*>(kv.block_v<float>(block, head))
                                 : kv.block_v<std::uint16_t>(block, head);
}

void RopeStore(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
               std::int64_t row_end) {
  const std::int64_t group = args.heads / args.kv_heads;
  const std::int64_t dim = args.head_dim;
  float cosine[kMaxPairs];
  float sine[kMaxPairs];
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    const std::int64_t position = sequence.position_begin + r;
    float* row = args.qkv + (sequence.row_begin + r) * args.qkv_stride;
    float* q = row + kv_head * group * dim;
    const float* k = row + (args.heads + kv_head) * dim;
    const float* v = row + (args.heads + args.kv_heads + kv_head) * dim;
    const std::int64_t block = sequence.block_table[position / kKvBlock];
    const std::int64_t slot = position % kKvBlock;
    const auto put_k = [&](std::int64_t d, float value) {
      Put(args.kv.dtype, BlockK(args.kv, block, kv_head), args.kv.k_index(d, slot), value);
    };
    const auto put_v = [&](std::int64_t at, std::int64_t d, float value) {
      Put(args.kv.dtype, BlockV(args.kv, block, kv_head), args.kv.v_index(d, at), value);
    };
    for (std::int64_t first = 0; first < args.rope.rotary_dim / 2; first += kMaxPairs) {
      const std::int64_t count = std::min(kMaxPairs, args.rope.rotary_dim / 2 - first);
      RopeAngles(args.rope.inv_freq + first, count, position, args.rope.scale, cosine, sine);
      for (std::int64_t h = 0; h < group; ++h) {
        float* head = q + h * dim;
        Rotate(cosine, sine, first, count, args.rope, head, [&](std::int64_t d, float value) { head[d] = value; });
      }
      Rotate(cosine, sine, first, count, args.rope, k, put_k);
    }
    for (std::int64_t d = args.rope.rotary_dim; d < dim; ++d) put_k(d, k[d]);
    for (std::int64_t d = 0; d < dim; ++d) put_v(slot, d, v[d]);
    if (args.kv.dtype == DType::kBF16 && slot % 2 == 0 && r + 1 == sequence.row_count) {
      for (std::int64_t d = 0; d < dim; ++d) put_v(slot + 1, d, 0);
    }
  }
}

/// What a stretch of positions gives.
struct Partial {
  float* out;
  float max, sum;
};

void AttendStretch(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
                   std::int64_t end, const float* q, Partial& to) {
  const std::int64_t dim = args.head_dim;
  std::fill_n(to.out, dim, 0.0f);
  to.max = -std::numeric_limits<float>::infinity();
  to.sum = 0.0f;
  for (; begin < end; begin += kKvBlock) {
    const std::int64_t block = sequence.block_table[begin / kKvBlock];
    const void* k = BlockK(args.kv, block, kv_head);
    const void* v = BlockV(args.kv, block, kv_head);
    const std::int64_t tokens = std::min(kKvBlock, end - begin);
    float score[kKvBlock] = {};
    for (std::int64_t d = 0; d < dim; ++d) {
      for (std::int64_t t = 0; t < tokens; ++t) score[t] += q[d] * Get(args.kv.dtype, k, args.kv.k_index(d, t));
    }
    float new_max = to.max;
    for (std::int64_t t = 0; t < tokens; ++t) new_max = std::max(new_max, score[t] *= args.scale);
    const float correction = std::exp(to.max - new_max);
    to.max = new_max;
    to.sum *= correction;
    for (std::int64_t d = 0; d < dim; ++d) to.out[d] *= correction;
    for (std::int64_t t = 0; t < tokens; ++t) {
      const float p = std::exp(score[t] - to.max);
      to.sum += p;
      for (std::int64_t d = 0; d < dim; ++d) to.out[d] += p * Get(args.kv.dtype, v, args.kv.v_index(d, t));
    }
  }
}

void MergeStretch(const Partial& part, std::int64_t dim, Partial& to) {
  const float max = std::max(to.max, part.max);
  const float keep = std::exp(to.max - max);
  const float add = std::exp(part.max - max);
  for (std::int64_t d = 0; d < dim; ++d) to.out[d] = to.out[d] * keep + part.out[d] * add;
  to.sum = to.sum * keep + part.sum * add;
  to.max = max;
}

/// Calls work(r, head) for the rows and the KV head's query heads.
void ForPairs(const AttentionArgs& args, std::int64_t kv_head, std::int64_t row_begin, std::int64_t row_end,
              const auto& work) {
  const std::int64_t group = args.heads / args.kv_heads;
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) work(r, head);
  }
}

void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
            std::int64_t row_end) {
  const std::int64_t dim = args.head_dim;
  std::vector<float> part_out(static_cast<std::size_t>(dim));
  ForPairs(args, kv_head, row_begin, row_end, [&](std::int64_t r, std::int64_t head) {
    const float* q = args.query(sequence, r, head);
    const std::int64_t end = args.last_seen(sequence, r) + 1;
    Partial all{args.output(sequence, r, head), 0, 0};
    AttendStretch(args, sequence, kv_head, 0, std::min(end, kAttentionSplit), q, all);
    for (std::int64_t begin = kAttentionSplit; begin < end; begin += kAttentionSplit) {
      Partial part{part_out.data(), 0, 0};
      AttendStretch(args, sequence, kv_head, begin, std::min(end, begin + kAttentionSplit), q, part);
      MergeStretch(part, dim, all);
    }
    for (std::int64_t d = 0; d < dim; ++d) all.out[d] /= all.sum;
  });
}

void AttendPart(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
                std::int64_t row_end, std::int64_t split) {
  const std::int64_t begin = split * kAttentionSplit;
  ForPairs(args, kv_head, row_begin, row_end, [&](std::int64_t r, std::int64_t head) {
    const std::int64_t end = std::min(args.last_seen(sequence, r) + 1, begin + kAttentionSplit);
    if (begin >= end) return;
    Partial part{args.partial(sequence, r, head, split), 0, 0};
    AttendStretch(args, sequence, kv_head, begin, end, args.query(sequence, r, head), part);
    part.out[args.head_dim] = part.max;
    part.out[args.head_dim + 1] = part.sum;
  });
}

void Merge(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
           std::int64_t row_end) {
  const std::int64_t dim = args.head_dim;
  ForPairs(args, kv_head, row_begin, row_end, [&](std::int64_t r, std::int64_t head) {
    Partial all{args.output(sequence, r, head), 0, 0};
    for (std::int64_t split = 0; split <= args.last_seen(sequence, r) / kAttentionSplit; ++split) {
      float* stored = args.partial(sequence, r, head, split);
      const Partial part{stored, stored[dim], stored[dim + 1]};
      if (split == 0) {
        std::copy_n(stored, dim, all.out);
        all.max = part.max;
        all.sum = part.sum;
      } else {
        MergeStretch(part, dim, all);
      }
    }
    for (std::int64_t d = 0; d < dim; ++d) all.out[d] /= all.sum;
  });
}

}  // namespace

const AttentionKernel kAttentionRef = {"attention_ref", Refuses, RopeStore, Attend, AttendPart, Merge};

}  // namespace strata::kernels
