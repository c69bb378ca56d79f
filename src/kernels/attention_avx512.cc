// Flash attention over the paged cache. A tile is up to six (row, query head) pairs of one KV head against 64 tokens
// (four blocks): 24 zmm of scores share each row of K^T, then 24 zmm of outputs share each row of V. The softmax runs
// from span to span of 64 positions counted from 0, so a row's bits depend on its position alone.
#include <immintrin.h>

#include "kernels/avx512.h"
#include "kernels/kernel_list.h"
#include "kernels/rope_angles.h"

namespace strata::kernels {
namespace {

constexpr int kTilePairs = 6;
constexpr int kSpanBlocks = 4;
constexpr std::int64_t kSpan = kSpanBlocks * kKvBlock;
constexpr float kNever = -1e30f;  // a masked score, in units of log2: its exponential is 0, and never NaN

// 2^x for x <= 0: x = n + f, |f| <= 1/2; the polynomial is Taylor's of degree 6 in f ln 2, within 2 ulp there.
inline __m512 Exp2(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-200.0f));  // 2^-200 is 0 in f32 already
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 f = _mm512_sub_ps(x, n);
  __m512 y = _mm512_set1_ps(1.54035303933816e-4f);
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.33335581464284e-3f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(9.61812910762848e-3f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(5.55041086648216e-2f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(2.40226506959101e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(6.93147180559945e-1f));
  y = _mm512_fmadd_ps(y, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(y, n);
}

// Up to six pairs and what is carried from span to span.
struct Tile {
  const float* q[kTilePairs];
  float* out[kTilePairs];  ///< the running, unnormalised output
  std::int64_t position[kTilePairs];
  float max[kTilePairs];
  float sum[kTilePairs];
  alignas(64) float weights[kTilePairs][kSpan];  ///< scores, then exp(score - max)
  float correction[kTilePairs];
};

struct Span {
  std::int64_t begin;   ///< first position
  std::int64_t tokens;  ///< positions that the tile's last row may see
  const float* k[kSpanBlocks];
  const float* v[kSpanBlocks];
};

template <int kPairs, int kBlocks>
void Scores(const Span& span, std::int64_t head_dim, Tile& tile) {
  __m512 scores[kPairs][kBlocks];
  for (auto& pair : scores) {
    for (__m512& score : pair) score = _mm512_setzero_ps();
  }
  for (std::int64_t d = 0; d < head_dim; ++d) {
    __m512 k[kBlocks];
    for (int b = 0; b < kBlocks; ++b) k[b] = _mm512_loadu_ps(span.k[b] + d * kKvBlock);
    for (int i = 0; i < kPairs; ++i) {
      const __m512 q = _mm512_set1_ps(tile.q[i][d]);
      for (int b = 0; b < kBlocks; ++b) scores[i][b] = _mm512_fmadd_ps(q, k[b], scores[i][b]);
    }
  }
  for (int i = 0; i < kPairs; ++i) {
    for (int b = 0; b < kBlocks; ++b) _mm512_store_ps(tile.weights[i] + b * kKvBlock, scores[i][b]);
  }
}

// scale_log2 = scale * log2(e): the softmax is taken in powers of two.
template <int kPairs>
void Softmax(const Span& span, float scale_log2, Tile& tile) {
  const __m512 scale = _mm512_set1_ps(scale_log2);
  const __m512 never = _mm512_set1_ps(kNever);
  for (int i = 0; i < kPairs; ++i) {
    float* weights = tile.weights[i];
    const std::int64_t visible = tile.position[i] + 1 - span.begin;
    __m512 scores[kSpanBlocks];
    __m512 max = never;
    for (int b = 0; b < kSpanBlocks; ++b) {
      const __mmask16 lanes = Lanes(visible - b * kKvBlock);
      scores[b] = _mm512_mask_mul_ps(never, lanes, _mm512_load_ps(weights + b * kKvBlock), scale);
      max = _mm512_max_ps(max, scores[b]);
    }
    const float new_max = __builtin_fmaxf(tile.max[i], _mm512_reduce_max_ps(max));
    __m512 sum = _mm512_setzero_ps();
    for (int b = 0; b < kSpanBlocks; ++b) {
      const __mmask16 lanes = Lanes(visible - b * kKvBlock);
      const __m512 p = _mm512_maskz_mov_ps(lanes, Exp2(_mm512_sub_ps(scores[b], _mm512_set1_ps(new_max))));
      _mm512_store_ps(weights + b * kKvBlock, p);
      sum = _mm512_add_ps(sum, p);
    }
    tile.correction[i] = _mm512_cvtss_f32(Exp2(_mm512_set1_ps(tile.max[i] - new_max)));
    tile.sum[i] = tile.sum[i] * tile.correction[i] + _mm512_reduce_add_ps(sum);
    tile.max[i] = new_max;
  }
}

// Dimensions [d0, d0 + 16 kChunks) of the outputs.
template <int kPairs, int kChunks>
void Values(const Span& span, std::int64_t head_dim, std::int64_t d0, Tile& tile) {
  __m512 out[kPairs][kChunks];
  for (int i = 0; i < kPairs; ++i) {
    const __m512 correction = _mm512_set1_ps(tile.correction[i]);
    for (int c = 0; c < kChunks; ++c) {
      out[i][c] = _mm512_mul_ps(_mm512_loadu_ps(tile.out[i] + d0 + 16 * c), correction);
    }
  }
  for (std::int64_t begin = 0; begin < span.tokens; begin += kKvBlock) {
    const float* v = span.v[begin / kKvBlock] + d0;
    const std::int64_t tokens = span.tokens - begin < kKvBlock ? span.tokens - begin : kKvBlock;
    for (std::int64_t t = 0; t < tokens; ++t, v += head_dim) {
      __m512 values[kChunks];
      for (int c = 0; c < kChunks; ++c) values[c] = _mm512_loadu_ps(v + 16 * c);
      for (int i = 0; i < kPairs; ++i) {
        const __m512 p = _mm512_set1_ps(tile.weights[i][begin + t]);
        for (int c = 0; c < kChunks; ++c) out[i][c] = _mm512_fmadd_ps(p, values[c], out[i][c]);
      }
    }
  }
  for (int i = 0; i < kPairs; ++i) {
    for (int c = 0; c < kChunks; ++c) _mm512_storeu_ps(tile.out[i] + d0 + 16 * c, out[i][c]);
  }
}

template <int kPairs>
void AttendTile(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, Tile& tile) {
  constexpr float kLog2E = 1.44269504f;
  const std::int64_t dim = args.head_dim;
  for (int i = 0; i < kPairs; ++i) {
    tile.max[i] = kNever;
    tile.sum[i] = 0.0f;
    for (std::int64_t d = 0; d < dim; d += 16) _mm512_storeu_ps(tile.out[i] + d, _mm512_setzero_ps());
  }
  const std::int64_t block_floats = 2 * args.kv_heads * kKvBlock * dim;
  const std::int64_t end = tile.position[kPairs - 1] + 1;  // pairs are in order of their rows
  for (std::int64_t begin = 0; begin < end; begin += kSpan) {
    Span span{.begin = begin, .tokens = end - begin < kSpan ? end - begin : kSpan, .k = {}, .v = {}};
    const std::int64_t blocks = (span.tokens + kKvBlock - 1) / kKvBlock;
    for (std::int64_t b = 0; b < blocks; ++b) {
      const float* block = args.kv.base + sequence.block_table[begin / kKvBlock + b] * block_floats;
      span.k[b] = block + kv_head * kKvBlock * dim;
      span.v[b] = block + (args.kv_heads + kv_head) * kKvBlock * dim;
    }
    switch (blocks) {
      case 1:
        Scores<kPairs, 1>(span, dim, tile);
        break;
      case 2:
        Scores<kPairs, 2>(span, dim, tile);
        break;
      case 3:
        Scores<kPairs, 3>(span, dim, tile);
        break;
      default:
        Scores<kPairs, 4>(span, dim, tile);
        break;
    }
    Softmax<kPairs>(span, args.scale * kLog2E, tile);
    std::int64_t d0 = 0;
    for (; d0 + 64 <= dim; d0 += 64) Values<kPairs, 4>(span, dim, d0, tile);
    for (; d0 < dim; d0 += 16) Values<kPairs, 1>(span, dim, d0, tile);
  }
  for (int i = 0; i < kPairs; ++i) {
    const __m512 sum = _mm512_set1_ps(tile.sum[i]);
    for (std::int64_t d = 0; d < dim; d += 16) {
      _mm512_storeu_ps(tile.out[i] + d, _mm512_div_ps(_mm512_loadu_ps(tile.out[i] + d), sum));
    }
  }
}

// One head's rotation: pairs (i, i + half) in halves style, sixteen at a time.
void RotateHalves(const float* cosine, const float* sine, std::int64_t half, const float* in, float* out) {
  for (std::int64_t i = 0; i < half; i += 16) {
    const __mmask16 lanes = Lanes(half - i);
    const __m512 x = _mm512_maskz_loadu_ps(lanes, in + i);
    const __m512 y = _mm512_maskz_loadu_ps(lanes, in + half + i);
    const __m512 c = _mm512_maskz_loadu_ps(lanes, cosine + i);
    const __m512 s = _mm512_maskz_loadu_ps(lanes, sine + i);
    _mm512_mask_storeu_ps(out + i, lanes, _mm512_sub_ps(_mm512_mul_ps(x, c), _mm512_mul_ps(y, s)));
    _mm512_mask_storeu_ps(out + half + i, lanes, _mm512_add_ps(_mm512_mul_ps(y, c), _mm512_mul_ps(x, s)));
  }
}

void Rotate(const RopeArgs& rope, const float* cosine, const float* sine, const float* in, float* out) {
  const std::int64_t half = rope.rotary_dim / 2;
  if (rope.style == RopeStyle::kHalves) return RotateHalves(cosine, sine, half, in, out);
  for (std::int64_t i = 0; i < half; ++i) {
    const float x = in[2 * i];
    const float y = in[2 * i + 1];
    out[2 * i] = x * cosine[i] - y * sine[i];
    out[2 * i + 1] = y * cosine[i] + x * sine[i];
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
    for (std::int64_t d = 0; d < dim; d += 16) _mm512_store_ps(rotated + d, _mm512_loadu_ps(k + d));
    Rotate(args.rope, cosine, sine, k, rotated);
    float* block = args.kv.base + sequence.block_table[position / kKvBlock] * block_floats;
    const std::int64_t slot = position % kKvBlock;
    float* cache_k = block + kv_head * kKvBlock * dim + slot;
    float* cache_v = block + (args.kv_heads + kv_head) * kKvBlock * dim + slot * dim;
    for (std::int64_t d = 0; d < dim; ++d) cache_k[d * kKvBlock] = rotated[d];
    for (std::int64_t d = 0; d < dim; d += 16) _mm512_storeu_ps(cache_v + d, _mm512_loadu_ps(v + d));
  }
}

void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
            std::int64_t row_end) {
  const std::int64_t group = args.heads / args.kv_heads;
  const std::int64_t pairs = (row_end - row_begin) * group;
  Tile tile;
  for (std::int64_t first = 0; first < pairs; first += kTilePairs) {
    const std::int64_t count = pairs - first < kTilePairs ? pairs - first : kTilePairs;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t r = row_begin + (first + i) / group;
      const std::int64_t head = kv_head * group + (first + i) % group;
      const std::int64_t row = sequence.row_begin + r;
      tile.q[i] = args.qkv + row * args.qkv_stride + head * args.head_dim;
      tile.out[i] = args.out + row * args.out_stride + head * args.head_dim;
      tile.position[i] = sequence.position_begin + r;
    }
    switch (count) {
      case 1:
        AttendTile<1>(args, sequence, kv_head, tile);
        break;
      case 2:
        AttendTile<2>(args, sequence, kv_head, tile);
        break;
      case 3:
        AttendTile<3>(args, sequence, kv_head, tile);
        break;
      case 4:
        AttendTile<4>(args, sequence, kv_head, tile);
        break;
      case 5:
        AttendTile<5>(args, sequence, kv_head, tile);
        break;
      default:
        AttendTile<6>(args, sequence, kv_head, tile);
        break;
    }
  }
}

}  // namespace

constinit const AttentionKernel kAttentionAvx512 = {"attention_avx512", RefusesAttentionAvx512, RopeStore, Attend};

}  // namespace strata::kernels
