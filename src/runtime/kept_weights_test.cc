#include "runtime/kept_weights.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/build_id.h"
#include "base/mapped_file.h"
#include "models/tiny_model.h"
#include "runtime/model_runner.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class KeptWeightsTest : public testing::Test {
 protected:
  KeptWeightsTest() {
    std::string name = (fs::temp_directory_path() / "strata-kept-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
  }
  ~KeptWeightsTest() override { fs::remove_all(directory_); }

  static std::byte ByteAt(std::size_t i) { return static_cast<std::byte>(i * 2654435761U >> 13); }

  /// Packs in parts that begin and end inside blocks, from all ranks.
  MappedMemory Keep(const std::string& key) {
    KeptWeights kept(directory_, key, kBytes);
    EXPECT_TRUE(kept.Begin());
    auto memory = MappedMemory::Map(kept.memory_bytes(), "weights");
    constexpr std::size_t kPart = 700'001;
    std::atomic<std::size_t> next = 0;
    team_.Run([&](int) {
      for (std::size_t at = next.fetch_add(kPart); at < kBytes; at = next.fetch_add(kPart)) {
        const std::size_t end = std::min(at + kPart, kBytes);
        for (std::size_t i = at; i < end; ++i) memory->data()[i] = ByteAt(i);
        kept.Done(*memory, at, end - at);
      }
    });
    const Status finished = kept.Finish(*memory);
    EXPECT_TRUE(finished) << finished.error().ToString();
    return std::move(*memory);
  }

  std::optional<MappedMemory> Find(const std::string& key) { return KeptWeights(directory_, key, kBytes).Find(team_); }

  static bool Holds(const MappedMemory& memory) {
    for (std::size_t i = 0; i < kBytes; ++i) {
      if (memory.data()[i] != ByteAt(i)) return false;
    }
    return true;
  }

  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory_ + "/weights")) files.push_back(entry.path());
    return files;
  }

  static constexpr std::size_t kBytes = 2 * KeptWeights::kBlock + 12'345;
  std::string directory_;
  ThreadTeam team_{2};
};

TEST_F(KeptWeightsTest, AreThereAtTheNextStart) {
  EXPECT_FALSE(Find("a"));
  const MappedMemory written = Keep("a");
  EXPECT_TRUE(Holds(written));
  EXPECT_FALSE(written.anonymous());
  const auto found = Find("a");
  ASSERT_TRUE(found);
  EXPECT_TRUE(Holds(*found));
  EXPECT_FALSE(found->anonymous());
  EXPECT_FALSE(Find("b"));
  EXPECT_FALSE(KeptWeights(directory_, "a", kBytes - 64).Find(team_));  // damaged, to one who wants fewer
}

TEST_F(KeptWeightsTest, DamagedOnesAreRemoved) {
  Keep("a");
  const fs::path file = Files().at(0);
  const auto size = fs::file_size(file);
  for (const std::uintmax_t at : {std::uintmax_t{0}, std::uintmax_t{KeptWeights::kBlock + 5}, size - 60, size - 2}) {
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(static_cast<std::streamoff>(at)).put('!');
    EXPECT_FALSE(Find("a")) << at;
    EXPECT_TRUE(Files().empty()) << at;
    Keep("a");
  }
  fs::resize_file(file, size - 1);
  EXPECT_FALSE(Find("a"));
  Keep("a");
  EXPECT_TRUE(Find("a"));
}

