// Attention against the oracle and against a softmax in double; chunks at any boundary must give the same bits.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#if defined(__x86_64__)
#include "kernels/emulated_amx.h"
#endif
#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

struct Shape {
  std::int64_t heads, kv_heads, head_dim, rotary_dim;
  RopeStyle style;
  std::int64_t window = 0, chunk = 0;
  float softcap = 0;
  bool sinks = false, norms = false;
  bool causal = true;
  std::int64_t qkv_width() const { return (heads + 2 * kv_heads) * head_dim; }
};

// The first of a fixed row of normally distributed numbers: made once, for most tests' time went into them.
std::span<const float> Normals(std::int64_t count) {
  static std::minstd_rand random(5);
  static std::normal_distribution<float> normal;
  static std::vector<float> numbers;
  while (std::ssize(numbers) < count) numbers.push_back(normal(random));
  return std::span(numbers).first(static_cast<std::size_t>(count));
}

// One sequence of `tokens` tokens, its cache in shuffled blocks that hold rubbish at first.
class Sequence {
 public:
  Sequence(const AttentionKernel& kernel, const Shape& shape, std::int64_t tokens, unsigned block_seed = 1,
           DType dtype = DType::kF32)
      : kernel_(kernel),
        shape_(shape),
        dtype_(dtype),
        blocks_(static_cast<std::size_t>((tokens + kKvBlock - 1) / kKvBlock)) {
    const std::span<const float> normals = Normals(tokens * shape.qkv_width() + shape.heads + 2 * shape.head_dim);
    const std::span<const float> of_heads = normals.first(static_cast<std::size_t>(shape.heads));
    const std::span<const float> of_norms =
        normals.subspan(of_heads.size(), static_cast<std::size_t>(2 * shape.head_dim));
    for (const float value : of_heads) sinks_.push_back(2 * value);
    for (const float value : of_norms) norms_.push_back(1 + 0.5f * value);
    qkv_.assign(normals.begin() + std::ssize(of_heads) + std::ssize(of_norms), normals.end());
    out_.resize(static_cast<std::size_t>(tokens * shape.heads * shape.head_dim));
    std::iota(blocks_.begin(), blocks_.end(), 2);
    std::shuffle(blocks_.begin(), blocks_.end(), std::minstd_rand(block_seed));
    cache_.resize((blocks_.size() + 2) *
                  static_cast<std::size_t>(KvLayer::BlockBytes(shape.kv_heads, shape.head_dim, DType::kF32)) /
                  sizeof(float));
    for (float& value : cache_) value = NAN;
    for (std::int64_t i = 0; i < shape.rotary_dim / 2; ++i) {
      inv_freq_.push_back(
          static_cast<float>(std::pow(10000.0, -2.0 * static_cast<double>(i) / static_cast<double>(shape.rotary_dim))));
    }
  }

  AttentionArgs Args() {
    float* k = qkv_.data() + shape_.heads * shape_.head_dim;
    return {.q = {qkv_.data(), shape_.qkv_width()},
            .k = {k, shape_.qkv_width()},
            .v = {k + shape_.kv_heads * shape_.head_dim, shape_.qkv_width()},
            .out = {out_.data(), shape_.heads * shape_.head_dim},
            .heads = shape_.heads,
            .kv_heads = shape_.kv_heads,
            .head_dim = shape_.head_dim,
            .scale = 1.0f / std::sqrt(static_cast<float>(shape_.head_dim)),
            .causal = shape_.causal,
            .window = shape_.window,
            .chunk = shape_.chunk,
            .softcap = shape_.softcap,
            .sinks = shape_.sinks ? sinks_.data() : nullptr,
            .q_norm = shape_.norms ? norms_.data() : nullptr,
            .k_norm = shape_.norms ? norms_.data() + shape_.head_dim : nullptr,
            .norm_eps = 1e-6f,
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
  std::vector<float> qkv_, out_, cache_, inv_freq_, sinks_, norms_;
};

std::vector<const AttentionKernel*> Kernels(const Shape& shape) {
  std::vector<const AttentionKernel*> kernels;
  const auto add = [&](const AttentionKernel* kernel) {
    if (kernel->refuses(shape.heads, shape.kv_heads, shape.head_dim, DetectCpu("")).empty()) kernels.push_back(kernel);
  };
#if defined(__x86_64__)
  add(&kEmulatedAttentionAmx);
#endif
  std::ranges::for_each(AttentionKernels(), add);
  return kernels;
}

constexpr auto kCacheTypes = std::to_array<DType>({DType::kF32, DType::kF16, DType::kBF16, DType::kI16, DType::kI8});

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
      if (GetParam().norms) {
        EXPECT_LT(MaxError(got.qkv(), want.qkv()), 1e-5) << kernel->name << " " << tokens;
      } else {
        EXPECT_EQ(std::memcmp(got.qkv().data(), want.qkv().data(), got.qkv().size() * sizeof(float)), 0)
            << "rotation differs: " << kernel->name;
      }
    }
  }
}

