// Inside the kernels only: the loops of flash attention on zmm, for the files of each instruction set that has them. A
// tile is up to six (row, query head) pairs against 64 tokens (four blocks): 24 zmm of scores share each row of K^T,
// then 24 zmm of outputs share each row of V.
#pragma once

#include <immintrin.h>

#include "kernels/attention_store.h"
#include "kernels/attention_tile.h"
#include "kernels/avx512.h"

namespace strata::kernels {
namespace {

/// What the loops multiply: kWidth values in each lane.
struct F32Lanes {
  using Value = float;
  static constexpr int kWidth = 1;
  static __m512 Load(const float* values) { return _mm512_loadu_ps(values); }
  static __m512 Broadcast(float value) { return _mm512_set1_ps(value); }
  static __m512 AddProducts(__m512 sum, __m512 a, __m512 b) { return _mm512_fmadd_ps(a, b, sum); }
};

class Avx512 {
 public:
  static constexpr int kTilePairs = 6;
  static constexpr bool kPairDots = false;
  using Tile = AttentionTile<kTilePairs>;

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
  static float Exp2(float x) { return _mm512_cvtss_f32(kernels::Exp2(_mm512_set1_ps(x))); }
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
  static void Scores(const Span<float>& span, std::int64_t head_dim, Tile& tile) {
    ScoresBy<F32Lanes, kPairs>(span, head_dim, tile.q, tile);
  }
  template <int kPairs>
  static void Values(const Span<float>& span, std::int64_t head_dim, Tile& tile) {
    ValuesBy<F32Lanes, kPairs>(span, head_dim, tile.weights, tile);
  }

  template <int kPairs, bool kHides>
  static void Softmax(std::int64_t begin, float scale_log2, Tile& tile) {
    const __m512 scale = _mm512_set1_ps(scale_log2);
    const __m512 never = _mm512_set1_ps(kNever);
    for (int i = 0; i < kPairs; ++i) {
      float* weights = tile.weights[i];
      __mmask16 seen[kSpanBlocks];
      for (int b = 0; b < kSpanBlocks; ++b) {
        const std::int64_t first = begin + b * kKvBlock;
        seen[b] = Lanes(tile.position[i] + 1 - first);
        if constexpr (kHides) seen[b] = _kandn_mask16(Lanes(tile.first[i] - first), seen[b]);
      }
      __m512 scores[kSpanBlocks];
      __m512 max = never;
      for (int b = 0; b < kSpanBlocks; ++b) {
        scores[b] = _mm512_mask_mul_ps(never, seen[b], _mm512_load_ps(weights + b * kKvBlock), scale);
        max = _mm512_max_ps(max, scores[b]);
      }
      const float new_max = __builtin_fmaxf(tile.max[i], _mm512_reduce_max_ps(max));
      __m512 sum = _mm512_setzero_ps();
      for (int b = 0; b < kSpanBlocks; ++b) {
        const __m512 p = _mm512_maskz_mov_ps(seen[b], kernels::Exp2(_mm512_sub_ps(scores[b], _mm512_set1_ps(new_max))));
        _mm512_store_ps(weights + b * kKvBlock, p);
        sum = _mm512_add_ps(sum, p);
      }
      tile.correction[i] = _mm512_cvtss_f32(kernels::Exp2(_mm512_set1_ps(tile.max[i] - new_max)));
      tile.sum[i] = tile.sum[i] * tile.correction[i] + _mm512_reduce_add_ps(sum);
      tile.max[i] = new_max;
    }
  }

