// Inside the kernels only: flash attention over the paged cache, as every vector instruction set does it. Pairs of
// (row, query head) of one KV head pass over spans of 64 tokens, a few of them (a tile) at once. What a span's loops
// multiply is its Kind: floats, pairs of bf16, or pairs of integers with a scale for each row; of the latter two
// queries and weights are rounded to the same. A span that is not stored as a kind that the instruction set multiplies
// is widened once for all pairs. The softmax runs from span to span of 64 positions counted from 0 and anew at each
// kAttentionSplit, so a row's bits depend on its position alone; spans that a window or chunk hides from all rows are
// passed over, which changes no bit. Each file that includes this gets its own copy, compiled for its instruction set,
// which it passes as Isa:
//
//   struct Isa {
//     static constexpr int kTilePairs;
//     static constexpr bool kOnlyBF16;     // for a cache of bf16 alone; Values wants all of a span in one, v[0]; both
//                                          // products are of all tiles at work at once:
//                                          //   static void Scores(std::int64_t head_dim, const TilesAtWork&)
//                                          //   static void Values(std::int64_t head_dim, const TilesAtWork&)
//     static constexpr bool kBF16Dots;     // Scores and Values take Span<BF16Kind> too, and RoundBF16Pairs is there
//     static constexpr bool kIntegerDots;  // so for Span<I16Kind> and Span<I8Kind>
//     static void RoundBF16Pairs(const float*, std::int64_t count, Pair* bf16);       // count: a multiple of 16
//     static void Widen(const std::uint16_t* f16, std::int64_t count, float* out);   // count: a multiple of 16
//     static void Narrow(const float*, std::int64_t count, std::uint16_t* f16);      // clamped; any count
//     static float RoundRow(const float*, std::int64_t count, float most, float longest, std::int16_t* out);
//     static void StoreAlternate(const std::uint16_t*, std::int64_t count, std::uint16_t* out);  // to out[0], out[2],
//                                                                                      // ...; count: so, too
//     static float Exp2(float);                                                       // of x <= 0
//     static void Exp2Lanes(float*);  // likewise, of each of AttentionTile::kLanes
//     static void Norm(const float* x, const float* weight, float eps, std::int64_t count, float* out);  // RMS
//     static void Cap(float inner, float outer, float* scores);  // outer * tanh(inner * score), kSpan of them
//     template <int kPairs> static void Scores(const Span<FloatKind>&, std::int64_t head_dim, Tile&);
//     template <int kPairs, bool kHides>  // kHides: some pair does not see all of the span
//     static void Maxima(std::int64_t begin, float scale_log2, Tile&);  // of scores; and the correction
//     template <int kPairs, bool kHides>
//     static void Weigh(const Span<FloatKind>&, float scale_log2, Tile&);  // scores to weights; and their sum
//     template <int kPairs> static void Values(const Span<FloatKind>&, std::int64_t head_dim, Tile&);
//   };
//
// Each stage of a tile waits for what the one before it reduces. So two tiles go through them by turns: while one
// waits, the other has products to make. Tiles at work follow each other, and so do their rounded queries and their
// weights.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "kernels/attention_span.h"
#include "kernels/attention_store.h"
#include "kernels/attention_widen.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

constexpr int kTilesAtOnce = 16;
constexpr int kTilesAtWork = 2;
constexpr int kFewTiles = 2;

/// The pairs of some rows that pass over the cache together.
template <class Isa>
struct PairSet {
  static constexpr std::int64_t kMost = kTilesAtOnce * Isa::kTilePairs;

  alignas(64) float weights[kTilesAtWork][Isa::kTilePairs][kSpan];
  // Products of all tiles at work may reach beyond the last tile.
  static constexpr std::int64_t kRounded = Isa::kOnlyBF16 ? kMost + (kTilesAtWork - 1) * Isa::kTilePairs : kMost;
  alignas(64) Pair rounded_q[Isa::kBF16Dots || Isa::kIntegerDots ? kRounded : 1][kMaxHeadDim / 2];
  AttentionTile tiles[kTilesAtOnce];
  std::int64_t pairs;

  AttentionTile& tile(std::int64_t pair) { return tiles[pair / Isa::kTilePairs]; }
  static std::int64_t place(std::int64_t pair) { return pair % Isa::kTilePairs; }
  std::int64_t count(std::int64_t first) const {
    return pairs - first < Isa::kTilePairs ? pairs - first : Isa::kTilePairs;
  }
};

/// Calls work.operator()<kPairs>() for as many pairs as there are.
template <int kPairs, class Work>
void ForCount(std::int64_t pairs, const Work& work) {
  if constexpr (kPairs > 1) {
    if (pairs < kPairs) return ForCount<kPairs - 1>(pairs, work);
  }
  work.template operator()<kPairs>();
}

