// The default model against transformers in f32 (tests/golden/README.md): greedy tokens on the ref path, the likelihood
// of a text on the machine's kernels. ctest runs it twice, the second time with STRATA_ISA=ref.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "base/mapped_file.h"
#include "runtime/model_runner.h"

namespace strata {
namespace {

/// Margins up to this many logits are not decided: two f32 computations of these logits (magnitude about 20, sums of up
/// to 1536 terms through 30 layers, in different orders) are seen to differ by up to 1e-4, each of the two best by
/// that.
constexpr double kTolerance = 1e-3;
constexpr double kNllTolerance = 0.005;  // relative

bool OnRefPath() { return Cpu().ToString() == "ref"; }

struct Prompt {
  std::string text;
  std::vector<std::int32_t> prompt, tokens;
  std::vector<double> margins;  ///< by how much the best logit of each step exceeds the second
};

class Greedy : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* path = std::getenv("STRATA_TEST_MODEL");
    if (path == nullptr) return;
    auto file = ModelFile::Open(path);
    ASSERT_TRUE(file) << file.error().ToString();
    RunnerOptions options{.max_context = 4096, .kv_bytes = 512U << 20, .max_sequences = 8, .max_logit_rows = 512};
    if (OnRefPath()) options.kv_dtype = DType::kF32;  // held to the last bits; the fast path to its own default
    auto runner = ModelRunner::Load(std::move(*file), options);
    ASSERT_TRUE(runner) << runner.error().ToString();
    runner_ = std::move(*runner);
  }
  static void TearDownTestSuite() { runner_.reset(); }

  void SetUp() override {
    if (runner_ == nullptr) GTEST_SKIP() << "STRATA_TEST_MODEL is not set";
    const auto text = ReadFile(STRATA_SOURCE_DIR "/tests/golden/greedy_smollm2.json");
    ASSERT_TRUE(text) << text.error().ToString();
    const nlohmann::json golden = nlohmann::json::parse(*text);
    for (const nlohmann::json& prompt : golden.at("prompts"))
      prompts_.push_back({prompt.at("text"), prompt.at("prompt"), prompt.at("tokens"), prompt.at("margins")});
    text_ = golden.at("text").get<std::vector<std::int32_t>>();
    text_nll_ = golden.at("text_nll").get<double>();
  }

  /// A sequence that grows.
  class Sequence {
   public:
    explicit Sequence(std::size_t tokens) {
      EXPECT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(static_cast<std::int64_t>(tokens)), table_));
    }
    ~Sequence() { runner_->kv().Release(table_); }
    Sequence(const Sequence&) = delete;
    Sequence& operator=(const Sequence&) = delete;
    LogitsView Run(std::span<const std::int32_t> tokens, WantLogits want) {
      const SequenceSlice slice{tokens, at_, table_, want};
      const auto logits = runner_->Run({&slice, 1});
      EXPECT_TRUE(logits);
      at_ += static_cast<std::int64_t>(tokens.size());
      return *logits;
    }

   private:
    std::vector<std::int32_t> table_;
    std::int64_t at_ = 0;
  };

  static std::int32_t Best(std::span<const float> logits) {
    return static_cast<std::int32_t>(std::ranges::max_element(logits) - logits.begin());
  }

  static std::unique_ptr<ModelRunner> runner_;
  std::vector<Prompt> prompts_;
  std::vector<std::int32_t> text_;
  double text_nll_ = 0;
};
std::unique_ptr<ModelRunner> Greedy::runner_;