TEST_P(AttentionTest, HalfWidthCacheMatchesRefs) {
  for (const std::int64_t tokens : {1, 17, 130}) {
    Sequence exact(Ref(), GetParam(), tokens);
    exact.Step(0, tokens);
    for (const DType dtype : {DType::kF16, DType::kBF16, DType::kI16, DType::kI8}) {
      Sequence want(Ref(), GetParam(), tokens, 1, dtype);
      want.Step(0, tokens);
      const double loss = dtype == DType::kI16 ? 1e-3 : dtype == DType::kF16 ? 1e-2 : 6e-2;
      EXPECT_LT(MaxError(want.out(), exact.out()), loss) << Info(dtype).name << " " << tokens;
      for (const AttentionKernel* kernel : Kernels(GetParam())) {
        Sequence got(*kernel, GetParam(), tokens, 1, dtype);
        got.Step(0, tokens);
        // The order of a norm's sum may change the last bit of a row's scale, hence of its integers.
        double tolerance = HasScales(dtype) ? 1e-4 : 1e-5;
        // What a norm gives differs in its last bits, which may round to another value of half the width, or of 1/127.
        if (GetParam().norms) tolerance = dtype == DType::kI8 ? 1e-2 : 1e-3;
        // Dot products of integers round queries and weights to 16 bits.
        if (kernel->integers && HasScales(dtype)) tolerance = std::max(tolerance, 5e-4);
        // Those of bf16 pairs round them too, by up to 2^-9 each.
        const bool dots = kernel->name == "attention_avx512bf16" || kernel->name.starts_with("attention_amx");
        if (dtype == DType::kBF16 && dots) tolerance = 3e-2;
        EXPECT_LT(MaxError(got.out(), want.out()), tolerance)
            << kernel->name << " " << Info(dtype).name << " " << tokens;
      }
    }
  }
}

TEST_P(AttentionTest, PartsGiveTheBitsOfTheWhole) {
  for (const AttentionKernel* kernel : Kernels(GetParam())) {
    for (const DType dtype : kCacheTypes) {
      for (const std::int64_t tokens : {1, 256, 275, 530}) {
        if (kernel == &Ref() && (dtype != DType::kF32 || tokens > 300)) continue;  // too slow
        if (HasScales(dtype) && !kernel->integers) continue;                       // widened, as f16 is
        Sequence whole(*kernel, GetParam(), tokens, 1, dtype);
        const std::int64_t before = tokens > 40 ? tokens - 37 : 0;  // over a border of the splits, for some
        if (before > 0) whole.Step(0, before);
        Sequence parts = whole;
        whole.Step(before, tokens);
        parts.StepInParts(before, tokens);
        EXPECT_EQ(std::memcmp(whole.out().data(), parts.out().data(), whole.out().size() * sizeof(float)), 0)
            << kernel->name << " " << tokens;
      }
    }
  }
}

