// Bases being made, opened, asked and deleted at once; without sockets.
#include "serve/knowledge/base_set.h"

#include <atomic>
#include <filesystem>
#include <future>
#include <latch>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "knowledge/search/test_base.h"

namespace strata::serve::knowledge {
namespace {

using strata::knowledge::Embedder;
using strata::knowledge::KnowledgeBase;
using strata::knowledge::WordEmbedder;

class BaseSetTest : public testing::Test {
 protected:
  /// A base of the model "slow" is opened when `released` is set, and cannot be where `broken` is.
  Result<std::shared_ptr<Embedder>> Find(std::string_view name) {
    if (name == "slow" && held_) {
      ++opening_;
      released_.get_future().wait();
      if (broken_) return Fail(ErrorCode::kUnavailable, "the model is away");
    }
    return std::make_shared<WordEmbedder>();
  }
  void Create(std::string_view name, const std::string& model) {
    const auto created = set_.Create(name, {.embedding_model = model});
    ASSERT_TRUE(created) << created.error().message;
  }
  void WaitUntilOpening() const {
    while (opening_ == 0) std::this_thread::yield();
  }

  struct Folder : std::filesystem::path {
    Folder() : path(std::filesystem::temp_directory_path() / fmt::format("strata_base_set_{}", ::getpid())) {
      std::filesystem::remove_all(*this);
    }
    ~Folder() { std::filesystem::remove_all(*this); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
  };
  Folder folder_;
  std::atomic<bool> held_ = false, broken_ = false;
  std::atomic<int> opening_ = 0;
  std::promise<void> released_;
  BaseSet set_{folder_.string(), [this](std::string_view name) { return Find(name); }};
};

TEST_F(BaseSetTest, ABaseThatIsBeingOpenedHoldsUpNoOther) {
  Create("a", "slow");
  Create("b", "words");
  held_ = true;
  std::vector<std::future<Result<std::shared_ptr<KnowledgeBase>>>> waiting;
  waiting.push_back(std::async(std::launch::async, [&] { return set_.Open("a"); }));
  WaitUntilOpening();
  EXPECT_EQ(set_.Names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(set_.OptionsOf("a")->embedding_model, "slow");
  EXPECT_TRUE(set_.Open("b"));
  EXPECT_TRUE(set_.Delete("b"));
  EXPECT_EQ(set_.Create("a", {}).error().status, 400);
  // So many wait for it, and no more: each holds a thread.
  for (int i = 0; i < 8; ++i) waiting.push_back(std::async(std::launch::async, [&] { return set_.Open("a"); }));
  const auto late = [&] {
    for (;;) {
      auto opened = std::async(std::launch::async, [&] { return set_.Open("a"); });
      if (opened.wait_for(std::chrono::milliseconds(50)) == std::future_status::ready) return opened.get();
      waiting.push_back(std::move(opened));
    }
  }();
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kUnavailable);
  auto deleted = std::async(std::launch::async, [&] { return set_.Delete("a"); });
  released_.set_value();
  std::size_t opened = 0;
  for (auto& one : waiting) opened += one.get() ? 1 : 0;
  EXPECT_GE(opened, 1U) << "who asked before the deletion has it";
  EXPECT_TRUE(deleted.get());
  EXPECT_EQ(opening_, 1) << "it is opened once";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a"));
}

TEST_F(BaseSetTest, WhoWaitsForABaseThatCannotBeOpenedHearsWhy) {
  Create("a", "slow");
  held_ = broken_ = true;
  auto first = std::async(std::launch::async, [&] { return set_.Open("a"); });
  WaitUntilOpening();
  auto second = std::async(std::launch::async, [&] { return set_.Open("a"); });
  while (second.wait_for(std::chrono::milliseconds(50)) == std::future_status::ready) FAIL() << "it does not wait";
  released_.set_value();
  for (auto* one : {&first, &second}) {
    const auto opened = one->get();
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message(), "the model is away");
  }
  held_ = false;
  EXPECT_TRUE(set_.Open("a")) << "the next one tries again";
}

TEST_F(BaseSetTest, ANameThatIsBeingDeletedIsNotGivenAgain) {
  Create("a", "words");
  Result<std::shared_ptr<KnowledgeBase>> used = set_.Open("a");
  ASSERT_TRUE(used);
  auto deleted = std::async(std::launch::async, [&] { return set_.Delete("a"); });
  while (set_.Open("a")) std::this_thread::yield();
  const auto created = set_.Create("a", {.embedding_model = "words"});
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().status, 409);
  EXPECT_EQ(created.error().message, "the base a is being deleted: try again when that has ended");
  EXPECT_EQ(set_.Names(), std::vector<std::string>{});
  EXPECT_EQ(set_.Delete("a").error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(std::filesystem::exists(folder_ / "a"));
  used->reset();
  EXPECT_TRUE(deleted.get());
  Create("a", "words");
  EXPECT_TRUE(set_.Open("a"));
}

// Whatever comes together: a name is made once, asked as long as it is there, and nothing is left of it afterwards.
TEST_F(BaseSetTest, RacesLeaveNothingBehind) {
  constexpr int kThreads = 6, kRounds = 60;
  std::atomic<int> made = 0, gone = 0;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  std::latch begin(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      begin.arrive_and_wait();
      for (int i = 0; i < kRounds; ++i) {
        const std::string name = random() % 2 == 0 ? "a" : "b";
        switch (random() % 5) {
          case 0: {
            const auto created = set_.Create(name, {.embedding_model = "words"});
            made += created ? 1 : 0;
            if (!created) EXPECT_TRUE(created.error().status == 400 || created.error().status == 409);
            break;
          }
          case 1: {
            const Status deleted = set_.Delete(name);
            gone += deleted ? 1 : 0;
            if (!deleted) EXPECT_EQ(deleted.error().code(), ErrorCode::kNotFound) << deleted.error().ToString();
            break;
          }
          case 2: {
            const auto opened = set_.Open(name);
            if (!opened) {
              EXPECT_EQ(opened.error().code(), ErrorCode::kNotFound) << opened.error().ToString();
              break;
            }
            const strata::knowledge::Searcher searcher(SourcesOf(**opened));
            EXPECT_TRUE(searcher.Search({.query = "owl", .principal = {.sees_everything = true}}));
            break;
          }
          case 3:
            EXPECT_TRUE(set_.Names());
            break;
          default: {
            const auto options = set_.OptionsOf(name);
            if (options) EXPECT_EQ(options->embedding_model, "words");
            if (!options) EXPECT_EQ(options.error().code(), ErrorCode::kNotFound) << options.error().ToString();
          }
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char* const name : {"a", "b"}) gone += set_.Delete(name) ? 1 : 0;
  EXPECT_EQ(made, gone);
  EXPECT_GT(made, 0);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace strata::serve::knowledge
