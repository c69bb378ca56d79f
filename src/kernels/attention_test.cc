// Attention against the oracle and against a softmax in double; chunks at any boundary must give the same bits.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

struct Shape {
  std::int64_t heads, kv_heads, head_dim, rotary_dim;
  RopeStyle style;
  std::int64_t qkv_width() const { return (heads + 2 * kv_heads) * head_dim; }
};

// One sequence of `tokens` tokens, its cache in shuffled blocks that hold rubbish at first.
class Sequence {
 public:
  Sequence(const AttentionKernel& kernel, const Shape& shape, std::int64_t tokens, unsigned block_seed = 1,
           DType dtype = DType::kF32)
      : kernel_(kernel),
        shape_(shape),
        dtype_(dtype),
        blocks_(static_cast<std::size_t>((tokens + kKvBlock - 1) / kKvBlock)) {
    std::minstd_rand random(5);
    std::normal_distribution<float> normal;
    qkv_.resize(static_cast<std::size_t>(tokens * shape.qkv_width()));
    for (float& value : qkv_) value = normal(random);
    out_.resize(static_cast<std::size_t>(tokens * shape.heads * shape.head_dim));
    std::iota(blocks_.begin(), blocks_.end(), 2);
    std::shuffle(blocks_.begin(), blocks_.end(), std::minstd_rand(block_seed));
    cache_.resize((blocks_.size() + 2) *
                  static_cast<std::size_t>(KvLayer::BlockElements(shape.kv_heads, shape.head_dim)));
    for (float& value : cache_) value = NAN;
    for (std::int64_t i = 0; i < shape.rotary_dim / 2; ++i) {
      inv_freq_.push_back(
          static_cast<float>(std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(shape.rotary_dim))));
    }
  }

  AttentionArgs Args() {
    return {.qkv = qkv_.data(),
            .qkv_stride = shape_.qkv_width(),
            .out = out_.data(),
            .out_stride = shape_.heads * shape_.head_dim,
            .heads = shape_.heads,
            .kv_heads = shape_.kv_heads,
            .head_dim = shape_.head_dim,
            .scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim)),
            .rope = {inv_freq_.data(), shape_.rotary_dim, 1.0f, shape_.style},
            .kv = kv()};
  }

  // Rows [begin, end) as one step; the tail of a call is split in two, as two threads would.
  void Step(std::int64_t begin, std::int64_t end) {
    const AttentionArgs args = Args();
    const SequenceRows rows{begin, end - begin, begin, blocks_.data()};
    const std::int64_t middle = (end - begin) / 3;
    for (std::int64_t head = 0; head < shape_.kv_heads; ++head) {
      kernel_.rope_store(args, rows, head, 0, middle);
      kernel_.rope_store(args, rows, head, middle, end - begin);
      kernel_.attend(args, rows, head, middle, end - begin);
      kernel_.attend(args, rows, head, 0, middle);
    }
  }

  // The same rows, each split of the context by itself, the last first, as ranks may come to them.
  void StepInParts(std::int64_t begin, std::int64_t end) {
    AttentionArgs args = Args();
    SequenceRows rows{begin, end - begin, begin, blocks_.data()};
    rows.partial_begin = 3;
    std::vector<float> partials(
        static_cast<std::size_t>((3 + rows.row_count * rows.splits()) * shape_.heads * (shape_.head_dim + 2)), NAN);
    args.partials = partials.data();
    for (std::int64_t head = 0; head < shape_.kv_heads; ++head) {
      kernel_.rope_store(args, rows, head, 0, rows.row_count);
      for (std::int64_t split = rows.splits(); split-- > 0;) {
        kernel_.attend_part(args, rows, head, 0, rows.row_count, split);
      }
      kernel_.merge(args, rows, head, 0, rows.row_count);
    }
  }

  const std::vector<float>& out() const { return out_; }
  const std::vector<float>& qkv() const { return qkv_; }
  KvLayer kv() {
    return {reinterpret_cast<std::byte*>(cache_.data()), shape_.kv_heads, shape_.head_dim, dtype_,
            KvLayer::BlockBytes(shape_.kv_heads, shape_.head_dim, dtype_)};
  }
  std::int64_t block(std::int64_t i) const { return blocks_[static_cast<std::size_t>(i)]; }

 private:
  const AttentionKernel& kernel_;
  Shape shape_;
  DType dtype_;
  std::vector<std::int32_t> blocks_;
  std::vector<float> qkv_, out_, cache_, inv_freq_;
};

std::vector<const AttentionKernel*> Kernels(const Shape& shape) {
  std::vector<const AttentionKernel*> kernels;
  for (const AttentionKernel* kernel : AttentionKernels()) {
    if (kernel->refuses(shape.heads, shape.kv_heads, shape.head_dim, DetectCpu("")).empty()) kernels.push_back(kernel);
  }
  return kernels;
}

const AttentionKernel& Ref() { return *AttentionKernels().back(); }

double MaxError(const std::vector<float>& got, const std::vector<float>& want) {
  double error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return HUGE_VAL;
    error = std::max(error, std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
  }
  return error;
}

