// The oracle: one query at a time, tokens in order, softmax kept running over the blocks of the cache.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kMaxPairs = 256;  // pairs whose angles are computed at a time

std::string Refuses(std::int64_t, std::int64_t, std::int64_t, const CpuFeatures&) { return ""; }

// Rotates pairs [first, first + count) of one head; a pair's halves are `apart` floats from each other.
void Rotate(const float* cosine, const float* sine, std::int64_t first, std::int64_t count, const RopeArgs& rope,
            const float* in, std::int64_t out_step, float* out) {
  const bool halves = rope.style == RopeStyle::kHalves;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t a = halves ? first + i : 2 * (first + i);
    const std::int64_t b = halves ? a + rope.rotary_dim / 2 : a + 1;
    const float x = in[a];
    const float y = in[b];
    out[a * out_step] = x * cosine[i] - y * sine[i];
    out[b * out_step] = y * cosine[i] + x * sine[i];
  }
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
    float* cache_k = args.kv.block_k(block, kv_head) + slot;
    float* cache_v = args.kv.block_v(block, kv_head) + slot * dim;
    for (std::int64_t first = 0; first < args.rope.rotary_dim / 2; first += kMaxPairs) {
      const std::int64_t count = std::min(kMaxPairs, args.rope.rotary_dim / 2 - first);
      RopeAngles(args.rope.inv_freq + first, count, position, args.rope.scale, cosine, sine);
      for (std::int64_t h = 0; h < group; ++h) {
        Rotate(cosine, sine, first, count, args.rope, q + h * dim, 1, q + h * dim);
      }
      Rotate(cosine, sine, first, count, args.rope, k, kKvBlock, cache_k);
    }
    for (std::int64_t d = args.rope.rotary_dim; d < dim; ++d) cache_k[d * kKvBlock] = k[d];
    std::copy_n(v, dim, cache_v);
  }
}

void AttendOne(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t position,
               const float* q, float* out) {
  const std::int64_t dim = args.head_dim;
  std::fill_n(out, dim, 0.0f);
  float max = -std::numeric_limits<float>::infinity();
  float sum = 0.0f;
  for (std::int64_t begin = 0; begin <= position; begin += kKvBlock) {
    const std::int64_t block = sequence.block_table[begin / kKvBlock];
    const std::int64_t tokens = std::min(kKvBlock, position + 1 - begin);
    const float* k = args.kv.block_k(block, kv_head);
    const float* v = args.kv.block_v(block, kv_head);
    float score[kKvBlock] = {};
    for (std::int64_t d = 0; d < dim; ++d) {
      for (std::int64_t t = 0; t < kKvBlock; ++t) score[t] += q[d] * k[d * kKvBlock + t];
    }
    float new_max = max;
    for (std::int64_t t = 0; t < tokens; ++t) new_max = std::max(new_max, score[t] *= args.scale);
    const float correction = std::exp(max - new_max);
    max = new_max;
    sum *= correction;
    for (std::int64_t d = 0; d < dim; ++d) out[d] *= correction;
    for (std::int64_t t = 0; t < tokens; ++t) {
      const float p = std::exp(score[t] - max);
      sum += p;
      for (std::int64_t d = 0; d < dim; ++d) out[d] += p * v[t * dim + d];
    }
  }
  for (std::int64_t d = 0; d < dim; ++d) out[d] /= sum;
}

void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
            std::int64_t row_end) {
  const std::int64_t group = args.heads / args.kv_heads;
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    const std::int64_t row = sequence.row_begin + r;
    for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      AttendOne(args, sequence, kv_head, sequence.position_begin + r,
                args.qkv + row * args.qkv_stride + head * args.head_dim,
                args.out + row * args.out_stride + head * args.head_dim);
    }
  }
}

}  // namespace

const AttentionKernel kAttentionRef = {"attention_ref", Refuses, RopeStore, Attend};

}  // namespace strata::kernels
