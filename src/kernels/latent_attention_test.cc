// Latent attention against the oracle and against a softmax in double; a lane's bits must not depend on the others.
#include "kernels/latent_attention.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace strata::kernels {
namespace {

struct Shape {
  std::int64_t kv_rank, rope_dim;
  std::int64_t width() const { return kv_rank + rope_dim; }
};

std::vector<float> Normal(std::int64_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

std::vector<const LatentKernel*> Kernels(const Shape& shape) {
  std::vector<const LatentKernel*> kernels;
  for (const LatentKernel* kernel : LatentKernels()) {
    if (kernel->refuses(shape.kv_rank, shape.rope_dim, DetectCpu("")).empty()) kernels.push_back(kernel);
  }
  return kernels;
}

const LatentKernel& Ref() { return *LatentKernels().back(); }

/// A cache of `tokens` random tokens in shuffled blocks that hold rubbish at first, and queries of heads.
class Context {
 public:
  static constexpr std::int64_t kHeads = 5, kNope = 12;

  Context(const LatentKernel& kernel, const Shape& shape, std::int64_t tokens, DType dtype)
      : kernel_(kernel),
        shape_(shape),
        dtype_(dtype),
        blocks_(static_cast<std::size_t>((tokens + kKvBlock - 1) / kKvBlock)),
        q_(Normal(tokens * kHeads * head_dim(), 3)) {
    std::iota(blocks_.begin(), blocks_.end(), 1);
    std::shuffle(blocks_.begin(), blocks_.end(), std::minstd_rand(7));
    cache_.assign((blocks_.size() + 1) * static_cast<std::size_t>(kKvBlock * shape.width()), NAN);
    for (std::int64_t i = 0; i < shape.rope_dim / 2; ++i) inv_freq_.push_back(1 / static_cast<float>(1 + i * i));
    const std::vector<float> latent = Normal(tokens * shape.kv_rank, 4), key = Normal(tokens * shape.rope_dim, 5);
    kernel.store({.q = q_.data(),
                  .q_stride = kHeads * head_dim(),
                  .heads = kHeads,
                  .head_dim = head_dim(),
                  .latent = latent.data(),
                  .latent_stride = shape.kv_rank,
                  .kv_rank = shape.kv_rank,
                  .key = key.data(),
                  .key_stride = shape.rope_dim,
                  .rope = {inv_freq_.data(), shape.rope_dim, 1.0f, RopeStyle::kInterleaved},
                  .kv = kv()},
                 {0, tokens, 0, blocks_.data()}, 0, tokens);
  }

  std::int64_t head_dim() const { return kNope + shape_.rope_dim; }
  LatentKvLayer kv() {
    return {reinterpret_cast<std::byte*>(cache_.data()), shape_.kv_rank, shape_.rope_dim, dtype_,
            LatentKvLayer::BlockBytes(shape_.kv_rank, shape_.rope_dim, dtype_)};
  }
  const std::vector<float>& q() const { return q_; }
  std::vector<float> Load(std::int64_t begin, std::int64_t end) {
    std::vector<float> rows(static_cast<std::size_t>((end - begin) * shape_.width()));
    kernel_.load(kv(), blocks_.data(), begin, end, 0, shape_.width(), rows.data(), shape_.width());
    return rows;
  }

  /// States of lanes at these positions over [begin, end), in groups of `at_once`.
  std::vector<float> Attend(const std::vector<std::int64_t>& positions, std::int64_t begin, std::int64_t end,
                            std::int64_t at_once) {
    const std::int64_t size = LaneState(shape_.kv_rank);
    const std::vector<float> queries = Normal(std::ssize(positions) * shape_.width(), 6);
    std::vector<float> states(positions.size() * static_cast<std::size_t>(size), NAN);
    std::vector<Lane> lanes;
    lanes.reserve(positions.size());
    for (std::int64_t l = 0; l < std::ssize(positions); ++l) {
      lanes.push_back(
          {queries.data() + l * shape_.width(), states.data() + l * size, positions[static_cast<std::size_t>(l)]});
    }
    for (std::int64_t l = 0; l < std::ssize(lanes); l += at_once) {
      const auto group = std::span(lanes).subspan(static_cast<std::size_t>(l),
                                                  static_cast<std::size_t>(std::min(at_once, std::ssize(lanes) - l)));
      kernel_.attend_cache({group, shape_.width(), shape_.kv_rank, 0.3f, begin, end}, kv(), blocks_.data());
    }
    return states;
  }
  /// The same, each normalised.
  std::vector<float> Outputs(const std::vector<std::int64_t>& positions, std::int64_t tokens, std::int64_t at_once) {
    const std::int64_t size = LaneState(shape_.kv_rank);
    std::vector<float> all = Attend(positions, 0, std::min(tokens, kAttentionSplit), at_once);
    for (std::int64_t begin = kAttentionSplit; begin < tokens; begin += kAttentionSplit) {
      const std::vector<float> part = Attend(positions, begin, std::min(tokens, begin + kAttentionSplit), at_once);
      for (std::size_t l = 0; l < positions.size(); ++l) {
        const std::size_t at = l * static_cast<std::size_t>(size);
        if (positions[l] >= begin) kernel_.merge(part.data() + at, shape_.kv_rank, all.data() + at);
      }
    }
    std::vector<float> out(positions.size() * static_cast<std::size_t>(shape_.kv_rank));
    for (std::size_t l = 0; l < positions.size(); ++l) {
      kernel_.finish(all.data() + l * static_cast<std::size_t>(size), shape_.kv_rank,
                     out.data() + l * static_cast<std::size_t>(shape_.kv_rank));
    }
    return out;
  }

 private:
  const LatentKernel& kernel_;
  Shape shape_;
  DType dtype_;
  std::vector<std::int32_t> blocks_;
  std::vector<float> q_, cache_, inv_freq_;
};

double MaxError(const std::vector<float>& got, const std::vector<float>& want) {
  double error = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!std::isfinite(got[i])) return HUGE_VAL;
    error = std::max(error, std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
  }
  return error;
}

/// Some that see all, some that see little, in no order.
std::vector<std::int64_t> Positions(std::int64_t count, std::int64_t tokens) {
  std::vector<std::int64_t> positions;
  positions.reserve(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) positions.push_back((tokens - 1) * ((i * 7 + 6) % 13) / 12);
  return positions;
}

class LatentAttentionTest : public testing::TestWithParam<Shape> {};

TEST_P(LatentAttentionTest, RefMatchesSoftmaxInDouble) {
  constexpr std::int64_t kTokens = 300;
  Context context(Ref(), GetParam(), kTokens, DType::kF32);
  const std::vector<std::int64_t> positions = Positions(9, kTokens);
  const std::vector<float> got = context.Outputs(positions, kTokens, 9);
  const std::vector<float> rows = context.Load(0, kTokens);
  const std::int64_t width = GetParam().width(), rank = GetParam().kv_rank;
  const std::vector<float> queries = Normal(std::ssize(positions) * width, 6);
  for (std::size_t l = 0; l < positions.size(); ++l) {
    std::vector<double> want(static_cast<std::size_t>(rank));
    std::vector<double> scores;
    for (std::int64_t p = 0; p <= positions[l]; ++p) {
      double score = 0;
      for (std::int64_t d = 0; d < width; ++d) {
        score += static_cast<double>(queries[l * static_cast<std::size_t>(width) + static_cast<std::size_t>(d)]) *
                 static_cast<double>(rows[static_cast<std::size_t>(p * width + d)]);
      }
      scores.push_back(static_cast<double>(0.3f) * score);
    }
    const double max = *std::ranges::max_element(scores);
    double sum = 0;
    for (std::size_t p = 0; p < scores.size(); ++p) {
      const double weight = std::exp(scores[p] - max);
      sum += weight;
      for (std::size_t d = 0; d < want.size(); ++d) {
        want[d] += weight * static_cast<double>(rows[p * static_cast<std::size_t>(width) + d]);
      }
    }
    for (std::size_t d = 0; d < want.size(); ++d) {
      ASSERT_NEAR(static_cast<double>(got[l * want.size() + d]), want[d] / sum, 2e-5);
    }
  }
}

TEST_P(LatentAttentionTest, EqualsRefAtEveryLengthAndWidthOfCache) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kI8}) {
    for (const std::int64_t tokens : {1, 2, 7, 15, 16, 17, 40, 255, 256, 257}) {
      Context want(Ref(), GetParam(), tokens, dtype);
      const std::vector<std::int64_t> positions = Positions(37, tokens);
      const std::vector<float> expected = want.Outputs(positions, tokens, 1);
      for (const LatentKernel* kernel : Kernels(GetParam())) {
        Context got(*kernel, GetParam(), tokens, dtype);
        EXPECT_EQ(std::memcmp(got.q().data(), want.q().data(), got.q().size() * sizeof(float)), 0)
            << "rotation differs: " << kernel->name;
        const std::vector<float> cached = got.Load(0, tokens), stored = want.Load(0, tokens);
        EXPECT_EQ(std::memcmp(cached.data(), stored.data(), cached.size() * sizeof(float)), 0)
            << "the cache differs: " << kernel->name << " " << Info(dtype).name;
        EXPECT_LT(MaxError(got.Outputs(positions, tokens, kernel->lanes), expected), 2e-5)
            << kernel->name << " " << Info(dtype).name << " " << tokens;
      }
    }
  }
}

