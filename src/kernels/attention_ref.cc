// The oracle: one query at a time, tokens in order, softmax kept running over the blocks of a stretch of the cache.
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "kernels/kernel_list.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

std::string Refuses(std::int64_t, std::int64_t, std::int64_t, const CpuFeatures&) { return ""; }

float FloatOf(DType dtype, const void* values, std::int64_t i) {
  if (dtype == DType::kF32) return static_cast<const float*>(values)[i];
  if (dtype == DType::kI16) return static_cast<const std::int16_t*>(values)[i];
  if (dtype == DType::kI8) return static_cast<const std::int8_t*>(values)[i];
  const std::uint16_t bits = static_cast<const std::uint16_t*>(values)[i];
  return dtype == DType::kF16 ? F16ToF32(bits) : BF16ToF32(bits);
}

void Put(DType dtype, void* values, std::int64_t i, float value) {
  constexpr float kMaxF16 = 65504.0f;
  constexpr float kMaxBF16 = 0x1.fep127f;
  if (dtype == DType::kF32) {
    static_cast<float*>(values)[i] = value;
  } else if (dtype == DType::kI16) {
    static_cast<std::int16_t*>(values)[i] = static_cast<std::int16_t>(std::nearbyint(value));
  } else if (dtype == DType::kI8) {
    static_cast<std::int8_t*>(values)[i] = static_cast<std::int8_t>(std::nearbyint(value));
  } else {
    static_cast<std::uint16_t*>(values)[i] = dtype == DType::kF16 ? F32ToF16(std::clamp(value, -kMaxF16, kMaxF16))
                                                                  : F32ToBF16(std::clamp(value, -kMaxBF16, kMaxBF16));
  }
}

/// K or V of one block and head.
class Rows {
 public:
  static Rows K(const KvLayer& kv, std::int64_t block, std::int64_t head) {
    return {kv, true, kv.block_k<std::byte>(block, head), kv.k_scales(block, head)};
  }
  static Rows V(const KvLayer& kv, std::int64_t block, std::int64_t head) {
    const std::int64_t k_bytes = kKvBlock * kv.head_dim * KvLayer::ValueBytes(kv.dtype);
    return {kv, false, kv.block_k<std::byte>(block, head) + k_bytes, kv.v_scales(block, head)};
  }

  float Get(std::int64_t slot, std::int64_t d) const {
    return FloatOf(kv_.dtype, values_, Index(slot, d)) * (HasScales(kv_.dtype) ? scales_[slot] : 1);
  }
  void PutRow(std::int64_t slot, std::span<const float> row) const {
    float inverse = 1;
    if (HasScales(kv_.dtype)) {
      const double scale = Scale(row);
      scales_[slot] = static_cast<float>(scale);
      inverse = scale > 0 ? 1 / scales_[slot] : 0;
      if (std::isnan(scale)) return;  // the integers do not matter
    }
    for (std::size_t d = 0; d < row.size(); ++d) {
      Put(kv_.dtype, values_, Index(slot, static_cast<std::int64_t>(d)), row[d] * inverse);
    }
  }

 private:
  Rows(const KvLayer& kv, bool keys, std::byte* values, float* scales)
      : kv_(kv), keys_(keys), values_(values), scales_(scales) {}

  std::int64_t Index(std::int64_t slot, std::int64_t d) const {
    return keys_ ? kv_.k_index(d, slot) : kv_.v_index(d, slot);
  }
  float Scale(std::span<const float> row) const {
    float greatest = 0;
    double squares = 0;
    for (const float value : row) {
      greatest = std::max(greatest, std::abs(value));
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    if (!std::isfinite(squares)) return std::numeric_limits<float>::quiet_NaN();
    if (greatest < 1e-30f) return 0;
    const float scale = greatest / (kv_.dtype == DType::kI8 ? kMostI8 : keys_ ? kMostK : kMostV);
    return keys_ ? std::max(scale, static_cast<float>(std::sqrt(squares) / static_cast<double>(kLongestRow))) : scale;
  }

  const KvLayer& kv_;
  bool keys_;
  std::byte* values_;
  float* scales_;
};

void RopeStore(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
               std::int64_t row_end) {
  const std::int64_t group = args.heads / args.kv_heads;
  const std::int64_t dim = args.head_dim;
  std::vector<float> k(static_cast<std::size_t>(dim));
  const auto turn = [&](const float* norm, std::int64_t position, const float* head, float* out) {
    if (norm != nullptr) kRowsRef.rms_norm(head, norm, args.norm_eps, dim, out);
    kRowsRef.rope(args.rope, position, 1, dim, norm != nullptr ? out : head, out);
  };
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    const std::int64_t position = sequence.position_begin + r;
    const std::int64_t row = sequence.row_begin + r;
    for (std::int64_t h = kv_head * group; h < (kv_head + 1) * group; ++h) {
      float* q = args.query(sequence, r, h);
      turn(args.q_norm, position, q, q);
    }
    turn(args.k_norm, position, args.k.data + row * args.k.stride + kv_head * dim, k.data());
    const float* v = args.v.data + row * args.v.stride + kv_head * dim;
    const std::int64_t block = sequence.block_table[position / kKvBlock];
    const std::int64_t slot = position % kKvBlock;
    Rows::K(args.kv, block, kv_head).PutRow(slot, k);
    const Rows values = Rows::V(args.kv, block, kv_head);
    values.PutRow(slot, {v, static_cast<std::size_t>(dim)});
    if (args.kv.dtype == DType::kBF16 && slot % 2 == 0 && r + 1 == sequence.row_count) {
      values.PutRow(slot + 1, std::vector<float>(static_cast<std::size_t>(dim)));
    }
  }
}