class AttentionTest : public testing::TestWithParam<Shape> {};

TEST_P(AttentionTest, MatchesRefAtEveryLength) {
  for (const std::int64_t tokens : {1, 2, 15, 16, 17, 31, 63, 64, 65, 130, 200}) {
    Sequence want(Ref(), GetParam(), tokens);
    want.Step(0, tokens);
    for (const AttentionKernel* kernel : Kernels(GetParam())) {
      if (kernel == &Ref()) continue;
      Sequence got(*kernel, GetParam(), tokens);
      got.Step(0, tokens);
      EXPECT_LT(MaxError(got.out(), want.out()), 1e-5) << kernel->name << " " << tokens;
      EXPECT_EQ(std::memcmp(got.qkv().data(), want.qkv().data(), got.qkv().size() * sizeof(float)), 0)
          << "rotation differs: " << kernel->name;
    }
  }
}

TEST_P(AttentionTest, HalfWidthCacheMatchesRefs) {
  for (const std::int64_t tokens : {1, 17, 130}) {
    Sequence exact(Ref(), GetParam(), tokens);
    exact.Step(0, tokens);
    for (const DType dtype : {DType::kF16, DType::kBF16}) {
      Sequence want(Ref(), GetParam(), tokens, 1, dtype);
      want.Step(0, tokens);
      EXPECT_LT(MaxError(want.out(), exact.out()), dtype == DType::kBF16 ? 6e-2 : 1e-2) << tokens;
      for (const AttentionKernel* kernel : Kernels(GetParam())) {
        Sequence got(*kernel, GetParam(), tokens, 1, dtype);
        got.Step(0, tokens);
        // Dot products of bf16 pairs round queries and weights too, by up to 2^-9 each.
        const bool rounds = dtype == DType::kBF16 && kernel->name == "attention_avx512bf16";
        EXPECT_LT(MaxError(got.out(), want.out()), rounds ? 3e-2 : 1e-5) << kernel->name << " " << tokens;
      }
    }
  }
}

TEST_P(AttentionTest, PartsGiveTheBitsOfTheWhole) {
  for (const AttentionKernel* kernel : Kernels(GetParam())) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
      for (const std::int64_t tokens : {1, 256, 275, 530}) {
        if (kernel == &Ref() && (dtype != DType::kF32 || tokens > 300)) continue;  // too slow
        Sequence whole(*kernel, GetParam(), tokens, 1, dtype);
        Sequence parts(*kernel, GetParam(), tokens, 1, dtype);
        const std::int64_t before = tokens > 40 ? tokens - 37 : 0;  // over a border of the splits, for some
        if (before > 0) whole.Step(0, before);
        if (before > 0) parts.Step(0, before);
        whole.Step(before, tokens);
        parts.StepInParts(before, tokens);
        EXPECT_EQ(std::memcmp(whole.out().data(), parts.out().data(), whole.out().size() * sizeof(float)), 0)
            << kernel->name << " " << tokens;
      }
    }
  }
}

TEST_P(AttentionTest, RefMatchesSoftmaxInDouble) {
  const Shape& shape = GetParam();
  constexpr std::int64_t kTokens = 70;
  Sequence sequence(Ref(), shape, kTokens);
  sequence.Step(0, kTokens);
  const std::int64_t group = shape.heads / shape.kv_heads;
  for (const std::int64_t row : {0, 1, 33, 69}) {
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const float* q = sequence.qkv().data() + row * shape.qkv_width() + head * shape.head_dim;
      std::vector<double> out(static_cast<std::size_t>(shape.head_dim), 0.0);
      double sum = 0;
      for (std::int64_t t = 0; t <= row; ++t) {
        const float* k = sequence.kv().block_k<float>(sequence.block(t / kKvBlock), head / group) + t % kKvBlock;
        const float* v =
            sequence.kv().block_v<float>(sequence.block(t / kKvBlock), head / group) + t % kKvBlock * shape.head_dim;
        double score = 0;
        for (std::int64_t d = 0; d < shape.head_dim; ++d) {
          score += static_cast<double>(q[d]) * static_cast<double>(k[d * kKvBlock]);
        }
        const double p = std::exp(score / std::sqrt(static_cast<double>(shape.head_dim)));
        sum += p;
        for (std::size_t d = 0; d < out.size(); ++d) out[d] += p * static_cast<double>(v[d]);
      }
      const float* got = sequence.out().data() + (row * shape.heads + head) * shape.head_dim;
      for (std::size_t d = 0; d < out.size(); ++d) ASSERT_NEAR(static_cast<double>(got[d]), out[d] / sum, 1e-5);
    }
  }
}