TEST_F(Greedy, AfterTheReferencesTokensTheRefPathChoosesAsItDoes) {
  if (!OnRefPath()) GTEST_SKIP() << "the fast path rounds activations";
  for (const Prompt& prompt : prompts_) {
    Sequence sequence(prompt.prompt.size() + prompt.tokens.size());
    sequence.Run(std::span(prompt.prompt).first(prompt.prompt.size() - 1), WantLogits::kNone);
    std::vector<std::int32_t> forced = {prompt.prompt.back()};
    forced.insert(forced.end(), prompt.tokens.begin(), prompt.tokens.end() - 1);
    const LogitsView logits = sequence.Run(forced, WantLogits::kAll);
    std::size_t decided = 0;
    for (std::size_t step = 0; step < prompt.tokens.size(); ++step) {
      const auto row = logits.row(static_cast<std::int64_t>(step));
      const std::int32_t best = Best(row);
      const auto chosen = static_cast<std::size_t>(prompt.tokens[step]);
      if (prompt.margins[step] > kTolerance) {
        ++decided;
        EXPECT_EQ(best, prompt.tokens[step]) << prompt.text << ": step " << step << ", margin " << prompt.margins[step];
        // The margin itself, too: it is a difference of logits.
        auto others = std::vector<float>(row.begin(), row.end());
        others[chosen] = -INFINITY;
        EXPECT_NEAR(static_cast<double>(row[chosen] - *std::ranges::max_element(others)), prompt.margins[step],
                    kTolerance)
            << prompt.text << ": step " << step;
      } else {
        EXPECT_NEAR(static_cast<double>(row[static_cast<std::size_t>(best)] - row[chosen]), 0, kTolerance);
      }
    }
    EXPECT_GT(decided, prompt.tokens.size() / 2) << prompt.text;  // else the comparison would say little
  }
}

TEST_F(Greedy, RunningFreeTheRefPathWritesWhatTheReferenceWrites) {
  if (!OnRefPath()) GTEST_SKIP() << "the fast path rounds activations";
  // All prompts in one batch, which is quicker and changes no bit of a sequence.
  std::vector<std::vector<std::int32_t>> next, tables(prompts_.size());
  std::vector<std::int64_t> at(prompts_.size());
  std::vector<std::size_t> running(prompts_.size());
  std::iota(running.begin(), running.end(), 0);
  for (std::size_t i = 0; i < prompts_.size(); ++i) {
    next.push_back(prompts_[i].prompt);
    const std::size_t tokens = prompts_[i].prompt.size() + prompts_[i].tokens.size();
    ASSERT_TRUE(runner_->kv().Allocate(KvPool::BlocksFor(static_cast<std::int64_t>(tokens)), tables[i]));
  }
  std::size_t compared = 0;
  for (std::size_t step = 0;; ++step) {
    std::erase_if(running, [&](std::size_t i) {
      return step >= prompts_[i].tokens.size() || prompts_[i].margins[step] <= kTolerance;
    });
    if (running.empty()) break;
    std::vector<SequenceSlice> slices;
    slices.reserve(running.size());
    for (const std::size_t i : running) slices.push_back({next[i], at[i], tables[i], WantLogits::kLast});
    const auto logits = runner_->Run(slices);
    ASSERT_TRUE(logits);
    for (std::size_t row = 0; row < running.size(); ++row) {
      const std::size_t i = running[row];
      at[i] += static_cast<std::int64_t>(next[i].size());
      next[i] = {Best(logits->row(static_cast<std::int64_t>(row)))};
      ASSERT_EQ(next[i][0], prompts_[i].tokens[step]) << prompts_[i].text << ": step " << step;
      ++compared;
    }
  }
  EXPECT_GT(compared, prompts_.size());
  for (const auto& table : tables) runner_->kv().Release(table);
}

TEST_F(Greedy, TheFastPathGivesATextTheReferencesLikelihood) {
  if (OnRefPath()) GTEST_SKIP() << "long, and the tokens above say more";
  Sequence sequence(text_.size());
  constexpr std::size_t kStep = 512;
  double nll = 0;
  for (std::size_t at = 0; at + 1 < text_.size(); at += kStep) {
    const std::size_t count = std::min(kStep, text_.size() - 1 - at);
    const LogitsView logits = sequence.Run(std::span(text_).subspan(at, count), WantLogits::kAll);
    for (std::size_t i = 0; i < count; ++i) {
      const auto row = logits.row(static_cast<std::int64_t>(i));
      const double best = static_cast<double>(std::ranges::max(row));
      double sum = 0;
      for (const float logit : row) sum += std::exp(static_cast<double>(logit) - best);
      nll += std::log(sum) + best - static_cast<double>(row[static_cast<std::size_t>(text_[at + i + 1])]);
    }
  }
  nll /= static_cast<double>(text_.size() - 1);
  RecordProperty("nll", std::to_string(nll));
  EXPECT_NEAR(nll, text_nll_, kNllTolerance * text_nll_);
}

}  // namespace
}  // namespace strata