/// A tile and what it sees of a span.
template <class Isa, class Kind>
struct TileAtWork {
  AttentionTile* tile;
  std::int64_t pairs;
  Span<Kind> span;

  bool hides() const { return tile->first[pairs - 1] > span.begin || tile->position[0] < span.begin + kSpan - 1; }
};

/// Tiles that go through the stages by turns.
template <class Isa, class Kind>
struct TilesAtWork {
  TileAtWork<Isa, Kind> tiles[kTilesAtWork];
  int count = 0;
};

template <class Isa, class Kind, class Work>
void ForEachAtWork(const TilesAtWork<Isa, Kind>& at_work, const Work& work) {
  for (int t = 0; t < at_work.count; ++t) {
    const TileAtWork<Isa, Kind>& now = at_work.tiles[t];
    ForCount<Isa::kTilePairs>(now.pairs, [&]<int kPairs>() {
      if (now.hides()) return work.template operator()<kPairs, true>(now.span, *now.tile);
      work.template operator()<kPairs, false>(now.span, *now.tile);
    });
  }
}

template <class Isa, class Kind>
void AttendSpan(std::int64_t dim, const ScoreRule& rule, const TilesAtWork<Isa, Kind>& at_work) {
  if constexpr (Isa::kOnlyBF16) Isa::Scores(dim, at_work);
  ForEachAtWork(at_work, [&]<int kPairs, bool kHides>(const Span<Kind>& span, auto& tile) {
    if constexpr (!Isa::kOnlyBF16) Isa::template Scores<kPairs>(span, dim, tile);
    if (rule.outer != 0) {
      for (int i = 0; i < kPairs; ++i) Isa::Cap(rule.inner, rule.outer, tile.weights[i]);
    }
    Isa::template Maxima<kPairs, kHides>(span.begin, rule.factor, tile);
  });
  ForEachAtWork(at_work, [&]<int kPairs, bool kHides>(const Span<Kind>& span, auto& tile) {
    Isa::template Weigh<kPairs, kHides>(span, rule.factor, tile);
  });
  if constexpr (Isa::kOnlyBF16) {
    Isa::Values(dim, at_work);
  } else {
    ForEachAtWork(at_work, [&]<int kPairs, bool kHides>(const Span<Kind>& span, auto& tile) {
      Isa::template Values<kPairs>(span, dim, tile);
    });
  }
  for (int t = 0; t < at_work.count; ++t) at_work.tiles[t].tile->fresh = false;
}

/// The stretch of kAttentionSplit positions that it is in.
inline std::int64_t SplitOf(std::int64_t position) { return position / kAttentionSplit; }

/// kStored: the cache holds the kind itself.
template <class Isa, class Kind, bool kStored>
void FillSpan(const KvLayer& kv, const std::int32_t* blocks, std::int64_t head, typename Kind::Value* wide,
              Span<Kind>& span) {
  for (std::int64_t b = 0; b < span.blocks; ++b) {
    const std::int32_t block = blocks[b];
    if constexpr (kStored) {
      span.k[b] = reinterpret_cast<const typename Kind::Value*>(kv.block_k<typename Kind::Stored>(block, head));
      span.v[b] = reinterpret_cast<const typename Kind::Value*>(kv.block_v<typename Kind::Stored>(block, head));
    } else {
      const std::int64_t half = kKvBlock * kv.head_dim / Kind::kWidth;
      const std::int64_t tokens = span.tokens - b * kKvBlock < kKvBlock ? span.tokens - b * kKvBlock : kKvBlock;
      typename Kind::Value* to = wide + 2 * b * half;
      WidenBlock<Isa>(kv, block, head, tokens, to, to + half);
      span.k[b] = to;
      span.v[b] = to + half;
    }
    if constexpr (Kind::kHasScales) {
      span.k_scales[b] = kv.k_scales(block, head);
      span.v_scales[b] = kv.v_scales(block, head);
    }
  }
}

/// Room for all positions of a span in one block of V.
struct alignas(64) JoinedValues {
  Pair pairs[kSpan / 2 * kMaxHeadDim];
};

