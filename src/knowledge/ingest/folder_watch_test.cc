#include "knowledge/ingest/folder_watch.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Woken = FolderWatch::Woken;

class FolderWatchTest : public testing::Test {
 protected:
  FolderWatchTest() {
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "sub");
    EXPECT_TRUE(watch_.Add({folder_, folder_ / "sub"}).any_new);
  }
  ~FolderWatchTest() override {
    fs::remove_all(folder_);
    ::close(other_);
  }
  Woken Wait(int timeout = 0) { return watch_.Wait(milliseconds(timeout), other_); }

  const fs::path folder_ = fs::path(testing::TempDir()) / ("folder_watch" + std::to_string(::getpid()));
  const int other_ = ::eventfd(0, EFD_CLOEXEC);
  FolderWatch watch_ = FolderWatch::Open().value();
};

TEST_F(FolderWatchTest, TellsOfEveryChangeOnce) {
  EXPECT_EQ(Wait(), Woken::kTimeout);
  const auto changes = {
      std::function<void()>([&] { std::ofstream(folder_ / "a") << "x"; }),
      std::function<void()>([&] { std::ofstream(folder_ / "sub/b") << "x"; }),
      std::function<void()>([&] { std::ofstream(folder_ / "a", std::ios::app) << "y"; }),
      std::function<void()>([&] { fs::rename(folder_ / "a", folder_ / "c"); }),
      std::function<void()>([&] { fs::create_symlink(folder_ / "c", folder_ / "link"); }),
      std::function<void()>([&] { fs::create_directory(folder_ / "new"); }),
      std::function<void()>([&] { fs::remove(folder_ / "c"); }),
      std::function<void()>([&] { fs::remove_all(folder_ / "sub"); }),
  };
  for (std::size_t i = 0; const auto& change : changes) {
    change();
    EXPECT_EQ(Wait(), Woken::kChange) << i;
    EXPECT_EQ(Wait(), Woken::kTimeout) << i;
    ++i;
  }
}

TEST_F(FolderWatchTest, KnowsWhatItWatches) {
  EXPECT_FALSE(watch_.Add({folder_, folder_ / "sub"}).any_new);
  EXPECT_FALSE(watch_.Add({folder_ / "never"}).any_new);
  fs::remove(folder_ / "sub");
  EXPECT_EQ(Wait(), Woken::kChange);
  fs::create_directory(folder_ / "sub");
  EXPECT_EQ(Wait(), Woken::kChange);
  EXPECT_TRUE(watch_.Add({folder_ / "sub"}).any_new) << "another folder of that name";
}

TEST_F(FolderWatchTest, ManyFilesAreOneChange) {
  std::jthread writer([&] {
    for (int i = 0; i < 20; ++i) {
      std::ofstream(folder_ / std::to_string(i)) << i;
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  EXPECT_EQ(Wait(10'000), Woken::kChange);
  writer.join();
  while (Wait(100) == Woken::kChange) {
  }
  EXPECT_EQ(Wait(), Woken::kTimeout);
}

TEST_F(FolderWatchTest, TheOtherDescriptorEndsIt) {
  std::jthread other([&] {
    std::this_thread::sleep_for(milliseconds(20));
    ::eventfd_write(other_, 1);
  });
  EXPECT_EQ(Wait(10'000), Woken::kOther);
  std::ofstream(folder_ / "a") << "x";
  EXPECT_EQ(Wait(10'000), Woken::kOther);
}

}  // namespace
}  // namespace strata::knowledge
