// Inside the kernels only: the loops of flash attention on zmm, for the files of each instruction set that has them. A
// tile is up to six (row, query head) pairs against 64 tokens (four blocks): 24 zmm of scores share each row of K^T,
// then 24 zmm of outputs share each row of V.
#pragma once

#include <immintrin.h>

#include "kernels/attention_tile.h"
#include "kernels/avx512.h"

namespace strata::kernels {
namespace {

/// What the loops multiply, Kind::kWidth values in each lane: Query (of queries and weights) by Kind::Value.
struct F32Lanes {
  using Kind = FloatKind;
  using Query = float;
  using Sum = __m512;
  static Sum Zero() { return _mm512_setzero_ps(); }
  static __m512 Load(const float* values) { return _mm512_loadu_ps(values); }
  static __m512 Broadcast(float value) { return _mm512_set1_ps(value); }
  static Sum AddProducts(Sum sum, __m512 a, __m512 b) { return _mm512_fmadd_ps(a, b, sum); }
};

/// Lane i of the result is what Op makes of the lanes of row i, in an order that is the same for each.
template <int kRows, class Op>
__m512 ReduceRows(const __m512* rows, const Op& op) {
  static_assert(kRows <= 8);
  const auto row = [&](int i) { return rows[i < kRows ? i : 0]; };
  const auto of_two = [&](int i) {
    return op(_mm512_unpacklo_ps(row(i), row(i + 1)), _mm512_unpackhi_ps(row(i), row(i + 1)));
  };
  const auto of_four = [&](int i) {
    const __m512d a = _mm512_castps_pd(of_two(i));
    const __m512d b = _mm512_castps_pd(of_two(i + 2));
    return op(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)), _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  };
  // Of each row its four quarters, in lanes 4q + i; those of rows 4 to 7 in b.
  const __m512 a = of_four(0);
  const __m512 b = kRows > 4 ? of_four(4) : a;
  const __m512 halves = op(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
  const __m512 all = op(halves, _mm512_shuffle_f32x4(halves, halves, 0xb1));
  return kRows > 4 ? _mm512_shuffle_f32x4(all, all, 0x08) : all;
}

class Avx512 {
 public:
  static constexpr int kTilePairs = 6;
  static constexpr bool kOnlyBF16 = false;
  static constexpr bool kBF16Dots = false;
  static constexpr bool kIntegerDots = false;
  using Tile = AttentionTile;