void ExpectThatRefMatchesSoftmaxInDouble(const Shape& shape) {
  const std::int64_t tokens = shape.window + shape.chunk > 0 ? 290 : 70;
  Sequence sequence(Ref(), shape, tokens);
  sequence.Step(0, tokens);
  const float* const sinks = sequence.Args().sinks;
  const std::int64_t group = shape.heads / shape.kv_heads;
  for (const std::int64_t row : {std::int64_t{0}, std::int64_t{1}, std::int64_t{33}, tokens - 1}) {
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const float* q = sequence.qkv().data() + row * shape.qkv_width() + head * shape.head_dim;
      std::vector<double> out(static_cast<std::size_t>(shape.head_dim), 0.0);
      double sum = 0;
      if (sinks != nullptr) sum = std::exp(static_cast<double>(sinks[head]));
      for (std::int64_t t = 0; t < (shape.causal ? row + 1 : tokens); ++t) {
        const std::int64_t before = shape.causal ? shape.window - 1 : shape.window / 2;
        if (shape.window > 0 && std::abs(row - t) > before) continue;
        if (shape.chunk > 0 && t / shape.chunk != row / shape.chunk) continue;
        const float* k = sequence.kv().block_k<float>(sequence.block(t / kKvBlock), head / group) + t % kKvBlock;
        const float* v =
            sequence.kv().block_v<float>(sequence.block(t / kKvBlock), head / group) + t % kKvBlock * shape.head_dim;
        double score = 0;
        for (std::int64_t d = 0; d < shape.head_dim; ++d) {
          score += static_cast<double>(q[d]) * static_cast<double>(k[d * kKvBlock]);
        }
        score /= std::sqrt(static_cast<double>(shape.head_dim));
        const auto cap = static_cast<double>(shape.softcap);
        const double p = std::exp(cap == 0 ? score : cap * std::tanh(score / cap));
        sum += p;
        for (std::size_t d = 0; d < out.size(); ++d) out[d] += p * static_cast<double>(v[d]);
      }
      const float* got = sequence.out().data() + (row * shape.heads + head) * shape.head_dim;
      for (std::size_t d = 0; d < out.size(); ++d) ASSERT_NEAR(static_cast<double>(got[d]), out[d] / sum, 1e-5);
    }
  }
}

TEST_P(AttentionTest, RefMatchesSoftmaxInDouble) { ExpectThatRefMatchesSoftmaxInDouble(GetParam()); }

/// What sees behind itself sees all at once.
TEST(BidirectionalAttentionTest, MatchesRefAndSoftmaxInDouble) {
  Shape shape{4, 2, 32, 32, RopeStyle::kHalves};
  shape.causal = false;
  for (const std::int64_t window : {0, 1, 9, 129, 601}) {
    shape.window = window;
    ExpectThatRefMatchesSoftmaxInDouble(shape);
    for (const std::int64_t tokens : {1, 17, 130, 300}) {
      Sequence want(Ref(), shape, tokens);
      want.Step(0, tokens);
      for (const AttentionKernel* kernel : Kernels(shape)) {
        for (const DType dtype : kCacheTypes) {
          Sequence got(*kernel, shape, tokens, 1, dtype);
          got.Step(0, tokens);
          const bool narrow = dtype == DType::kBF16 || dtype == DType::kI8;
          const double tolerance = dtype == DType::kF32 ? 1e-5 : narrow ? 1e-1 : 1e-2;
          EXPECT_LT(MaxError(got.out(), want.out()), tolerance) << kernel->name << " " << tokens << " " << window;
        }
      }
    }
  }
}