float Score(const AttentionArgs& args, float product) {
  const float score = product * args.scale;
  return args.softcap == 0 ? score : args.softcap * std::tanh(score / args.softcap);
}

/// What a stretch of positions gives.
struct Partial {
  float* out;
  float max, sum;
};

/// Keys and values of one KV head as floats: of the blocks that hold positions [begin, end), once for all queries.
class Context {
 public:
  Context(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t begin,
          std::int64_t end)
      : dim_(args.head_dim), first_block_(begin / kKvBlock) {
    for (std::int64_t b = first_block_; b * kKvBlock < end; ++b) {
      const Rows k = Rows::K(args.kv, sequence.block_table[b], kv_head);
      const Rows v = Rows::V(args.kv, sequence.block_table[b], kv_head);
      for (std::int64_t d = 0; d < dim_; ++d) {
        for (std::int64_t slot = 0; slot < kKvBlock; ++slot) keys_.push_back(k.Get(slot, d));
      }
      for (std::int64_t slot = 0; slot < kKvBlock; ++slot) {
        for (std::int64_t d = 0; d < dim_; ++d) values_.push_back(v.Get(slot, d));
      }
    }
  }

  /// [head_dim][kKvBlock], of the position's block.
  const float* k_block(std::int64_t position) const { return keys_.data() + BlockOffset(position); }
  /// [kKvBlock][head_dim], likewise. What was never written may be anything.
  const float* v_block(std::int64_t position) const { return values_.data() + BlockOffset(position); }

 private:
  std::int64_t BlockOffset(std::int64_t position) const {
    return (position / kKvBlock - first_block_) * kKvBlock * dim_;
  }

  std::int64_t dim_, first_block_;
  std::vector<float> keys_, values_;
};

void AttendStretch(const AttentionArgs& args, const Context& context, std::int64_t begin, std::int64_t end,
                   const float* q, Partial& to) {
  const std::int64_t dim = args.head_dim;
  std::fill_n(to.out, dim, 0.0f);
  to.max = -std::numeric_limits<float>::infinity();
  to.sum = 0.0f;
  while (begin < end) {
    const float* k = context.k_block(begin);
    const float* v = context.v_block(begin);
    const std::int64_t first = begin % kKvBlock;
    const std::int64_t last = std::min(kKvBlock, first + end - begin);
    begin += last - first;
    float score[kKvBlock] = {};
    for (std::int64_t d = 0; d < dim; ++d) {
      for (std::int64_t t = first; t < last; ++t) score[t] += q[d] * k[d * kKvBlock + t];
    }
    float new_max = to.max;
    for (std::int64_t t = first; t < last; ++t) new_max = std::max(new_max, score[t] = Score(args, score[t]));
    const float correction = std::exp(to.max - new_max);
    to.max = new_max;
    to.sum *= correction;
    for (std::int64_t d = 0; d < dim; ++d) to.out[d] *= correction;
    for (std::int64_t t = first; t < last; ++t) {
      const float p = std::exp(score[t] - to.max);
      to.sum += p;
      for (std::int64_t d = 0; d < dim; ++d) to.out[d] += p * v[t * dim + d];
    }
  }
}

void MergeStretch(const Partial& part, std::int64_t dim, Partial& to) {
  const float max = std::max(to.max, part.max);
  const float keep = std::exp(to.max - max);
  const float add = std::exp(part.max - max);
  for (std::int64_t d = 0; d < dim; ++d) to.out[d] = to.out[d] * keep + part.out[d] * add;
  to.sum = to.sum * keep + part.sum * add;
  to.max = max;
}

