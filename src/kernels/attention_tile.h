// Inside the kernels only: flash attention over the paged cache, as every vector instruction set does it. A tile is a
// few (row, query head) pairs of one KV head against a span of 64 tokens. The softmax runs from span to span of 64
// positions counted from 0, so a row's bits depend on its position alone. Each file that includes this gets its own
// copy, compiled for its instruction set, which it passes as Isa:
//
//   struct Isa {
//     static constexpr int kTilePairs;
//     template <int kPairs> static void Scores(const Span&, std::int64_t head_dim, AttentionTile<kTilePairs>&);
//     template <int kPairs> static void Softmax(const Span&, float scale_log2, AttentionTile<kTilePairs>&);
//     template <int kPairs> static void Values(const Span&, std::int64_t head_dim, AttentionTile<kTilePairs>&);
//   };
#pragma once

#include <cstdint>

#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"

namespace strata::kernels {
namespace {

constexpr int kSpanBlocks = 4;
constexpr std::int64_t kSpan = kSpanBlocks * kKvBlock;
constexpr float kNever = -1e30f;  // a masked score, in units of log2: its exponential is 0, and never NaN

/// Pairs in the order of their rows, and what is carried from span to span.
template <int kPairs>
struct AttentionTile {
  const float* q[kPairs];
  float* out[kPairs];  ///< the running, unnormalised output
  std::int64_t position[kPairs];
  float max[kPairs];
  float sum[kPairs];
  alignas(64) float weights[kPairs][kSpan];  ///< scores, then exp(score - max)
  float correction[kPairs];
};

struct Span {
  std::int64_t begin;   ///< first position
  std::int64_t tokens;  ///< positions that the tile's last row may see
  std::int64_t blocks;  ///< that hold them
  const float* k[kSpanBlocks];
  const float* v[kSpanBlocks];
};

template <class Isa, int kPairs>
void AttendTile(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head,
                AttentionTile<Isa::kTilePairs>& tile) {
  constexpr float kLog2E = 1.44269504f;  // the softmax is taken in powers of two
  const std::int64_t dim = args.head_dim;
  for (int i = 0; i < kPairs; ++i) {
    tile.max[i] = kNever;
    tile.sum[i] = 0.0f;
    for (std::int64_t d = 0; d < dim; ++d) tile.out[i][d] = 0.0f;
  }
  const std::int64_t block_floats = 2 * args.kv_heads * kKvBlock * dim;
  const std::int64_t end = tile.position[kPairs - 1] + 1;
  for (std::int64_t begin = 0; begin < end; begin += kSpan) {
    Span span{.begin = begin, .tokens = end - begin < kSpan ? end - begin : kSpan, .blocks = 0, .k = {}, .v = {}};
    span.blocks = (span.tokens + kKvBlock - 1) / kKvBlock;
    for (std::int64_t b = 0; b < span.blocks; ++b) {
      const float* block = args.kv.base + sequence.block_table[begin / kKvBlock + b] * block_floats;
      span.k[b] = block + kv_head * kKvBlock * dim;
      span.v[b] = block + (args.kv_heads + kv_head) * kKvBlock * dim;
    }
    Isa::template Scores<kPairs>(span, dim, tile);
    Isa::template Softmax<kPairs>(span, args.scale * kLog2E, tile);
    Isa::template Values<kPairs>(span, dim, tile);
  }
  for (int i = 0; i < kPairs; ++i) {
    for (std::int64_t d = 0; d < dim; ++d) tile.out[i][d] /= tile.sum[i];
  }
}

/// AttendTile for the number of pairs that the tile holds.
template <class Isa, int kPairs = Isa::kTilePairs>
void AttendPairs(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t pairs,
                 AttentionTile<Isa::kTilePairs>& tile) {
  if (pairs == kPairs) return AttendTile<Isa, kPairs>(args, sequence, kv_head, tile);
  if constexpr (kPairs > 1) AttendPairs<Isa, kPairs - 1>(args, sequence, kv_head, pairs, tile);
}

template <class Isa>
void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
            std::int64_t row_end) {
  const std::int64_t group = args.heads / args.kv_heads;
  const std::int64_t pairs = (row_end - row_begin) * group;
  AttentionTile<Isa::kTilePairs> tile;
  for (std::int64_t first = 0; first < pairs; first += Isa::kTilePairs) {
    const std::int64_t count = pairs - first < Isa::kTilePairs ? pairs - first : Isa::kTilePairs;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t r = row_begin + (first + i) / group;
      const std::int64_t head = kv_head * group + (first + i) % group;
      const std::int64_t row = sequence.row_begin + r;
      tile.q[i] = args.qkv + row * args.qkv_stride + head * args.head_dim;
      tile.out[i] = args.out + row * args.out_stride + head * args.head_dim;
      tile.position[i] = sequence.position_begin + r;
    }
    AttendPairs<Isa>(args, sequence, kv_head, count, tile);
  }
}

