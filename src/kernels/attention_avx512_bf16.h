// Inside the kernels only: flash attention on zmm over a cache of bf16, by vdpbf16ps: two products for one of f32. Over
// one of integers as without it.
#pragma once

#include <bit>
#include <type_traits>

#include <immintrin.h>

#include "kernels/attention_avx512_integers.h"

namespace strata::kernels {
namespace {

struct BF16Lanes {
  using Kind = BF16Kind;
  using Query = Pair;
  using Sum = __m512;
  static Sum Zero() { return _mm512_setzero_ps(); }
  static __m512bh Load(const Pair* pairs) { return std::bit_cast<__m512bh>(_mm512_loadu_si512(pairs)); }
  static __m512bh Broadcast(Pair pair) {
    return std::bit_cast<__m512bh>(_mm512_set1_epi32(static_cast<std::int32_t>(pair)));
  }
  static Sum AddProducts(Sum sum, __m512bh a, __m512bh b) { return _mm512_dpbf16_ps(sum, a, b); }
};

class Avx512Bf16 : public Avx512Integers {
 public:
  static constexpr bool kBF16Dots = true;

  static void RoundBF16Pairs(const float* in, std::int64_t count, Pair* bf16) {
    for (std::int64_t i = 0; i < count; i += 16) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(bf16 + i / 2),
                          std::bit_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(in + i))));
    }
  }

  template <int kPairs, class Kind>
  static void Scores(const Span<Kind>& span, std::int64_t head_dim, Tile& tile) {
    if constexpr (std::is_same_v<Kind, BF16Kind>) {
      ScoresBy<BF16Lanes, kPairs>(span, head_dim, tile.rounded_q, tile, AsItIs{});
    } else {
      Avx512Integers::Scores<kPairs>(span, head_dim, tile);
    }
  }

  template <int kPairs, class Kind>
  static void Values(const Span<Kind>& span, std::int64_t head_dim, Tile& tile) {
    if constexpr (std::is_same_v<Kind, BF16Kind>) {
      alignas(64) Pair weights[kPairs][kSpan / 2];
      for (int i = 0; i < kPairs; ++i) RoundBF16Pairs(tile.weights[i], kSpan, weights[i]);
      ValuesBy<BF16Lanes, kPairs>(span, head_dim, weights, tile);
    } else {
      Avx512Integers::Values<kPairs>(span, head_dim, tile);
    }
  }
};

}  // namespace
}  // namespace strata::kernels
