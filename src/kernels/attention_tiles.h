// Inside the attention on tiles only: over a cache of bf16, two tiles of eight (row, query head) pairs at once, or one
// where there are no more pairs. A block of K is the tile that scores of its sixteen positions want, 32 dimensions at a
// time; V is so for 32 positions, once two blocks are joined. Between the two products everything is as on zmm. A
// pair's sums are added in an order of their own, which does not depend on the other pairs.
//
// The tiles themselves are a parameter, as in linear_bf16_tiles.h.
#pragma once

#include <immintrin.h>

#include "kernels/attention_avx512_bf16.h"
#include "kernels/tile_config.h"

namespace strata::kernels {
namespace {

constexpr int kPairsAtOnce = 8;
constexpr std::int64_t kTilePairsOfK = 16;  // two dimensions or positions each, in one product of tiles
constexpr std::int64_t kTileDepth = 2 * kTilePairsOfK;

static_assert(kTilesAtWork * kPairsAtOnce == kTileRows);

// Tiles: sums 0 to 3, rows of queries or weights 4, K or V 6 and 7. With `pairs` in all.
inline TileConfig AttentionConfig(std::int64_t pairs) {
  TileConfig config;
  for (int tile = 0; tile < kTiles; ++tile) {
    config.rows[tile] = static_cast<std::uint8_t>(tile < 6 && pairs <= kPairsAtOnce ? kPairsAtOnce : kTileRows);
    config.row_bytes[tile] = kTileBytes;
  }
  return config;
}

/// For head dimensions that are multiples of kTileDepth, between Configure and Release. Rows that are nobody's (of a
/// last single tile) are multiplied like others; nobody reads what they give.
template <class Tiles>
class TilesBf16 : public Avx512Bf16 {
 public:
  static constexpr int kTilePairs = kPairsAtOnce;
  static constexpr bool kOnlyBF16 = true;
  using AtWork = TilesAtWork<TilesBf16, BF16Kind>;

  static void Scores(std::int64_t head_dim, const AtWork& at_work) {
    constexpr std::int64_t kQueryBytes = kMaxHeadDim / 2 * sizeof(Pair);  // PairSet::rounded_q
    const Span<BF16Kind>& span = at_work.tiles[at_work.count - 1].span;   // the last sees most
    const AttentionTile& tile = *at_work.tiles[0].tile;
    ForTiles<kSpanBlocks>([]<int kBlock>() { Tiles::template Zero<kBlock>(); });
    for (std::int64_t d = 0; d < head_dim / 2; d += kTilePairsOfK) {
      Tiles::template Load<4>(tile.rounded_q[0] + d, kQueryBytes);
      ForTiles<kSpanBlocks>([&]<int kBlock>() {
        if (kBlock >= span.blocks) return;
        Tiles::template Load<6 + kBlock % 2>(span.k[kBlock] + d * kKvBlock, kTileBytes);
        Tiles::template AddDots<kBlock, 4, 6 + kBlock % 2>();
      });
    }
    ForTiles<kSpanBlocks>([&]<int kBlock>() {
      if (kBlock < span.blocks)
        Tiles::template Store<kBlock>(tile.weights[0] + kBlock * kKvBlock, sizeof(*tile.weights));
    });
  }

  static void Values(std::int64_t head_dim, const AtWork& at_work) {
    alignas(64) Pair weights[kTileRows][kSpan / 2];
    for (int t = 0; t < at_work.count; ++t) {
      for (std::int64_t i = 0; i < at_work.tiles[t].pairs; ++i) {
        RoundBF16Pairs(at_work.tiles[t].tile->weights[i], kSpan, weights[t * kPairsAtOnce + i]);
      }
    }
    std::int64_t d = 0;
    for (; d + 64 <= head_dim; d += 64) ValuesOf<4>(head_dim, d, weights, at_work);
    if (d < head_dim) ValuesOf<2>(head_dim, d, weights, at_work);
  }

 private:
  template <int kChunks>
  static void ValuesOf(std::int64_t head_dim, std::int64_t d0, const Pair (&weights)[kTileRows][kSpan / 2],
                       const AtWork& at_work) {
    const Span<BF16Kind>& span = at_work.tiles[at_work.count - 1].span;
    const std::int64_t row_bytes = head_dim * static_cast<std::int64_t>(sizeof(Pair));
    ForTiles<kChunks>([]<int kChunk>() { Tiles::template Zero<kChunk>(); });
    for (std::int64_t t = 0; t < (span.tokens + 1) / 2; t += kTilePairsOfK) {
      Tiles::template Load<4>(weights[0] + t, sizeof(weights[0]));
      ForTiles<kChunks>([&]<int kChunk>() {
        Tiles::template Load<6 + kChunk % 2>(span.v[0] + t * head_dim + d0 + kChunk * kPanel, row_bytes);
        Tiles::template AddDots<kChunk, 4, 6 + kChunk % 2>();
      });
    }
    alignas(64) float sums[kTileRows][kChunks * kPanel];
    ForTiles<kChunks>([&]<int kChunk>() { Tiles::template Store<kChunk>(sums[0] + kChunk * kPanel, sizeof(sums[0])); });
    for (int t = 0; t < at_work.count; ++t) {
      const AttentionTile& tile = *at_work.tiles[t].tile;
      for (int i = 0; i < at_work.tiles[t].pairs; ++i) {
        for (int c = 0; c < kChunks; ++c) {
          const std::int64_t d = d0 + kPanel * c;
          const __m512 sum = _mm512_load_ps(sums[t * kPairsAtOnce + i] + kPanel * c);
          _mm512_storeu_ps(tile.out[i] + d, _mm512_add_ps(Kept(tile, i, d), sum));
        }
      }
    }
  }
};

/// A cache of another type goes the way of Avx512Bf16, whose shapes this kernel's are among.
template <class Tiles>
struct TileAttention {
  static bool Takes(const AttentionArgs& args) { return args.kv.dtype == DType::kBF16; }
  static std::int64_t Pairs(const AttentionArgs& args, std::int64_t rows) { return rows * args.heads / args.kv_heads; }

  static void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head,
                     std::int64_t row_begin, std::int64_t row_end) {
    if (!Takes(args)) return kernels::Attend<Avx512Bf16>(args, sequence, kv_head, row_begin, row_end);
    Tiles::Configure(AttentionConfig(Pairs(args, row_end - row_begin)));
    kernels::Attend<TilesBf16<Tiles>>(args, sequence, kv_head, row_begin, row_end);
    Tiles::Release();
  }
  static void AttendPart(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head,
                         std::int64_t row_begin, std::int64_t row_end, std::int64_t split) {
    if (!Takes(args)) return kernels::AttendPart<Avx512Bf16>(args, sequence, kv_head, row_begin, row_end, split);
    Tiles::Configure(AttentionConfig(Pairs(args, row_end - row_begin)));
    kernels::AttendPart<TilesBf16<Tiles>>(args, sequence, kv_head, row_begin, row_end, split);
    Tiles::Release();
  }

  static constexpr AttentionKernel Kernel(std::string_view name, decltype(AttentionKernel::refuses) refuses) {
    return {name,   refuses,    Avx512Bf16::kIntegerDots, RopeStore<Avx512Bf16>,
            Attend, AttendPart, Merge<Avx512Bf16>,        true};
  }
};

}  // namespace
}  // namespace strata::kernels