 protected:
  /// q: of each pair.
  template <class Lanes, int kPairs>
  static void ScoresBy(const Span<typename Lanes::Value>& span, std::int64_t head_dim,
                       const typename Lanes::Value* const* q, Tile& tile) {
    switch (span.blocks) {
      case 1:
        return ScoresOf<Lanes, kPairs, 1>(span, head_dim, q, tile);
      case 2:
        return ScoresOf<Lanes, kPairs, 2>(span, head_dim, q, tile);
      case 3:
        return ScoresOf<Lanes, kPairs, 3>(span, head_dim, q, tile);
      default:
        return ScoresOf<Lanes, kPairs, 4>(span, head_dim, q, tile);
    }
  }
  template <class Lanes, int kPairs>
  static void ValuesBy(const Span<typename Lanes::Value>& span, std::int64_t head_dim,
                       const typename Lanes::Value (*weights)[kSpan / Lanes::kWidth], Tile& tile) {
    std::int64_t d0 = 0;
    for (; d0 + 64 <= head_dim; d0 += 64) ValuesOf<Lanes, kPairs, 4>(span, head_dim, d0, weights, tile);
    for (; d0 < head_dim; d0 += 16) ValuesOf<Lanes, kPairs, 1>(span, head_dim, d0, weights, tile);
  }

 private:
  template <class Lanes, int kPairs, int kBlocks>
  static void ScoresOf(const Span<typename Lanes::Value>& span, std::int64_t head_dim,
                       const typename Lanes::Value* const* q, Tile& tile) {
    __m512 scores[kPairs][kBlocks];
    for (auto& pair : scores) {
      for (__m512& score : pair) score = _mm512_setzero_ps();
    }
    for (std::int64_t d = 0; d < head_dim / Lanes::kWidth; ++d) {
      decltype(Lanes::Load(nullptr)) k[kBlocks];
      for (int b = 0; b < kBlocks; ++b) k[b] = Lanes::Load(span.k[b] + d * kKvBlock);
      for (int i = 0; i < kPairs; ++i) {
        const auto value = Lanes::Broadcast(q[i][d]);
        for (int b = 0; b < kBlocks; ++b) scores[i][b] = Lanes::AddProducts(scores[i][b], value, k[b]);
      }
    }
    for (int i = 0; i < kPairs; ++i) {
      for (int b = 0; b < kBlocks; ++b) _mm512_store_ps(tile.weights[i] + b * kKvBlock, scores[i][b]);
    }
  }

  // Dimensions [d0, d0 + 16 kChunks) of the outputs. The second of a last pair may be nobody's: its weight is 0.
  template <class Lanes, int kPairs, int kChunks>
  static void ValuesOf(const Span<typename Lanes::Value>& span, std::int64_t head_dim, std::int64_t d0,
                       const typename Lanes::Value (*weights)[kSpan / Lanes::kWidth], Tile& tile) {
    __m512 out[kPairs][kChunks];
    for (int i = 0; i < kPairs; ++i) {
      const __m512 correction = _mm512_set1_ps(tile.correction[i]);
      for (int c = 0; c < kChunks; ++c) {
        out[i][c] = _mm512_mul_ps(_mm512_loadu_ps(tile.out[i] + d0 + 16 * c), correction);
      }
    }
    for (std::int64_t begin = 0; begin < span.tokens; begin += kKvBlock) {
      const auto* v = span.v[begin / kKvBlock] + d0;
      const std::int64_t tokens = span.tokens - begin < kKvBlock ? span.tokens - begin : kKvBlock;
      for (std::int64_t t = 0; t < tokens; t += Lanes::kWidth, v += head_dim) {
        decltype(Lanes::Load(nullptr)) values[kChunks];
        for (int c = 0; c < kChunks; ++c) values[c] = Lanes::Load(v + 16 * c);
        for (int i = 0; i < kPairs; ++i) {
          const auto p = Lanes::Broadcast(weights[i][(begin + t) / Lanes::kWidth]);
          for (int c = 0; c < kChunks; ++c) out[i][c] = Lanes::AddProducts(out[i][c], p, values[c]);
        }
      }
    }
    for (int i = 0; i < kPairs; ++i) {
      for (int c = 0; c < kChunks; ++c) _mm512_storeu_ps(tile.out[i] + d0 + 16 * c, out[i][c]);
    }
  }
};

}  // namespace
}  // namespace strata::kernels