TEST_P(AttentionTest, ChunksAtAnyBoundaryGiveTheSameBits) {
  constexpr std::int64_t kTokens = 133;
  for (const AttentionKernel* kernel : Kernels(GetParam())) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
      if (kernel == &Ref() && dtype != DType::kBF16) continue;  // too slow for all
      Sequence whole(*kernel, GetParam(), kTokens, 1, dtype);
      whole.Step(0, kTokens);
      for (const std::int64_t chunk : {1, 2, 5, 16, 63, 64, 65, 100}) {
        Sequence parts(*kernel, GetParam(), kTokens, 9, dtype);
        for (std::int64_t begin = 0; begin < kTokens; begin += chunk) {
          parts.Step(begin, std::min(kTokens, begin + chunk));
        }
        EXPECT_EQ(std::memcmp(parts.out().data(), whole.out().data(), whole.out().size() * sizeof(float)), 0)
            << kernel->name << " " << Info(dtype).name << " in chunks of " << chunk;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, AttentionTest,
    testing::Values(Shape{9, 3, 64, 64, RopeStyle::kHalves}, Shape{8, 8, 64, 64, RopeStyle::kInterleaved},
                    Shape{32, 8, 128, 128, RopeStyle::kHalves}, Shape{4, 1, 80, 32, RopeStyle::kHalves},
                    Shape{2, 2, 16, 0, RopeStyle::kHalves}, Shape{14, 2, 64, 64, RopeStyle::kHalves},
                    Shape{2, 1, 256, 64, RopeStyle::kInterleaved}, Shape{3, 1, 24, 24, RopeStyle::kHalves}),
    [](const auto& info) {
      const Shape& s = info.param;
      return "h" + std::to_string(s.heads) + "kv" + std::to_string(s.kv_heads) + "d" + std::to_string(s.head_dim) +
             "r" + std::to_string(s.rotary_dim) + (s.style == RopeStyle::kHalves ? "halves" : "interleaved");
    });

// The angle is rounded to f32 as the models do; from there cos and sin are right to f32.
TEST(RopeTest, AnglesAreExactToTheLastBits) {
  const Shape shape{1, 1, 16, 16, RopeStyle::kHalves};
  for (const AttentionKernel* kernel : Kernels(shape)) {
    for (const std::int64_t position : {0, 1, 100, 4095, 131071, 1000000}) {
      Sequence sequence(*kernel, shape, 16);
      AttentionArgs args = sequence.Args();
      std::fill_n(args.qkv, shape.qkv_width(), 0.0f);
      std::fill_n(args.qkv, 8, 1.0f);  // q = (1, 0) in every plane: rotated, it is (cos, sin)
      const std::vector<std::int32_t> table(static_cast<std::size_t>(position / kKvBlock + 1), 0);
      kernel->rope_store(args, {0, 1, position, table.data()}, 0, 0, 1);
      for (std::int64_t i = 0; i < 8; ++i) {
        const auto angle = static_cast<double>(args.rope.inv_freq[i] * static_cast<float>(position));
        EXPECT_NEAR(static_cast<double>(args.qkv[i]), std::cos(angle), 6e-8) << kernel->name << " " << position;
        EXPECT_NEAR(static_cast<double>(args.qkv[i + 8]), std::sin(angle), 6e-8) << kernel->name << " " << position;
      }
    }
  }
}

TEST(AttentionSoftmaxTest, HugeScoresStayFinite) {
  const Shape shape{2, 1, 16, 0, RopeStyle::kHalves};
  for (const AttentionKernel* kernel : Kernels(shape)) {
    Sequence sequence(*kernel, shape, 80);
    const AttentionArgs args = sequence.Args();
    for (std::int64_t t = 0; t < 80; ++t) {
      float* row = args.qkv + t * args.qkv_stride;
      for (std::int64_t d = 0; d < 48; ++d) row[d] *= 1e4f;
    }
    sequence.Step(0, 80);
    for (const float value : sequence.out()) ASSERT_TRUE(std::isfinite(value)) << kernel->name;
  }
}

TEST(SelectAttentionTest, LastResortTakesEverything) {
  std::vector<Choice> log;
  EXPECT_EQ(SelectAttention(9, 3, 64, CpuFeatures{}, &log)->name, "attention_ref");
  EXPECT_EQ(log.size(), AttentionKernels().size());
  EXPECT_TRUE(log.back().taken);
}

#if defined(__x86_64__)
TEST(SelectAttentionTest, RefusalsSayWhy) {
  CpuFeatures cpu{.avx2 = true, .avx512 = true};
  EXPECT_EQ(SelectAttention(9, 3, 64, cpu)->name, "attention_avx512");
  const AttentionKernel& kernel = *AttentionKernels().front();
  EXPECT_EQ(kernel.refuses(9, 3, 64, cpu), "needs avx512 bf16");
  cpu.avx512_bf16 = true;
  EXPECT_EQ(kernel.refuses(9, 3, 64, cpu), "");
  EXPECT_EQ(kernel.refuses(9, 3, 100, cpu), "head_dim = 100 is not a multiple of 16");
  EXPECT_EQ(kernel.refuses(9, 2, 64, cpu), "9 heads do not share 2 KV heads evenly");
  EXPECT_EQ(kernel.refuses(9, 3, 1024, cpu), "head_dim = 1024 is over 512");
  EXPECT_EQ(SelectAttention(9, 3, 64, {.avx2 = true})->name, "attention_avx2");
}
#endif

}  // namespace
}  // namespace strata::kernels