TEST_F(KeptWeightsTest, OtherBuildsAndWhatWasNeverFinishedGo) {
  const auto make = [&](const std::string& name, std::chrono::hours age) {
    fs::create_directories(directory_ + "/weights");
    const std::string path = directory_ + "/weights/" + name;
    std::ofstream(path) << "x";
    fs::last_write_time(path, fs::file_time_type::clock::now() - age);
  };
  make("0123456789abcdef-1.packed", std::chrono::hours(0));
  make("fedcba9876543210-1.packed.AAAAAA", std::chrono::hours(2));
  make("fedcba9876543210-1.packed.BBBBBB", std::chrono::hours(0));  // somebody writes it
  make("notes.txt", std::chrono::hours(2));
  Keep("a");
  Keep("b");
  std::vector<std::string> names;
  for (const fs::path& file : Files()) names.push_back(file.filename().string());
  EXPECT_EQ(names.size(), 4U);
  EXPECT_EQ(std::ranges::count(names, "notes.txt"), 1);
  EXPECT_EQ(std::ranges::count(names, "fedcba9876543210-1.packed.BBBBBB"), 1);
}

TEST_F(KeptWeightsTest, AreNotKeptWhereThereIsNoRoom) {
  Keep("a");
  KeptWeights kept(directory_, "b", std::size_t{1} << 43);
  EXPECT_FALSE(kept.Begin());
  EXPECT_EQ(Files().size(), 1U);  // all of them would make no room
}

TEST_F(KeptWeightsTest, BecomeTheProcesssOwnUnderReaders) {
  MappedMemory own = Keep("a");
  auto shared = Find("a");
  ASSERT_TRUE(shared);
  std::atomic<bool> done = false;
  std::atomic<int> passes = 0;
  std::thread reader([&] {
    while (!done || passes == 0) {
      EXPECT_TRUE(Holds(own));
      ++passes;
    }
  });
  while (passes == 0) std::this_thread::yield();
  OwnWeights(own, 0, {});
  done = true;
  reader.join();
  OwnWeights(*shared, std::uint64_t{1} << 60, {});  // so much is never left: they stay the file's
  std::fstream(Files().at(0), std::ios::in | std::ios::out | std::ios::binary).seekp(5).put('!');
  EXPECT_TRUE(Holds(own));
  EXPECT_FALSE(Holds(*shared));
}

TEST(BuildId, IsThere) { EXPECT_GE(BuildId().size(), 16U); }

/// A model in memory whose state is named.
class NamedModel : public TinyModel {
 public:
  NamedModel(const Options& options, std::string state) : TinyModel(options), state_(std::move(state)) {}
  std::string StateKey() const override { return state_; }

 private:
  std::string state_;
};

std::vector<float> Logits(const std::shared_ptr<const ModelFile>& model, const std::string& cache, bool& mapped) {
  auto runner =
      ModelRunner::Load(model, {.threads = 2, .cache_directory = cache, .keep_weights_from = 1, .own_weights = true});
  EXPECT_TRUE(runner) << runner.error().ToString();
  (*runner)->AwaitOwnWeights();
  const std::vector<std::int32_t> tokens = {1, 5, 9, 2};
  std::vector<std::int32_t> table;
  EXPECT_TRUE((*runner)->kv().Allocate(1, table));
  const SequenceSlice slice{.tokens = tokens, .block_table = table};
  const auto logits = (*runner)->Run({&slice, 1});
  EXPECT_TRUE(logits);
  mapped = !fs::is_empty(cache + "/weights");
  return {logits->row(0).begin(), logits->row(0).end()};
}

TEST_F(KeptWeightsTest, AModelGivesTheSameFromThem) {
  bool kept = false;
  for (const DType dtype : {DType::kQ4_1, DType::kF32}) {
    const auto load = [&](const std::string& state, std::uint32_t seed) {
      return Logits(std::make_shared<NamedModel>(TinyModel::Options{.dtype = dtype, .seed = seed}, state), directory_,
                    kept);
    };
    const std::vector<float> packed = load("first", 1);
    EXPECT_TRUE(kept);
    EXPECT_EQ(load("first", 1), packed);
    // Of another state nothing is taken over; under the same name the tensors themselves are not asked.
    EXPECT_NE(load("second", 2), packed);
    EXPECT_EQ(Files().size(), 2U);
    fs::remove_all(directory_ + "/weights");
  }
}

}  // namespace
}  // namespace strata
