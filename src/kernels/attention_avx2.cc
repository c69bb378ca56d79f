// Flash attention over the paged cache on ymm. A tile is up to four (row, query head) pairs: eight ymm of scores share
// each row of a block's K^T, then eight ymm of outputs share sixteen dimensions of each row of V.
#include <immintrin.h>

#include "kernels/attention_tile.h"
#include "kernels/avx2.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

class Avx2 {
 public:
  static constexpr int kTilePairs = 4;
  static constexpr bool kOnlyBF16 = false;
  static constexpr bool kBF16Dots = false;
  static constexpr bool kIntegerDots = false;
  using Tile = AttentionTile;

  static void Widen(const std::uint16_t* f16, std::int64_t count, float* out) {
    for (std::int64_t i = 0; i < count; i += 8) {
      _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(f16 + i))));
    }
  }
  static void Narrow(const float* in, std::int64_t count, std::uint16_t* f16) {
    for (std::int64_t i = 0; i < count; ++i) {
      const float value = in[i] > 65504.0f ? 65504.0f : in[i] < -65504.0f ? -65504.0f : in[i];
      f16[i] = static_cast<std::uint16_t>(_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
    }
  }
  static void StoreAlternate(const std::uint16_t* in, std::int64_t count, std::uint16_t* out) {
    for (std::int64_t i = 0; i < count; ++i) out[2 * i] = in[i];
  }
  static float RoundRow(const float* x, std::int64_t count, float most, float longest, std::int16_t* out) {
    return kernels::RoundRow(x, count, most, longest, out);
  }
  static float Exp2(float x) { return _mm256_cvtss_f32(kernels::Exp2(_mm256_set1_ps(x))); }
  static void Exp2Lanes(float* x) {
    for (int i = 0; i < Tile::kLanes; i += 8) _mm256_store_ps(x + i, kernels::Exp2(_mm256_load_ps(x + i)));
  }
  static void Norm(const float* x, const float* weight, float eps, std::int64_t count, float* out) {
    ScaleBy(x, RmsFactor(x, count, eps), weight, count, out);
  }
  static void Cap(float inner, float outer, float* scores) {
    for (std::int64_t t = 0; t < kSpan; t += 8) {
      const __m256 x = _mm256_mul_ps(_mm256_load_ps(scores + t), _mm256_set1_ps(inner));
      _mm256_store_ps(scores + t, _mm256_mul_ps(Tanh(x), _mm256_set1_ps(outer)));
    }
  }

  template <int kPairs>
  static void Scores(const Span<FloatKind>& span, std::int64_t head_dim, Tile& tile) {
    for (std::int64_t b = 0; b < span.blocks; ++b) {
      __m256 scores[kPairs][2];
      for (auto& pair : scores) pair[0] = pair[1] = _mm256_setzero_ps();
      for (std::int64_t d = 0; d < head_dim; ++d) {
        const __m256 left = _mm256_loadu_ps(span.k[b] + d * kKvBlock);
        const __m256 right = _mm256_loadu_ps(span.k[b] + d * kKvBlock + 8);
        for (int i = 0; i < kPairs; ++i) {
          const __m256 q = _mm256_set1_ps(tile.q[i][d]);
          scores[i][0] = _mm256_fmadd_ps(q, left, scores[i][0]);
          scores[i][1] = _mm256_fmadd_ps(q, right, scores[i][1]);
        }
      }
      for (int i = 0; i < kPairs; ++i) {
        for (int half = 0; half < 2; ++half)
          _mm256_store_ps(tile.weights[i] + b * kKvBlock + 8 * half, scores[i][half]);
      }
    }
  }

  template <int kPairs, bool kHides>
  static void Maxima(std::int64_t begin, float scale_log2, Tile& tile) {
    for (int i = 0; i < kPairs; ++i) {
      __m256 max = _mm256_set1_ps(kNever);
      for (std::int64_t t = 0; t < kSpan; t += 8) {
        __m256 score = _mm256_mul_ps(_mm256_load_ps(tile.weights[i] + t), _mm256_set1_ps(scale_log2));
        // A block that is not there holds what the last tile left: it is masked like a position to come.
        if constexpr (kHides) score = _mm256_blendv_ps(_mm256_set1_ps(kNever), score, Seen(begin + t, tile, i));
        _mm256_store_ps(tile.weights[i] + t, score);
        max = _mm256_max_ps(max, score);
      }
      const float span_max = Max(max);
      const float old_max = tile.max[i];
      tile.max[i] = old_max > span_max ? old_max : span_max;
      tile.correction[i] = Exp2(old_max - tile.max[i]);
    }
  }

  template <int kPairs, bool kHides>
  static void Weigh(const Span<FloatKind>& span, float, Tile& tile) {
    for (int i = 0; i < kPairs; ++i) {
      __m256 sum = _mm256_setzero_ps();
      for (std::int64_t t = 0; t < kSpan; t += 8) {
        const __m256 score = _mm256_load_ps(tile.weights[i] + t);
        __m256 weight = kernels::Exp2(_mm256_sub_ps(score, _mm256_set1_ps(tile.max[i])));
        if constexpr (kHides) weight = _mm256_and_ps(weight, Seen(span.begin + t, tile, i));
        _mm256_store_ps(tile.weights[i] + t, weight);
        sum = _mm256_add_ps(sum, weight);
      }
      tile.sum[i] = tile.sum[i] * tile.correction[i] + Sum(sum);
    }
  }

  template <int kPairs>
  static void Values(const Span<FloatKind>& span, std::int64_t head_dim, Tile& tile) {
    for (std::int64_t d0 = 0; d0 < head_dim; d0 += 16) {
      __m256 out[kPairs][2];
      for (int i = 0; i < kPairs; ++i) {
        const __m256 correction = _mm256_set1_ps(tile.correction[i]);
        for (int c = 0; c < 2; ++c) {
          const __m256 before = tile.fresh ? _mm256_setzero_ps() : _mm256_loadu_ps(tile.out[i] + d0 + 8 * c);
          out[i][c] = _mm256_mul_ps(before, correction);
        }
      }
      for (std::int64_t t = 0; t < span.tokens; ++t) {
        const float* v = span.v[t / kKvBlock] + t % kKvBlock * head_dim + d0;
        const __m256 left = _mm256_loadu_ps(v);
        const __m256 right = _mm256_loadu_ps(v + 8);
        for (int i = 0; i < kPairs; ++i) {
          const __m256 p = _mm256_set1_ps(tile.weights[i][t]);
          out[i][0] = _mm256_fmadd_ps(p, left, out[i][0]);
          out[i][1] = _mm256_fmadd_ps(p, right, out[i][1]);
        }
      }
      for (int i = 0; i < kPairs; ++i) {
        for (int c = 0; c < 2; ++c) _mm256_storeu_ps(tile.out[i] + d0 + 8 * c, out[i][c]);
      }
    }
  }

 private:
  /// Of the eight positions from `begin` on, by pair i.
  static __m256 Seen(std::int64_t begin, const Tile& tile, int i) {
    return _mm256_andnot_ps(FirstLanes(tile.first[i] - begin), FirstLanes(tile.position[i] + 1 - begin));
  }
};

}  // namespace

constinit const AttentionKernel kAttentionAvx2 = MakeAttentionKernel<Avx2>("attention_avx2", RefusesAttentionAvx2);

}  // namespace strata::kernels