/// Divides by the softmax's sum, in which the head's sink is one more.
void Normalise(const AttentionArgs& args, std::int64_t head, Partial& all) {
  if (args.sinks != nullptr) {
    const float max = std::max(all.max, args.sinks[head]);
    const float keep = std::exp(all.max - max);
    all.sum = all.sum * keep + std::exp(args.sinks[head] - max);
    for (std::int64_t d = 0; d < args.head_dim; ++d) all.out[d] *= keep;
  }
  for (std::int64_t d = 0; d < args.head_dim; ++d) all.out[d] /= all.sum;
}

/// End of the stretch of kAttentionSplit positions in which `begin` is, or `end` if that comes first.
std::int64_t StretchEnd(std::int64_t begin, std::int64_t end) {
  return std::min(end, (begin / kAttentionSplit + 1) * kAttentionSplit);
}

/// Calls work(r, head) for the rows and the KV head's query heads.
void ForPairs(const AttentionArgs& args, std::int64_t kv_head, std::int64_t row_begin, std::int64_t row_end,
              const auto& work) {
  const std::int64_t group = args.heads / args.kv_heads;
  for (std::int64_t r = row_begin; r < row_end; ++r) {
    for (std::int64_t head = kv_head * group; head < (kv_head + 1) * group; ++head) work(r, head);
  }
}

void Attend(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
            std::int64_t row_end) {
  const std::int64_t dim = args.head_dim;
  std::vector<float> part_out(static_cast<std::size_t>(dim));
  const Context context(args, sequence, kv_head, args.first_seen(sequence.position_begin + row_begin),
                        args.last_seen(sequence, row_end - 1) + 1);
  ForPairs(args, kv_head, row_begin, row_end, [&](std::int64_t r, std::int64_t head) {
    const float* q = args.query(sequence, r, head);
    const std::int64_t end = args.last_seen(sequence, r) + 1;
    const std::int64_t first = args.first_seen(sequence.position_begin + r);
    Partial all{args.output(sequence, r, head), 0, 0};
    AttendStretch(args, context, first, StretchEnd(first, end), q, all);
    for (std::int64_t begin = StretchEnd(first, end); begin < end; begin = StretchEnd(begin, end)) {
      Partial part{part_out.data(), 0, 0};
      AttendStretch(args, context, begin, StretchEnd(begin, end), q, part);
      MergeStretch(part, dim, all);
    }
    Normalise(args, head, all);
  });
}

void AttendPart(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
                std::int64_t row_end, std::int64_t split) {
  const std::int64_t split_begin = split * kAttentionSplit;
  const std::int64_t first_seen = args.first_seen(sequence.position_begin + row_begin);
  const std::int64_t last_seen = args.last_seen(sequence, row_end - 1);
  const Context context(args, sequence, kv_head, std::max(split_begin, first_seen),
                        std::min(split_begin + kAttentionSplit, last_seen + 1));
  ForPairs(args, kv_head, row_begin, row_end, [&](std::int64_t r, std::int64_t head) {
    const std::int64_t begin = std::max(split_begin, args.first_seen(sequence.position_begin + r));
    const std::int64_t end = std::min(args.last_seen(sequence, r) + 1, split_begin + kAttentionSplit);
    if (begin >= end) return;
    Partial part{args.partial(sequence, r, head, split), 0, 0};
    AttendStretch(args, context, begin, end, args.query(sequence, r, head), part);
    part.out[args.head_dim] = part.max;
    part.out[args.head_dim + 1] = part.sum;
  });
}

void Merge(const AttentionArgs& args, const SequenceRows& sequence, std::int64_t kv_head, std::int64_t row_begin,
           std::int64_t row_end) {
  const std::int64_t dim = args.head_dim;
  ForPairs(args, kv_head, row_begin, row_end, [&](std::int64_t r, std::int64_t head) {
    Partial all{args.output(sequence, r, head), 0, 0};
    const std::int64_t first = args.first_seen(sequence.position_begin + r) / kAttentionSplit;
    for (std::int64_t split = first; split <= args.last_seen(sequence, r) / kAttentionSplit; ++split) {
      float* stored = args.partial(sequence, r, head, split);
      const Partial part{stored, stored[dim], stored[dim + 1]};
      if (split == first) {
        std::copy_n(stored, dim, all.out);
        all.max = part.max;
        all.sum = part.sum;
      } else {
        MergeStretch(part, dim, all);
      }
    }
    Normalise(args, head, all);
  });
}

}  // namespace

const AttentionKernel kAttentionRef = {"attention_ref", Refuses, false, RopeStore, Attend, AttendPart, Merge};

}  // namespace strata::kernels