/// One head's rotation. in may be out.
void Rotate(const RopeArgs& rope, const float* __restrict cosine, const float* __restrict sine, const float* in,
            float* out) {
  constexpr std::int64_t kAtOnce = 16;
  const std::int64_t half = rope.rotary_dim / 2;
  std::int64_t i = 0;
  if (rope.style == RopeStyle::kHalves) {
    for (; i + kAtOnce <= half; i += kAtOnce) {
      float x[kAtOnce];  // copies, so that the compiler need not fear that in is out
      float y[kAtOnce];
      for (std::int64_t j = 0; j < kAtOnce; ++j) x[j] = in[i + j];
      for (std::int64_t j = 0; j < kAtOnce; ++j) y[j] = in[half + i + j];
      for (std::int64_t j = 0; j < kAtOnce; ++j) out[i + j] = x[j] * cosine[i + j] - y[j] * sine[i + j];
      for (std::int64_t j = 0; j < kAtOnce; ++j) out[half + i + j] = y[j] * cosine[i + j] + x[j] * sine[i + j];
    }
  }
  const std::int64_t step = rope.style == RopeStyle::kHalves ? 1 : 2;
  const std::int64_t apart = rope.style == RopeStyle::kHalves ? half : 1;
  for (; i < half; ++i) {
    const float x = in[step * i];
    const float y = in[step * i + apart];
    out[step * i] = x * cosine[i] - y * sine[i];
    out[step * i + apart] = y * cosine[i] + x * sine[i];
  }
}

void RopeStore(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
               std::int64_t row_end) {
  alignas(64) float cosine[kMaxHeadDim / 2];
  alignas(64) float sine[kMaxHeadDim / 2];
  alignas(64) float rotated[kMaxHeadDim];
  const std::int64_t group = args.heads / args.kv_heads;
  const std::int64_t dim = args.head_dim;
  const std::int64_t block_floats = 2 * args.kv_heads * kKvBlock * dim;
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    const std::int64_t position = sequence.position_begin + r;
    float* row = args.qkv + (sequence.row_begin + r) * args.qkv_stride;
    RopeAngles(args.rope.inv_freq, args.rope.rotary_dim / 2, position, args.rope.scale, cosine, sine);
    for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) {
      Rotate(args.rope, cosine, sine, row + head * dim, row + head * dim);
    }
    const float* k = row + (args.heads + kv_head) * dim;
    const float* v = row + (args.heads + args.kv_heads + kv_head) * dim;
    for (std::int64_t d = args.rope.rotary_dim; d < dim; ++d) rotated[d] = k[d];
    Rotate(args.rope, cosine, sine, k, rotated);
    float* block = args.kv.base + sequence.block_table[position / kKvBlock] * block_floats;
    const std::int64_t slot = position % kKvBlock;
    float* cache_k = block + kv_head * kKvBlock * dim + slot;
    float* cache_v = block + (args.kv_heads + kv_head) * kKvBlock * dim + slot * dim;
    for (std::int64_t d = 0; d < dim; ++d) cache_k[d * kKvBlock] = rotated[d];
    for (std::int64_t d = 0; d < dim; ++d) cache_v[d] = v[d];
  }
}

}  // namespace
}  // namespace strata::kernels