/// Brings the span's blocks of V together. What lies behind its tokens is zero: a weight of zero must find a number.
inline void JoinValues(std::int64_t dim, Span<BF16Kind>& span, JoinedValues& joined) {
  const std::int64_t written = (span.tokens + 1) / 2;
  for (std::int64_t t = 0; t < written; t += kKvBlock / 2) {
    const std::int64_t pairs = written - t < kKvBlock / 2 ? written - t : kKvBlock / 2;
    std::memcpy(joined.pairs + t * dim, span.v[t / (kKvBlock / 2)],
                static_cast<std::size_t>(pairs * dim) * sizeof(Pair));
  }
  std::memset(joined.pairs + written * dim, 0, static_cast<std::size_t>((kSpan / 2 - written) * dim) * sizeof(Pair));
  span.v[0] = joined.pairs;
}

/// Positions [begin, end) for all pairs, anew: out, max and sum of each are of these alone.
template <class Isa, class Kind, bool kStored>
void AttendStretch(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
                   std::int64_t end, PairSet<Isa>& set) {
  const std::int64_t dim = args.head_dim;
  const ScoreRule rule(args);
  for (std::int64_t first = 0; first < set.pairs; first += Isa::kTilePairs) {
    auto& tile = set.tile(first);
    for (int lane = 0; lane < tile.kLanes; ++lane) tile.max[lane] = kNever;
    for (int lane = 0; lane < tile.kLanes; ++lane) tile.sum[lane] = 0.0f;
    tile.fresh = true;
  }
  const std::int64_t last = set.tile(set.pairs - 1).position[set.place(set.pairs - 1)];
  end = end < last + 1 ? end : last + 1;
  const std::int64_t first_span = set.tile(0).first[0] / kSpan * kSpan;
  begin = begin > first_span ? begin : first_span;
  alignas(64) typename Kind::Value wide[kStored ? 1 : 2 * kSpan * kMaxHeadDim / Kind::kWidth];
  [[maybe_unused]] std::conditional_t<Isa::kOnlyBF16, JoinedValues, Pair> joined;
  for (; begin < end; begin += kSpan) {
    Span<Kind> all{.begin = begin,
                   .tokens = end - begin < kSpan ? end - begin : kSpan,
                   .blocks = 0,
                   .k = {},
                   .v = {},
                   .k_scales = {},
                   .v_scales = {}};
    all.blocks = (all.tokens + kKvBlock - 1) / kKvBlock;
    FillSpan<Isa, Kind, kStored>(args.kv, sequence.block_table + begin / kKvBlock, kv_head, wide, all);
    if constexpr (Isa::kOnlyBF16) JoinValues(dim, all, joined);
    TilesAtWork<Isa, Kind> at_work;
    for (std::int64_t first = 0; first < set.pairs; first += Isa::kTilePairs) {
      auto& tile = set.tile(first);
      const std::int64_t pairs = set.count(first);
      const std::int64_t visible = tile.position[pairs - 1] + 1 - begin;
      if (visible <= 0 || tile.first[0] >= begin + kSpan) continue;
      tile.weights = set.weights[at_work.count];
      TileAtWork<Isa, Kind>& next = at_work.tiles[at_work.count++] = {&tile, pairs, all};
      next.span.tokens = all.tokens < visible ? all.tokens : visible;
      next.span.blocks = (next.span.tokens + kKvBlock - 1) / kKvBlock;
      if (at_work.count < kTilesAtWork) continue;
      AttendSpan(dim, rule, at_work);
      at_work.count = 0;
    }
    if (at_work.count > 0) AttendSpan(dim, rule, at_work);
  }
}

template <class Isa>
void AttendStretch(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
                   std::int64_t end, PairSet<Isa>& set) {
  const auto attend = [&]<class Kind, bool kStored>() {
    AttendStretch<Isa, Kind, kStored>(args, sequence, kv_head, begin, end, set);
  };
  if constexpr (Isa::kOnlyBF16) {
    attend.template operator()<BF16Kind, true>();
  } else {
    if (args.kv.dtype == DType::kF32) return attend.template operator()<FloatKind, true>();
    if constexpr (Isa::kBF16Dots) {
      if (args.kv.dtype == DType::kBF16) return attend.template operator()<BF16Kind, true>();
    }
    if constexpr (Isa::kIntegerDots) {
      if (args.kv.dtype == DType::kI16) return attend.template operator()<I16Kind, true>();
      if (args.kv.dtype == DType::kI8) {
        // Integers are exact: both ways give the same bits. Few pairs do not pay for widening once more.
        if (set.pairs <= kFewTiles * Isa::kTilePairs) return attend.template operator()<I8Kind, true>();
        return attend.template operator()<I16Kind, false>();
      }
    }
    attend.template operator()<FloatKind, false>();
  }
}

/// What a stretch gives a pair: its maximum, the sum of its weights, its unnormalised output.
struct Part {
  const float* out;
  float max, sum;
};