TEST_P(LatentAttentionTest, ALaneHasTheSameBitsAmongAnyOthers) {
  constexpr std::int64_t kTokens = 275;
  for (const LatentKernel* kernel : Kernels(GetParam())) {
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kI8}) {
      Context context(*kernel, GetParam(), kTokens, dtype);
      const std::vector<std::int64_t> positions = Positions(kernel->lanes, kTokens);
      const std::vector<float> alone = context.Outputs(positions, kTokens, 1);
      for (const std::int64_t at_once : {3, 8, 9, 17, 32}) {
        if (at_once > kernel->lanes) continue;
        const std::vector<float> among = context.Outputs(positions, kTokens, at_once);
        EXPECT_EQ(std::memcmp(among.data(), alone.data(), among.size() * sizeof(float)), 0)
            << kernel->name << " " << at_once;
      }
    }
  }
}

TEST_P(LatentAttentionTest, RowsGiveWhatTheCacheGives) {
  constexpr std::int64_t kTokens = 77, kLanes = 6;
  const std::int64_t width = GetParam().width(), rank = GetParam().kv_rank;
  for (const LatentKernel* kernel : Kernels(GetParam())) {
    Context context(*kernel, GetParam(), kTokens, DType::kF16);
    const std::vector<std::int64_t> positions = Positions(kLanes, kTokens);
    const std::vector<float> rows = context.Load(0, kTokens);
    const std::vector<float> queries = Normal(kLanes * width, 6);
    std::vector<float> states(static_cast<std::size_t>(kLanes * LaneState(rank)), NAN);
    for (std::int64_t l = 0; l < kLanes; ++l) {
      const Lane lane{queries.data() + l * width, states.data() + l * LaneState(rank),
                      positions[static_cast<std::size_t>(l)]};
      kernel->attend_rows({{&lane, 1}, width, rank, 0.3f, 0, kTokens}, {rows.data(), width, rows.data(), width});
    }
    const std::vector<float> want = context.Attend(positions, 0, kTokens, 1);
    EXPECT_EQ(std::memcmp(states.data(), want.data(), states.size() * sizeof(float)), 0) << kernel->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, LatentAttentionTest,
                         testing::Values(Shape{512, 64}, Shape{32, 8}, Shape{21, 6}, Shape{1, 2}),
                         [](const auto& info) {
                           return "rank" + std::to_string(info.param.kv_rank) + "rope" +
                                  std::to_string(info.param.rope_dim);
                         });

TEST(LatentAttentionScoresTest, HugeOnesStayFinite) {
  const Shape shape{32, 8};
  for (const LatentKernel* kernel : Kernels(shape)) {
    Context context(*kernel, shape, 300, DType::kF32);
    const std::vector<float> query(static_cast<std::size_t>(shape.width()), 1e6f);
    std::vector<float> state(static_cast<std::size_t>(LaneState(shape.kv_rank)));
    const std::vector<std::int32_t> table(19, 1);
    const Lane lane{query.data(), state.data(), 250};
    kernel->attend_cache({{&lane, 1}, shape.width(), shape.kv_rank, 1e3f, 0, 256}, context.kv(), table.data());
    for (const float value : state) ASSERT_TRUE(std::isfinite(value)) << kernel->name;
  }
}

// Half a step of 1/127 of the greatest of the 128 columns that share a scale, which the key never shares with the
// latent.
TEST(LatentKvLayerTest, IntegersAreWithinHalfAStepOfTheirGroup) {
  const Shape shape{200, 16};
  for (const LatentKernel* kernel : Kernels(shape)) {
    const std::vector<float> exact = Context(*kernel, shape, 40, DType::kF32).Load(0, 40);
    const std::vector<float> got = Context(*kernel, shape, 40, DType::kI8).Load(0, 40);
    EXPECT_NE(got, exact);
    for (std::size_t row = 0; row < 40; ++row) {
      for (const auto& [begin, end] : {std::pair<std::size_t, std::size_t>{0, 128}, {128, 200}, {200, 216}}) {
        float greatest = 0;
        for (std::size_t d = begin; d < end; ++d) greatest = std::max(greatest, std::abs(exact[row * 216 + d]));
        for (std::size_t d = begin; d < end; ++d) {
          ASSERT_NEAR(got[row * 216 + d], exact[row * 216 + d], greatest / 253) << kernel->name << " " << d;
        }
      }
    }
  }
}

TEST(LatentKvLayerTest, TakesOneRowATokenAndLayer) {
  // DeepSeek-V3's shape: 512 + 64 values of two bytes.
  EXPECT_EQ(LatentKvLayer::BlockBytes(512, 64, DType::kBF16), 1152 * kKvBlock);
  EXPECT_EQ(LatentKvLayer::BlockBytes(512, 64, DType::kF32), 2304 * kKvBlock);
  // Five scales: of four groups of the latent, and of the key.
  EXPECT_EQ(LatentKvLayer::BlockBytes(512, 64, DType::kI8), (576 + 5 * 4) * kKvBlock);
}

TEST(SelectLatentAttentionTest, RefusalsSayWhy) {
  std::vector<Choice> log;
  EXPECT_EQ(SelectLatentAttention(512, 64, CpuFeatures{}, &log)->name, "latent_attention_ref");
  EXPECT_EQ(log.size(), LatentKernels().size());
#if defined(__x86_64__)
  EXPECT_EQ(log.front().reason, "needs avx512");
  const CpuFeatures cpu{.avx2 = true};
  EXPECT_EQ(SelectLatentAttention(512, 64, cpu)->name, "latent_attention_avx2");
  EXPECT_EQ(SelectLatentAttention(2000, 64, cpu, &log)->name, "latent_attention_ref");
  EXPECT_EQ(log[log.size() - 2].reason, "rows of 2064 values are over 1024");
#endif
}

}  // namespace
}  // namespace strata::kernels