  static void Widen(const std::uint16_t* f16, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; i += 16) {
      _mm512_storeu_ps(out + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(f16 + i))));
    }
  }
  static void Narrow(const float* in, std::int64_t count, std::uint16_t* f16) {
    const __m512 most = _mm512_set1_ps(65504.0f);
    for (std::int64_t i = 0; i < count; i += 16) {
      const __mmask16 lanes = Lanes(count - i);
      const __m512 value = _mm512_maskz_loadu_ps(lanes, in + i);
      // A NaN stays one: it is the second operand of both.
      const __m512 clamped = _mm512_max_ps(_mm512_sub_ps(_mm512_setzero_ps(), most), _mm512_min_ps(most, value));
      _mm256_mask_storeu_epi16(f16 + i, lanes, _mm512_cvtps_ph(clamped, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
  }
  static float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
    return kernels::RoundRow(x, count, most, longest, out);
  }
  static void StoreAlternate(const std::uint16_t* in, std::int64_t count, std::uint16_t* out) {
    for (std::int64_t i = 0; i < count; i += 16) {
      const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(in + i));
      _mm512_mask_storeu_epi16(out + 2 * i, 0x55555555, _mm512_cvtepu16_epi32(words));
    }
  }
  static float Exp2(float x) { return _mm512_cvtss_f32(kernels::Exp2(_mm512_set1_ps(x))); }
  static void Exp2Lanes(float* x) { _mm512_store_ps(x, kernels::Exp2(_mm512_load_ps(x))); }
  static void Norm(const float* x, const float* weight, float eps, std::int64_t count, float* out) {
    ScaleBy(x, RmsFactor(x, count, eps), weight, count, out);
  }
  static void Cap(float inner, float outer, float* scores) {
    for (int b = 0; b < kSpanBlocks; ++b, scores += kKvBlock) {
      const __m512 x = _mm512_mul_ps(_mm512_load_ps(scores), _mm512_set1_ps(inner));
      _mm512_store_ps(scores, _mm512_mul_ps(Tanh(x), _mm512_set1_ps(outer)));
    }
  }

  template <int kPairs>
  static void Scores(const Span<FloatKind>& span, std::int64_t head_dim, Tile& tile) {
    ScoresBy<F32Lanes, kPairs>(span, head_dim, tile.q, tile, AsItIs{});
  }
  template <int kPairs>
  static void Values(const Span<FloatKind>& span, std::int64_t head_dim, Tile& tile) {
    ValuesBy<F32Lanes, kPairs>(span, head_dim, tile.weights, tile);
  }

  template <int kPairs, bool kHides>
  static void Maxima(std::int64_t begin, float scale_log2, Tile& tile) {
    __m512 rows[kPairs];
    for (int i = 0; i < kPairs; ++i) {
      __m512 scores[kSpanBlocks];
      for (int b = 0; b < kSpanBlocks; ++b) {
        scores[b] = _mm512_load_ps(tile.weights[i] + b * kKvBlock);
        if constexpr (kHides) {
          scores[b] = _mm512_mask_mov_ps(_mm512_set1_ps(kNever), Seen(begin, b, tile, i), scores[b]);
          _mm512_store_ps(tile.weights[i] + b * kKvBlock, scores[b]);
        }
      }
      rows[i] = _mm512_max_ps(_mm512_max_ps(scores[0], scores[1]), _mm512_max_ps(scores[2], scores[3]));
    }
    const __m512 old_max = _mm512_load_ps(tile.max);
    const __m512 span_max = _mm512_mul_ps(ReduceRows<kPairs>(rows, Greater), _mm512_set1_ps(scale_log2));
    const __m512 new_max = _mm512_max_ps(old_max, span_max);
    _mm512_store_ps(tile.max, new_max);
    _mm512_store_ps(tile.correction, kernels::Exp2(_mm512_sub_ps(old_max, new_max)));
  }

  template <int kPairs, bool kHides>
  static void Weigh(const Span<FloatKind>& span, float scale_log2, Tile& tile) {
    WeighBy<kPairs, kHides>(span.begin, scale_log2, tile, [](int, __m512*) {});
  }

 protected:
  /// What becomes of the sum of pair i and block b, before it is a score.
  struct AsItIs {
    __m512 operator()(int, int, __m512 sum) const { return sum; }
  };

  static __m512 Greater(__m512 a, __m512 b) { return _mm512_max_ps(a, b); }
  static __m512 Plus(__m512 a, __m512 b) { return _mm512_add_ps(a, b); }

  /// Of block b of the span that begins there, by pair i.
  static __mmask16 Seen(std::int64_t begin, int b, const Tile& tile, int i) {
    const std::int64_t first = begin + b * kKvBlock;
    return _kandn_mask16(Lanes(tile.first[i] - first), Lanes(tile.position[i] + 1 - first));
  }

  /// finish(i, weights): what becomes of pair i's after their sum was taken.
  template <int kPairs, bool kHides, class Finish>
  static void WeighBy(std::int64_t begin, float scale_log2, Tile& tile, const Finish& finish) {
    const __m512 scale = _mm512_set1_ps(scale_log2);
    __m512 sums[kPairs];
    for (int i = 0; i < kPairs; ++i) {
      const __m512 max = _mm512_set1_ps(tile.max[i]);
      __m512 weights[kSpanBlocks];
      for (int b = 0; b < kSpanBlocks; ++b) {
        const __m512 score = _mm512_load_ps(tile.weights[i] + b * kKvBlock);
        // Rounded as the maximum was, so that nothing is above it, however great scores are.
        weights[b] = kernels::Exp2(_mm512_sub_ps(_mm512_mul_ps(score, scale), max));
        // Of a pair that has seen nothing yet, the maximum is kNever's own.
        if constexpr (kHides) weights[b] = _mm512_maskz_mov_ps(Seen(begin, b, tile, i), weights[b]);
      }
      sums[i] = Plus(Plus(weights[0], weights[1]), Plus(weights[2], weights[3]));
      finish(i, weights);
      for (int b = 0; b < kSpanBlocks; ++b) _mm512_store_ps(tile.weights[i] + b * kKvBlock, weights[b]);
    }
    const __m512 sum = ReduceRows<kPairs>(sums, Plus);
    _mm512_store_ps(tile.sum, _mm512_fmadd_ps(_mm512_load_ps(tile.sum), _mm512_load_ps(tile.correction), sum));
  }

  /// 16 of the output as it is kept beside a span's: of a fresh tile, whose output is nothing yet, zeros.
  static __m512 Kept(const Tile& tile, int i, std::int64_t d) {
    const __mmask16 begun = tile.fresh ? 0 : 0xffff;
    return _mm512_mul_ps(_mm512_maskz_loadu_ps(begun, tile.out[i] + d), _mm512_set1_ps(tile.correction[i]));
  }

  /// q: of each pair.
  template <class Lanes, int kPairs, class ToScore>
  static void ScoresBy(const Span<typename Lanes::Kind>& span, std::int64_t head_dim,
                       const typename Lanes::Query* const* q, Tile& tile, const ToScore& to_score) {
    switch (span.blocks) {
      case 1:
        return ScoresOf<Lanes, kPairs, 1>(span, head_dim, q, tile, to_score);
      case 2:
        return ScoresOf<Lanes, kPairs, 2>(span, head_dim, q, tile, to_score);
      case 3:
        return ScoresOf<Lanes, kPairs, 3>(span, head_dim, q, tile, to_score);
      default:
        return ScoresOf<Lanes, kPairs, 4>(span, head_dim, q, tile, to_score);
    }
  }
  template <class Lanes, int kPairs>
  static void ValuesBy(const Span<typename Lanes::Kind>& span, std::int64_t head_dim,
                       const typename Lanes::Query (*weights)[kSpan / Lanes::Kind::kWidth], Tile& tile) {
    std::int64_t d0 = 0;
    for (; d0 + 64 <= head_dim; d0 += 64) ValuesOf<Lanes, kPairs, 4>(span, head_dim, d0, weights, tile);
    for (; d0 < head_dim; d0 += 16) ValuesOf<Lanes, kPairs, 1>(span, head_dim, d0, weights, tile);
  }

  /// sums += what the weights make of dimensions [d0, d0 + 16 kChunks). The second of a last pair may be nobody's: its
  /// weight is 0.
  template <class Lanes, int kPairs, int kChunks>
  static void AddValues(const Span<typename Lanes::Kind>& span, std::int64_t head_dim, std::int64_t d0,
                        const typename Lanes::Query (*weights)[kSpan / Lanes::Kind::kWidth],
                        typename Lanes::Sum (&sums)[kPairs][kChunks]) {
    constexpr std::int64_t kWidth = Lanes::Kind::kWidth;
    // One loop: with one for each block the compiler keeps moving the sums between registers and the stack.
    for (std::int64_t t = 0; t < span.tokens; t += kWidth) {
      const auto* v = span.v[t / kKvBlock] + t % kKvBlock / kWidth * head_dim + d0;
      decltype(Lanes::Load(nullptr)) values[kChunks];
      for (int c = 0; c < kChunks; ++c) values[c] = Lanes::Load(v + 16 * c);
      for (int i = 0; i < kPairs; ++i) {
        const auto p = Lanes::Broadcast(weights[i][t / kWidth]);
        for (int c = 0; c < kChunks; ++c) sums[i][c] = Lanes::AddProducts(sums[i][c], p, values[c]);
      }
    }
  }

 private:
  template <class Lanes, int kPairs, int kBlocks, class ToScore>
  static void ScoresOf(const Span<typename Lanes::Kind>& span, std::int64_t head_dim,
                       const typename Lanes::Query* const* q, Tile& tile, const ToScore& to_score) {
    typename Lanes::Sum sums[kPairs][kBlocks];
    for (auto& pair : sums) {
      for (auto& sum : pair) sum = Lanes::Zero();
    }
    for (std::int64_t d = 0; d < head_dim / Lanes::Kind::kWidth; ++d) {
      decltype(Lanes::Load(nullptr)) k[kBlocks];
      for (int b = 0; b < kBlocks; ++b) k[b] = Lanes::Load(span.k[b] + d * kKvBlock);
      for (int i = 0; i < kPairs; ++i) {
        const auto value = Lanes::Broadcast(q[i][d]);
        for (int b = 0; b < kBlocks; ++b) sums[i][b] = Lanes::AddProducts(sums[i][b], value, k[b]);
      }
    }
    for (int i = 0; i < kPairs; ++i) {
      for (int b = 0; b < kBlocks; ++b) _mm512_store_ps(tile.weights[i] + b * kKvBlock, to_score(i, b, sums[i][b]));
    }
  }

  template <class Lanes, int kPairs, int kChunks>
  static void ValuesOf(const Span<typename Lanes::Kind>& span, std::int64_t head_dim, std::int64_t d0,
                       const typename Lanes::Query (*weights)[kSpan / Lanes::Kind::kWidth], Tile& tile) {
    __m512 out[kPairs][kChunks];
    for (int i = 0; i < kPairs; ++i) {
      for (int c = 0; c < kChunks; ++c) out[i][c] = Kept(tile, i, d0 + 16 * c);
    }
    AddValues<Lanes, kPairs, kChunks>(span, head_dim, d0, weights, out);
    for (int i = 0; i < kPairs; ++i) {
      for (int c = 0; c < kChunks; ++c) _mm512_storeu_ps(tile.out[i] + d0 + 16 * c, out[i][c]);
    }
  }
};

}  // namespace
}  // namespace strata::kernels
