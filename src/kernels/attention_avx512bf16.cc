// Flash attention over the paged cache on zmm, a cache of bf16 by vdpbf16ps: two products for one of f32.
#include <immintrin.h>

#include "kernels/attention_avx512.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

inline __m512bh LoadPairs(const BF16Pair* pairs) { return std::bit_cast<__m512bh>(_mm512_loadu_si512(pairs)); }
inline __m512bh Broadcast(BF16Pair pair) {
  return std::bit_cast<__m512bh>(_mm512_set1_epi32(static_cast<std::int32_t>(pair)));
}

class Avx512Bf16 : public Avx512 {
 public:
  static constexpr bool kPairDots = true;

  static void Round(const float* in, std::int64_t count, BF16Pair* bf16) {
    for (std::int64_t i = 0; i < count; i += 16) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(bf16 + i / 2),
                          std::bit_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(in + i))));
    }
  }

  template <int kPairs>
  static void Scores(const Span<float>& span, std::int64_t head_dim, Tile& tile) {
    Avx512::Scores<kPairs>(span, head_dim, tile);
  }
  template <int kPairs>
  static void Scores(const Span<BF16Pair>& span, std::int64_t head_dim, Tile& tile) {
    switch (span.blocks) {
      case 1:
        return ScoresOf<kPairs, 1>(span, head_dim, tile);
      case 2:
        return ScoresOf<kPairs, 2>(span, head_dim, tile);
      case 3:
        return ScoresOf<kPairs, 3>(span, head_dim, tile);
      default:
        return ScoresOf<kPairs, 4>(span, head_dim, tile);
    }
  }

  template <int kPairs>
  static void Values(const Span<float>& span, std::int64_t head_dim, Tile& tile) {
    Avx512::Values<kPairs>(span, head_dim, tile);
  }
  template <int kPairs>
  static void Values(const Span<BF16Pair>& span, std::int64_t head_dim, Tile& tile) {
    alignas(64) BF16Pair weights[kPairs][kSpan / 2];
    for (int i = 0; i < kPairs; ++i) Round(tile.weights[i], kSpan, weights[i]);
    std::int64_t d0 = 0;
    for (; d0 + 64 <= head_dim; d0 += 64) ValuesOf<kPairs, 4>(span, head_dim, d0, weights, tile);
    for (; d0 < head_dim; d0 += 16) ValuesOf<kPairs, 1>(span, head_dim, d0, weights, tile);
  }

 private:
  template <int kPairs, int kBlocks>
  static void ScoresOf(const Span<BF16Pair>& span, std::int64_t head_dim, Tile& tile) {
    __m512 scores[kPairs][kBlocks];
    for (auto& pair : scores) {
      for (__m512& score : pair) score = _mm512_setzero_ps();
    }
    for (std::int64_t d = 0; d < head_dim / 2; ++d) {
      __m512bh k[kBlocks];
      for (int b = 0; b < kBlocks; ++b) k[b] = LoadPairs(span.k[b] + d * kKvBlock);
      for (int i = 0; i < kPairs; ++i) {
        const __m512bh q = Broadcast(tile.rounded_q[i][d]);
        for (int b = 0; b < kBlocks; ++b) scores[i][b] = _mm512_dpbf16_ps(scores[i][b], q, k[b]);
      }
    }
    for (int i = 0; i < kPairs; ++i) {
      for (int b = 0; b < kBlocks; ++b) _mm512_store_ps(tile.weights[i] + b * kKvBlock, scores[i][b]);
    }
  }

  // Dimensions [d0, d0 + 16 kChunks) of the outputs. The second of a last pair may be nobody's: its weight is 0.
  template <int kPairs, int kChunks>
  static void ValuesOf(const Span<BF16Pair>& span, std::int64_t head_dim, std::int64_t d0,
                       const BF16Pair (*weights)[kSpan / 2], Tile& tile) {
    __m512 out[kPairs][kChunks];
    for (int i = 0; i < kPairs; ++i) {
      const __m512 correction = _mm512_set1_ps(tile.correction[i]);
      for (int c = 0; c < kChunks; ++c) {
        out[i][c] = _mm512_mul_ps(_mm512_loadu_ps(tile.out[i] + d0 + 16 * c), correction);
      }
    }
    for (std::int64_t begin = 0; begin < span.tokens; begin += kKvBlock) {
      const BF16Pair* v = span.v[begin / kKvBlock] + d0;
      const std::int64_t tokens = span.tokens - begin < kKvBlock ? span.tokens - begin : kKvBlock;
      for (std::int64_t t = 0; t < tokens; t += 2, v += head_dim) {
        __m512bh values[kChunks];
        for (int c = 0; c < kChunks; ++c) values[c] = LoadPairs(v + 16 * c);
        for (int i = 0; i < kPairs; ++i) {
          const __m512bh p = Broadcast(weights[i][(begin + t) / 2]);
          for (int c = 0; c < kChunks; ++c) out[i][c] = _mm512_dpbf16_ps(out[i][c], p, values[c]);
        }
      }
    }
    for (int i = 0; i < kPairs; ++i) {
      for (int c = 0; c < kChunks; ++c) _mm512_storeu_ps(tile.out[i] + d0 + 16 * c, out[i][c]);
    }
  }
};

}  // namespace

constinit const AttentionKernel kAttentionAvx512Bf16 = {"attention_avx512bf16", RefusesAttentionAvx512Bf16,
                                                        RopeStore<Avx512Bf16>,  Attend<Avx512Bf16>,
                                                        AttendPart<Avx512Bf16>, Merge<Avx512Bf16>};

}  // namespace strata::kernels