TEST_P(AttentionTest, ChunksAtAnyBoundaryGiveTheSameBits) {
  constexpr std::int64_t kTokens = 133;
  for (const AttentionKernel* kernel : Kernels(GetParam())) {
    for (const DType dtype : kCacheTypes) {
      if (kernel == &Ref() && dtype != DType::kBF16) continue;                     // too slow for all
      if (HasScales(dtype) && !kernel->integers && dtype != DType::kI8) continue;  // widened, as f16 is
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
    testing::Values(
        Shape{9, 3, 64, 64, RopeStyle::kHalves}, Shape{8, 8, 64, 64, RopeStyle::kInterleaved},
        Shape{32, 8, 128, 128, RopeStyle::kHalves}, Shape{4, 1, 80, 32, RopeStyle::kHalves},
        Shape{2, 2, 16, 0, RopeStyle::kHalves}, Shape{14, 2, 64, 64, RopeStyle::kHalves},
        Shape{2, 1, 256, 64, RopeStyle::kInterleaved}, Shape{3, 1, 24, 24, RopeStyle::kHalves},
        Shape{.heads = 6, .kv_heads = 2, .head_dim = 64, .rotary_dim = 64, .style = RopeStyle::kHalves, .window = 1},
        Shape{.heads = 3,
              .kv_heads = 1,
              .head_dim = 32,
              .rotary_dim = 32,
              .style = RopeStyle::kHalves,
              .window = 50,
              .softcap = 1.5f},
        Shape{.heads = 10,
              .kv_heads = 2,
              .head_dim = 16,
              .rotary_dim = 8,
              .style = RopeStyle::kInterleaved,
              .window = 67,
              .sinks = true},
        Shape{.heads = 4,
              .kv_heads = 4,
              .head_dim = 32,
              .rotary_dim = 0,
              .style = RopeStyle::kHalves,
              .chunk = 24,
              .norms = true},
        Shape{.heads = 2,
              .kv_heads = 1,
              .head_dim = 80,
              .rotary_dim = 80,
              .style = RopeStyle::kHalves,
              .window = 90,
              .chunk = 100,
              .softcap = 30.0f,
              .sinks = true,
              .norms = true},
        Shape{.heads = 3,
              .kv_heads = 3,
              .head_dim = 24,
              .rotary_dim = 16,
              .style = RopeStyle::kHalves,
              .window = 20,
              .softcap = 2.0f,
              .sinks = true,
              .norms = true}),
    [](const auto& info) {
      const Shape& s = info.param;
      return "h" + std::to_string(s.heads) + "kv" + std::to_string(s.kv_heads) + "d" + std::to_string(s.head_dim) +
             "r" + std::to_string(s.rotary_dim) + (s.style == RopeStyle::kHalves ? "halves" : "interleaved") + "w" +
             std::to_string(s.window) + "c" + std::to_string(s.chunk) + (s.softcap != 0 ? "cap" : "") +
             (s.sinks ? "sinks" : "") + (s.norms ? "norms" : "");
    });

// The angle is rounded to f32 as the models do; from there cos and sin are right to f32.
TEST(RopeTest, AnglesAreExactToTheLastBits) {
  const Shape shape{1, 1, 16, 16, RopeStyle::kHalves};
  for (const AttentionKernel* kernel : Kernels(shape)) {
    for (const std::int64_t position : {0, 1, 100, 4095, 131071, 1000000}) {
      Sequence sequence(*kernel, shape, 16);
      AttentionArgs args = sequence.Args();
      std::fill_n(args.q.data, shape.qkv_width(), 0.0f);
      std::fill_n(args.q.data, 8, 1.0f);  // q = (1, 0) in every plane: rotated, it is (cos, sin)
      const std::vector<std::int32_t> table(static_cast<std::size_t>(position / kKvBlock + 1), 0);
      kernel->rope_store(args, {0, 1, position, table.data()}, 0, 0, 1);
      for (std::int64_t i = 0; i < 8; ++i) {
        const auto angle = static_cast<double>(args.rope.inv_freq[i] * static_cast<float>(position));
        EXPECT_NEAR(static_cast<double>(args.q.data[i]), std::cos(angle), 6e-8) << kernel->name << " " << position;
        EXPECT_NEAR(static_cast<double>(args.q.data[i + 8]), std::sin(angle), 6e-8) << kernel->name << " " << position;
      }
    }
  }
}

TEST(HeadNormTest, IsThatOfEachHeadAlone) {
  const Shape shape{
      .heads = 4, .kv_heads = 2, .head_dim = 48, .rotary_dim = 0, .style = RopeStyle::kHalves, .norms = true};
  for (const AttentionKernel* kernel : Kernels(shape)) {
    Sequence sequence(*kernel, shape, 3);
    const AttentionArgs args = sequence.Args();
    const std::vector<float> before = sequence.qkv();
    sequence.Step(0, 3);
    for (std::int64_t head = 0; head < shape.heads + shape.kv_heads; ++head) {
      const float* x = before.data() + 2 * shape.qkv_width() + head * shape.head_dim;
      double squares = 0;
      for (std::int64_t d = 0; d < shape.head_dim; ++d)
        squares += static_cast<double>(x[d]) * static_cast<double>(x[d]);
      const double factor = 1 / std::sqrt(squares / static_cast<double>(shape.head_dim) + 1e-6);
      for (std::int64_t d = 0; d < shape.head_dim; ++d) {
        const bool is_k = head >= shape.heads;
        const float got = is_k ? sequence.kv().block_k<float>(sequence.block(0), head - shape.heads)[d * kKvBlock + 2]
                               : sequence.qkv()[static_cast<std::size_t>(x - before.data() + d)];
        const float weight = (is_k ? args.k_norm : args.q_norm)[d];
        EXPECT_NEAR(static_cast<double>(got), static_cast<double>(x[d] * weight) * factor, 1e-5) << kernel->name;
      }
    }
  }
}

// A window in a long context costs what it sees, and what it does not see is not even read.
TEST(WindowTest, NothingBeforeItIsRead) {
  for (const bool chunked : {false, true}) {
    Shape shape{.heads = 4, .kv_heads = 2, .head_dim = 32, .rotary_dim = 32, .style = RopeStyle::kHalves};
    (chunked ? shape.chunk : shape.window) = 40;
    for (const AttentionKernel* kernel : Kernels(shape)) {
      for (const DType dtype : kCacheTypes) {
        Sequence whole(*kernel, shape, 600, 1, dtype), late(*kernel, shape, 600, 1, dtype);
        whole.Step(0, 600);
        late.Step(448, 600);  // before it the cache holds NaN
        const auto from = static_cast<std::ptrdiff_t>(520 * shape.heads * shape.head_dim);
        EXPECT_TRUE(std::equal(whole.out().begin() + from, whole.out().end(), late.out().begin() + from))
            << kernel->name << " " << Info(dtype).name;
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
      float* row = args.q.data + t * args.q.stride;
      for (std::int64_t d = 0; d < 48; ++d) row[d] *= 1e4f;
    }
    sequence.Step(0, 80);
    for (const float value : sequence.out()) ASSERT_TRUE(std::isfinite(value)) << kernel->name;
  }
}

/// One head, whose queries, keys and values a test sets: [tokens][dim] each.
std::vector<float> AttendTo(const AttentionKernel& kernel, DType dtype, std::int64_t dim, std::int64_t tokens,
                            const auto& q, const auto& k, const auto& v) {
  Sequence sequence(kernel, {1, 1, dim, 0, RopeStyle::kHalves}, tokens, 1, dtype);
  float* row = sequence.Args().q.data;
  for (std::int64_t t = 0; t < tokens; ++t, row += 3 * dim) {
    for (std::int64_t d = 0; d < dim; ++d) {
      row[d] = q(t, d);
      row[dim + d] = k(t, d);
      row[2 * dim + d] = v(t, d);
    }
  }
  sequence.Step(0, tokens);
  return sequence.out();
}

// The sums of products are as great as they can be where rows have one magnitude, or one element.
TEST(IntegerCacheTest, SumsDoNotOverflow) {
  constexpr std::int64_t kTokens = 80;
  for (const std::int64_t dim : {16, 512}) {
    for (const DType dtype : {DType::kI16, DType::kI8}) {
      for (const AttentionKernel* kernel : Kernels({1, 1, dim, 0, RopeStyle::kHalves})) {
        for (const bool one : {false, true}) {
          const auto row = [&](std::int64_t, std::int64_t d) { return one && d > 0 ? 0.0f : 3.0f; };
          const std::vector<float> out = AttendTo(*kernel, dtype, dim, kTokens, row, row, row);
          for (std::int64_t i = 0; i < std::ssize(out); ++i) {
            ASSERT_NEAR(out[static_cast<std::size_t>(i)], row(0, i % dim), 1e-3)
                << kernel->name << " " << Info(dtype).name << " " << dim;
          }
        }
      }
    }
  }
}

// The first token takes nearly all of the softmax and has next to no value, as in many models; what is left of the
// weights makes the output.
TEST(IntegerCacheTest, SmallWeightsBesideAGreatOneAreExact) {
  constexpr std::int64_t kDim = 32, kTokens = 300;
  const auto q = [](std::int64_t, std::int64_t) { return 1.0f; };
  const auto k = [](std::int64_t t, std::int64_t d) { return d == 0 && t == 0 ? 56.0f : 0.0f; };  // score 9.9
  const auto v = [](std::int64_t t, std::int64_t d) {
    return t == 0 ? 1e-4f : std::sin(0.1f * static_cast<float>(t)) + static_cast<float>(d);
  };
  for (const AttentionKernel* kernel : Kernels({1, 1, kDim, 0, RopeStyle::kHalves})) {
    const std::vector<float> want = AttendTo(*kernel, DType::kF32, kDim, kTokens, q, k, v);
    const std::vector<float> got = AttendTo(*kernel, DType::kI16, kDim, kTokens, q, k, v);
    for (std::size_t i = kDim; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], want[i], 1e-5 * kDim) << kernel->name << " " << i / kDim;  // kDim: greatest of a row
    }
  }
}

TEST(IntegerCacheTest, RowsOfZerosAndOfAnyMagnitudeAreFinite) {
  constexpr std::int64_t kDim = 48, kTokens = 70;
  for (const float magnitude : {0.0f, 1e-38f, 1e-20f, 1e18f}) {
    const auto small = [&](std::int64_t t, std::int64_t d) { return magnitude / static_cast<float>(1 + (t + d) % 7); };
    const auto one = [](std::int64_t, std::int64_t) { return 1.0f; };
    for (const DType dtype : {DType::kI16, DType::kI8}) {
      for (const AttentionKernel* kernel : Kernels({1, 1, kDim, 0, RopeStyle::kHalves})) {
        for (const float value : AttendTo(*kernel, dtype, kDim, kTokens, one, small, small)) {
          ASSERT_TRUE(std::isfinite(value)) << kernel->name << " " << Info(dtype).name << " " << magnitude;
          ASSERT_LE(value, magnitude * 1.01f);
        }
      }
    }
  }
}

// Whoever meets a row that is no number must see that.
TEST(IntegerCacheTest, WhatIsNoNumberStaysNone) {
  constexpr std::int64_t kDim = 16, kTokens = 40;
  const auto one = [](std::int64_t, std::int64_t) { return 1.0f; };
  for (const float poison : {NAN, INFINITY}) {
    const auto poisoned = [&](std::int64_t t, std::int64_t d) { return t == 20 && d == 3 ? poison : 1.0f; };
    for (const DType dtype : {DType::kI16, DType::kI8}) {
      for (const AttentionKernel* kernel : Kernels({1, 1, kDim, 0, RopeStyle::kHalves})) {
        const std::vector<float> out = AttendTo(*kernel, dtype, kDim, kTokens, one, one, poisoned);
        EXPECT_TRUE(std::isfinite(out[0])) << kernel->name;
        EXPECT_TRUE(std::isnan(out[20 * kDim])) << kernel->name << " " << Info(dtype).name << " " << poison;
      }
    }
  }
}

TEST(KvLayerTest, IntegersHaveTwoScalesATokenAndHead) {
  EXPECT_EQ(KvLayer::BlockBytes(3, 64, DType::kF16), 2 * 3 * 16 * 64 * 2);
  EXPECT_EQ(KvLayer::BlockBytes(3, 64, DType::kI16), 2 * 3 * 16 * (64 * 2 + 4));
  EXPECT_EQ(KvLayer::BlockBytes(3, 64, DType::kI8), 2 * 3 * 16 * (64 + 4));
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
  EXPECT_EQ(kernel.refuses(9, 3, 64, cpu), "needs amx");
  cpu.amx = true;
  EXPECT_EQ(kernel.refuses(9, 3, 80, cpu), "head_dim = 80 is not a multiple of 32");
  EXPECT_EQ(kernel.refuses(9, 3, 64, cpu), "needs avx512 bf16");
  cpu.avx512_bf16 = true;
  EXPECT_EQ(kernel.refuses(9, 3, 64, cpu), "needs avx512 vnni");
  cpu.avx512_vnni = true;
  EXPECT_EQ(kernel.refuses(9, 3, 64, cpu), "");
  EXPECT_EQ(SelectAttention(5, 1, 80, cpu)->name, "attention_avx512bf16");
  EXPECT_EQ(SelectAttention(9, 3, 64, {.avx2 = true, .avx512 = true, .avx512_vnni = true})->name,
            "attention_avx512vnni");
  EXPECT_EQ(kernel.refuses(9, 3, 100, cpu), "head_dim = 100 is not a multiple of 32");
  EXPECT_EQ(kernel.refuses(9, 2, 64, cpu), "9 heads do not share 2 KV heads evenly");
  EXPECT_EQ(kernel.refuses(9, 3, 1024, cpu), "head_dim = 1024 is over 512");
  EXPECT_EQ(SelectAttention(9, 3, 64, {.avx2 = true})->name, "attention_avx2");
}
#endif

}  // namespace
}  // namespace strata::kernels