/// Exp2 of this is the power of MergePart.
inline float MergeExponent(float part_max, float max) { return part_max > max ? max - part_max : part_max - max; }

/// Adds a stretch to those before it.
inline void MergePart(const Part& part, float power, std::int64_t dim, float& max, float& sum, float* out) {
  const bool grows = part.max > max;
  const float keep = grows ? power : 1;
  const float add = grows ? 1 : power;
  for (std::int64_t d = 0; d < dim; ++d) out[d] = out[d] * keep + part.out[d] * add;
  sum = sum * keep + part.sum * add;
  max = grows ? part.max : max;
}

/// The output that the softmax's sum makes of the running one, with the head's sink in that sum.
template <class Isa>
void Normalise(const AttentionArgs& args, std::int64_t head, float max, float sum, float* out) {
  if (args.sinks != nullptr) {
    const float sink = args.sinks[head] * kLog2E;
    const float new_max = max > sink ? max : sink;
    const float keep = Isa::Exp2(max - new_max);
    sum = (sum * keep + Isa::Exp2(sink - new_max)) / keep;  // infinite where the sink leaves nothing to the others
  }
  const float inverse = 1 / sum;
  for (std::int64_t d = 0; d < args.head_dim; ++d) out[d] *= inverse;
}

/// As the cache's kind has it, where that is multiplied as it is.
template <class Isa>
void RoundQuery(const AttentionArgs& args, std::int64_t pair, PairSet<Isa>& set) {
  auto& tile = set.tile(pair);
  const std::int64_t i = set.place(pair);
  if constexpr (Isa::kBF16Dots || Isa::kIntegerDots) tile.rounded_q[i] = set.rounded_q[pair];
  if constexpr (Isa::kBF16Dots) {
    if (args.kv.dtype == DType::kBF16) Isa::RoundBF16Pairs(tile.q[i], args.head_dim, set.rounded_q[pair]);
  }
  if constexpr (Isa::kIntegerDots) {
    if (HasScales(args.kv.dtype)) {
      auto* rounded = reinterpret_cast<std::int16_t*>(set.rounded_q[pair]);
      tile.q_scale[i] = Isa::RoundRow(tile.q[i], args.head_dim, kMostK, kLongestRow, rounded);
    }
  }
}

/// Row (of the sequence's in this step) and query head of a pair.
struct PairPlace {
  std::int64_t row, head;
};

inline PairPlace PlaceOf(const AttentionArgs& args, std::int64_t kv_head, std::int64_t row_begin, std::int64_t pair) {
  const std::int64_t group = args.heads / args.kv_heads;
  return {row_begin + pair / group, kv_head * group + pair % group};
}

/// Calls work(set, first) for the pairs of the rows, as many at once as fit: pair i of set is pair first + i of the
/// rows. work sets where the outputs go.
template <class Isa, class Work>
void ForPairs(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
              std::int64_t row_end, const Work& work) {
  const std::int64_t all = (row_end - row_begin) * (args.heads / args.kv_heads);
  PairSet<Isa> set;
  for (std::int64_t first = 0; first < all; first += set.kMost) {
    set.pairs = all - first < set.kMost ? all - first : set.kMost;
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const PairPlace place = PlaceOf(args, kv_head, row_begin, first + pair);
      auto& tile = set.tile(pair);
      tile.q[set.place(pair)] = args.query(sequence, place.row, place.head);
      RoundQuery(args, pair, set);
      tile.position[set.place(pair)] = args.last_seen(sequence, place.row);
      tile.first[set.place(pair)] = args.first_seen(sequence.position_begin + place.row);
    }
    work(set, first);
  }
}

/// What the stretches so far have given the pairs of a tile.
struct Merged {
  alignas(64) float max[AttentionTile::kLanes] = {};
  alignas(64) float sum[AttentionTile::kLanes] = {};
  float* out[AttentionTile::kLanes];
  std::int64_t head[AttentionTile::kLanes];
};

/// Of the stretches that a pair sees, the first begins its output and the others are added to it.
inline bool BeginsAt(std::int64_t begin, const AttentionTile& tile, std::int64_t i) {
  return SplitOf(tile.first[i]) == SplitOf(begin);
}

/// Adds what the stretch from `begin` on has given the first `pairs` of the tile.
template <class Isa>
void MergeTile(const AttentionTile& tile, std::int64_t pairs, std::int64_t begin, std::int64_t dim, Merged& to) {
  alignas(64) float powers[AttentionTile::kLanes];
  for (int i = 0; i < AttentionTile::kLanes; ++i) powers[i] = MergeExponent(tile.max[i], to.max[i]);
  Isa::Exp2Lanes(powers);
  for (std::int64_t i = 0; i < pairs; ++i) {
    if (BeginsAt(begin, tile, i)) {
      to.max[i] = tile.max[i];
      to.sum[i] = tile.sum[i];
    } else if (tile.first[i] < begin && tile.position[i] >= begin) {
      MergePart({tile.out[i], tile.max[i], tile.sum[i]}, powers[i], dim, to.max[i], to.sum[i], to.out[i]);
    }
  }
}

