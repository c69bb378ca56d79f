// Inside the kernels only: the words of attention_tile.h: spans of the cache, tiles of pairs that pass over them.
#pragma once

#include <cstdint>

#include "kernels/attention_widen.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

constexpr int kSpanBlocks = 4;
constexpr std::int64_t kSpan = kSpanBlocks * kKvBlock;
constexpr float kNever = -1e30f;  // a masked score: its exponential is 0, and never NaN

/// What a span's loops multiply, kWidth in a Value; Stored: KvLayer's T.
template <class ValueType, class StoredType, std::int64_t kValueWidth, bool kScaled>
struct CacheKind {
  using Value = ValueType;
  using Stored = StoredType;
  static constexpr std::int64_t kWidth = kValueWidth;
  static constexpr bool kHasScales = kScaled;
};
struct FloatKind : CacheKind<float, float, 1, false> {};
struct BF16Kind : CacheKind<Pair, std::uint16_t, 2, false> {};
struct I16Kind : CacheKind<Pair, std::int16_t, 2, true> {};
struct I8Kind : CacheKind<BytePair, std::int8_t, 2, true> {};

/// Pairs in the order of their rows, and what is carried from span to span and from stage to stage.
struct AttentionTile {
  static constexpr int kLanes = 16;  ///< more than there are pairs, so that one vector has what is one number a pair
  alignas(64) float max[kLanes];
  alignas(64) float sum[kLanes];
  alignas(64) float correction[kLanes];
  alignas(64) float weight_scale[kLanes];    ///< of weights that become integers
  alignas(64) float weight_inverse[kLanes];  ///< 1 / weight_scale
  const float* q[kLanes];
  const Pair* rounded_q[kLanes];  ///< bf16 or integers, as the cache's kind has it
  float q_scale[kLanes];          ///< of integers
  float* out[kLanes];             ///< the running, unnormalised output; nothing as long as the tile is fresh
  bool fresh;                     ///< has passed over no span of this stretch yet
  std::int64_t position[kLanes];
  std::int64_t first[kLanes];  ///< position that it sees; no less than that of the pair before
  float (*weights)[kSpan];     ///< scores, then exp(score - max); 64-byte aligned, while the tile is at work
};

/// Laid out as in KvLayer.
template <class Kind>
struct Span {
  std::int64_t begin;   ///< first position
  std::int64_t tokens;  ///< positions that the tile's last row may see
  std::int64_t blocks;  ///< that hold them
  const typename Kind::Value* k[kSpanBlocks];
  const typename Kind::Value* v[kSpanBlocks];
  const float* k_scales[kSpanBlocks];  ///< of integers
  const float* v_scales[kSpanBlocks];
};

/// What becomes of a score before the softmax, which is taken in powers of two: factor * score, or
/// outer * tanh(inner * score).
struct ScoreRule {
  float factor = 1;
  float inner = 0, outer = 0;  ///< outer 0: not capped

  explicit ScoreRule(const AttentionArgs& args) {
    if (args.softcap == 0) {
      factor = args.scale * kLog2E;
    } else {
      inner = args.scale / args.softcap;
      outer = args.softcap * kLog2E;
    }
  }
};

}  // namespace
}  // namespace strata::kernels
