// Flash attention over the paged cache on zmm, a cache of bf16 by vdpbf16ps: two products for one of f32.
#include <immintrin.h>

#include "kernels/attention_avx512.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

struct BF16Lanes {
  using Value = BF16Pair;
  static constexpr int kWidth = 2;
  static __m512bh Load(const BF16Pair* pairs) { return std::bit_cast<__m512bh>(_mm512_loadu_si512(pairs)); }
  static __m512bh Broadcast(BF16Pair pair) {
    return std::bit_cast<__m512bh>(_mm512_set1_epi32(static_cast<std::int32_t>(pair)));
  }
  static __m512 AddProducts(__m512 sum, __m512bh a, __m512bh b) { return _mm512_dpbf16_ps(sum, a, b); }
};

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
    ScoresBy<BF16Lanes, kPairs>(span, head_dim, tile.rounded_q, tile);
  }

  template <int kPairs>
  static void Values(const Span<float>& span, std::int64_t head_dim, Tile& tile) {
    Avx512::Values<kPairs>(span, head_dim, tile);
  }
  template <int kPairs>
  static void Values(const Span<BF16Pair>& span, std::int64_t head_dim, Tile& tile) {
    alignas(64) BF16Pair weights[kPairs][kSpan / 2];
    for (int i = 0; i < kPairs; ++i) Round(tile.weights[i], kSpan, weights[i]);
    ValuesBy<BF16Lanes, kPairs>(span, head_dim, weights, tile);
  }
};

}  // namespace

constinit const AttentionKernel kAttentionAvx512Bf16 = {"attention_avx512bf16", RefusesAttentionAvx512Bf16,
                                                        RopeStore<Avx512Bf16>,  Attend<Avx512Bf16>,
                                                        AttendPart<Avx512Bf16>, Merge<Avx512Bf16>};

}  // namespace strata::kernels