template <class Isa>
void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
            std::int64_t row_end) {
  using Set = PairSet<Isa>;
  const std::int64_t dim = args.head_dim;
  const std::int64_t end = args.last_seen(sequence, row_end - 1) + 1;
  alignas(64) float parts[Set::kMost * kMaxHeadDim];
  ForPairs<Isa>(args, sequence, kv_head, row_begin, row_end, [&](Set& set, std::int64_t first) {
    Merged merged[kTilesAtOnce];
    const auto of_pair = [&](std::int64_t pair) -> auto& { return merged[pair / Isa::kTilePairs]; };
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const PairPlace place = PlaceOf(args, kv_head, row_begin, first + pair);
      of_pair(pair).out[set.place(pair)] = args.output(sequence, place.row, place.head);
      of_pair(pair).head[set.place(pair)] = place.head;
    }
    for (std::int64_t begin = SplitOf(set.tile(0).first[0]) * kAttentionSplit; begin < end; begin += kAttentionSplit) {
      for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
        auto& tile = set.tile(pair);
        const std::int64_t i = set.place(pair);
        tile.out[i] = BeginsAt(begin, tile, i) ? of_pair(pair).out[i] : parts + pair * dim;
      }
      AttendStretch<Isa>(args, sequence, kv_head, begin, begin + kAttentionSplit, set);
      for (std::int64_t pair = 0; pair < set.pairs; pair += Isa::kTilePairs) {
        MergeTile<Isa>(set.tile(pair), set.count(pair), begin, dim, of_pair(pair));
      }
    }
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const auto& of = of_pair(pair);
      const std::int64_t i = set.place(pair);
      Normalise<Isa>(args, of.head[i], of.max[i], of.sum[i], of.out[i]);
    }
  });
}

template <class Isa>
void AttendPart(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
                std::int64_t row_end, std::int64_t split) {
  if (SplitOf(args.first_seen(sequence.position_begin + row_begin)) > split) return;  // no row sees it
  const std::int64_t begin = split * kAttentionSplit;
  ForPairs<Isa>(args, sequence, kv_head, row_begin, row_end, [&](PairSet<Isa>& set, std::int64_t first) {
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const PairPlace place = PlaceOf(args, kv_head, row_begin, first + pair);
      set.tile(pair).out[set.place(pair)] = args.partial(sequence, place.row, place.head, split);
    }
    AttendStretch<Isa>(args, sequence, kv_head, begin, begin + kAttentionSplit, set);
    for (std::int64_t pair = 0; pair < set.pairs; ++pair) {
      const auto& tile = set.tile(pair);
      tile.out[set.place(pair)][args.head_dim] = tile.max[set.place(pair)];
      tile.out[set.place(pair)][args.head_dim + 1] = tile.sum[set.place(pair)];
    }
  });
}

template <class Isa>
void Merge(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
           std::int64_t row_end) {
  const std::int64_t dim = args.head_dim;
  const std::int64_t pairs = (row_end - row_begin) * (args.heads / args.kv_heads);
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const PairPlace place = PlaceOf(args, kv_head, row_begin, pair);
    float* out = args.output(sequence, place.row, place.head);
    const std::int64_t position = sequence.position_begin + place.row;
    std::int64_t split = SplitOf(args.first_seen(position));
    const float* part = args.partial(sequence, place.row, place.head, split);
    for (std::int64_t d = 0; d < dim; ++d) out[d] = part[d];
    float max = part[dim];
    float sum = part[dim + 1];
    while (++split <= SplitOf(args.last_seen(sequence, place.row))) {
      part = args.partial(sequence, place.row, place.head, split);
      MergePart({part, part[dim], part[dim + 1]}, Isa::Exp2(MergeExponent(part[dim], max)), dim, max, sum, out);
    }
    Normalise<Isa>(args, place.head, max, sum, out);
  }
}

template <class Isa>
constexpr AttentionKernel MakeAttentionKernel(std::string_view name, decltype(AttentionKernel::refuses) refuses) {
  return {name, refuses, Isa::kIntegerDots, RopeStore<Isa>, Attend<Isa>, AttendPart<Isa>, Merge<Isa>};
}

}  // namespace
}  // namespace strata::kernels
