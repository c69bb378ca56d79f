// Inside the kernels only: flash attention on zmm over a cache of integers, by vpdpwssd: two products for one of f32.
// Queries are rounded as keys are. The weights of a span take in the scales of V and are rounded to 16 bits with a
// scale for each pair of row and head and each span, so that a span of small weights is as exact as any.
#pragma once

#include <type_traits>

#include "kernels/attention_avx512.h"

namespace strata::kernels {
namespace {

struct I16Lanes {
  using Kind = I16Kind;
  using Query = Pair;
  using Sum = __m512i;
  static Sum Zero() { return _mm512_setzero_si512(); }
  static __m512i Load(const Pair* pairs) { return _mm512_loadu_si512(pairs); }
  static __m512i Broadcast(Pair pair) { return _mm512_set1_epi32(static_cast<std::int32_t>(pair)); }
  static Sum AddProducts(Sum sum, __m512i a, __m512i b) { return _mm512_dpwssd_epi32(sum, a, b); }
};

struct I8Lanes : I16Lanes {
  using Kind = I8Kind;
  static __m512i Load(const BytePair* pairs) {
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(pairs)));
  }
};

class Avx512Integers : public Avx512 {
 public:
  static constexpr bool kIntegerDots = true;

  template <int kPairs, class Kind>
  static void Scores(const Span<Kind>& span, std::int64_t head_dim, Tile& tile) {
    if constexpr (Kind::kHasScales) {
      IntegerScores<LanesOf<Kind>, kPairs>(span, head_dim, tile);
    } else {
      Avx512::Scores<kPairs>(span, head_dim, tile);
    }
  }

  template <int kPairs, class Kind>
  static void Values(const Span<Kind>& span, std::int64_t head_dim, Tile& tile) {
    if constexpr (Kind::kHasScales) {
      IntegerValues<LanesOf<Kind>, kPairs>(span, head_dim, tile);
    } else {
      Avx512::Values<kPairs>(span, head_dim, tile);
    }
  }

  template <int kPairs, bool kHides, class Kind>
  static void Weigh(const Span<Kind>& span, float scale_log2, Tile& tile) {
    if constexpr (Kind::kHasScales) {
      WeighValues<kPairs, kHides>(span.begin, span.tokens, span.v_scales, scale_log2, tile);
    } else {
      Avx512::WeighBy<kPairs, kHides>(span.begin, scale_log2, tile, [](int, __m512*) {});
    }
  }

 private:
  template <class Kind>
  using LanesOf = std::conditional_t<std::is_same_v<Kind, I16Kind>, I16Lanes, I8Lanes>;

  template <class Lanes, int kPairs>
  static void IntegerScores(const Span<typename Lanes::Kind>& span, std::int64_t head_dim, Tile& tile) {
    const auto to_score = [&](int i, int b, __m512i sum) {
      const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_set1_ps(tile.q_scale[i]));
      return _mm512_mul_ps(product, _mm512_loadu_ps(span.k_scales[b]));
    };
    ScoresBy<Lanes, kPairs>(span, head_dim, tile.rounded_q, tile, to_score);
  }

  /// Weights times the scales of V, and the scale with which they become integers.
  template <int kPairs, bool kHides>
  static void WeighValues(std::int64_t begin, std::int64_t tokens, const float* const* v_scales, float scale_log2,
                          Tile& tile) {
    __m512 scales[kSpanBlocks];  // those that were never written may be no numbers
    for (int b = 0; b < kSpanBlocks; ++b) {
      scales[b] = _mm512_maskz_loadu_ps(kernels::Lanes(tokens - b * kKvBlock), v_scales[b]);
    }
    __m512 greatest[kPairs];
    __m512 sums[kPairs];
    WeighBy<kPairs, kHides>(begin, scale_log2, tile, [&](int i, __m512* w) {
      for (int b = 0; b < kSpanBlocks; ++b) w[b] = _mm512_mul_ps(w[b], scales[b]);
      greatest[i] = Greater(Greater(w[0], w[1]), Greater(w[2], w[3]));
      sums[i] = Plus(Plus(w[0], w[1]), Plus(w[2], w[3]));
    });
    const __m512 by_greatest = _mm512_mul_ps(ReduceRows<kPairs>(greatest, Greater), _mm512_set1_ps(1 / kMostWeight));
    const __m512 by_sum = _mm512_mul_ps(ReduceRows<kPairs>(sums, Plus), _mm512_set1_ps(1 / kMostWeights));
    // The least normal number keeps the inverse finite. A NaN, if a row of V has one, is the second operand and stays.
    const __m512 scale = Greater(_mm512_set1_ps(1.2e-38f), Greater(by_greatest, by_sum));
    _mm512_store_ps(tile.weight_scale, scale);
    _mm512_store_ps(tile.weight_inverse, _mm512_div_ps(_mm512_set1_ps(1.0f), scale));
  }

  /// Of the tile's pairs in one span.
  template <int kPairs>
  using Weights = Pair[kPairs][kSpan / 2];

  template <class Lanes, int kPairs>
  static void IntegerValues(const Span<typename Lanes::Kind>& span, std::int64_t head_dim, Tile& tile) {
    alignas(64) Weights<kPairs> weights;
    RoundWeights(tile, weights);
    std::int64_t d0 = 0;
    for (; d0 + 64 <= head_dim; d0 += 64) IntegerValuesOf<Lanes, kPairs, 4>(span, head_dim, d0, weights, tile);
    for (; d0 < head_dim; d0 += 16) IntegerValuesOf<Lanes, kPairs, 1>(span, head_dim, d0, weights, tile);
  }

  template <int kPairs>
  static void RoundWeights(const Tile& tile, Weights<kPairs>& weights) {
    // vpackssdw takes four of each by turns: their order is put right afterwards.
    const __m512i in_order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    for (int i = 0; i < kPairs; ++i) {
      const __m512 to_integers = _mm512_set1_ps(tile.weight_inverse[i]);
      __m512i w[kSpanBlocks];
      for (int b = 0; b < kSpanBlocks; ++b) {
        w[b] = _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_load_ps(tile.weights[i] + b * kKvBlock), to_integers));
      }
      for (int b = 0; b < kSpanBlocks; b += 2) {
        _mm512_store_si512(weights[i] + b * kKvBlock / 2,
                           _mm512_permutexvar_epi64(in_order, _mm512_packs_epi32(w[b], w[b + 1])));
      }
    }
  }

  template <class Lanes, int kPairs, int kChunks>
  static void IntegerValuesOf(const Span<typename Lanes::Kind>& span, std::int64_t head_dim, std::int64_t d0,
                              const Weights<kPairs>& weights, Tile& tile) {
    __m512i sums[kPairs][kChunks];
    for (auto& pair : sums) {
      for (auto& sum : pair) sum = Lanes::Zero();
    }
    AddValues<Lanes, kPairs, kChunks>(span, head_dim, d0, weights, sums);
    for (int i = 0; i < kPairs; ++i) {
      const __m512 scale = _mm512_set1_ps(tile.weight_scale[i]);
      for (int c = 0; c < kChunks; ++c) {
        const std::int64_t d = d0 + 16 * c;
        _mm512_storeu_ps(tile.out[i] + d, _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[i][c]), scale, Kept(tile, i, d)));
      }
    }
  }
};

}  // namespace
}  // namespace strata::kernels
