#include "knowledge/lexical/segment_list.h"

#include <bit>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include <gtest/gtest.h>

namespace strata::knowledge {
namespace {

constexpr Bm25 kBm25;

// A document whose only term has the count `count`.
std::shared_ptr<Segment> Document(ChunkId id, std::uint32_t count) {
  SegmentBuilder builder({id}, {count});
  builder.AddTerm("term", std::vector<Posting>{{0, count}});
  return builder.Finish(kBm25);
}

// Every live document once, with the count that it came with last.
std::map<ChunkId, std::uint32_t> Live(const Segments& segments) {
  std::map<ChunkId, std::uint32_t> live;
  for (const auto& segment : segments) {
    const auto term = segment->FindTerm("term");
    if (!term) continue;
    for (const Posting& posting : segment->Postings(*term)) {
      if (!segment->IsLive(posting.document)) continue;
      const auto [at, is_new] = live.emplace(segment->ids()[posting.document], posting.count);
      EXPECT_TRUE(is_new) << at->first << " is live twice";
    }
  }
  return live;
}

// Merges of more than 16 documents are the thread's: it is at one most of the time, while documents come and go.
TEST(SegmentListTest, HasWhatIsThereWhoeverMerges) {
  std::mt19937 random(1);
  std::map<ChunkId, std::uint32_t> want;
  SegmentList list(kBm25, 16);
  for (std::uint32_t step = 1; step <= 30000; ++step) {
    const ChunkId id = 1 + random() % 3000;
    if (random() % 3 == 0) {
      list.Remove(id);
      want.erase(id);
    } else {
      list.Add(Document(id, step));
      want[id] = step;
    }
    if (step % 500 == 0) ASSERT_EQ(Live(*list.View()), want) << step;
    if (step % 7000 != 0) continue;
    list.Compact();
    ASSERT_EQ(list.View()->size(), 1);
    EXPECT_EQ(list.View()->front()->removed().size(), 0);
    ASSERT_EQ(Live(*list.View()), want) << step;
  }
}

TEST(SegmentListTest, BecomesFewSegments) {
  SegmentList list(kBm25, 16);
  for (ChunkId id = 1; id <= 5000; ++id) list.Add(Document(id, 1));
  // At most seven of each size, when the thread has come to rest.
  const auto most = [&] {
    std::map<int, int> sizes;
    int greatest = 0;
    for (const auto& segment : *list.View()) {
      greatest = std::max(greatest, ++sizes[static_cast<int>(std::bit_width(segment->live()) - 1) / 3]);
    }
    return greatest;
  };
  for (int i = 0; i < 1000 && most() > 7; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_LE(most(), 7);
  EXPECT_EQ(Live(*list.View()).size(), 5000);
}

TEST(SegmentListTest, LeavesNoSegmentThatIsMostlyRemoved) {
  SegmentList list(kBm25, 16);
  for (ChunkId id = 1; id <= 4096; ++id) list.Add(Document(id, 1));
  list.Compact();
  for (ChunkId id = 1; id <= 4000; ++id) list.Remove(id);
  const auto removed = [&] {
    std::size_t number = 0;
    for (const auto& segment : *list.View()) number += segment->removed().size();
    return number;
  };
  for (int i = 0; i < 1000 && removed() > 96; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_LE(removed(), 96);
  EXPECT_EQ(Live(*list.View()).size(), 96);
  for (ChunkId id = 4001; id <= 4096; ++id) list.Remove(id);
  for (int i = 0; i < 1000 && !list.View()->empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(list.View()->empty());
}

// Ends in the middle of merges; under TSan, with readers.
TEST(SegmentListTest, EndsWhateverItIsAt) {
  for (int round = 0; round < 20; ++round) {
    SegmentList list(kBm25, 4);
    std::jthread reader([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) Live(*list.View());
    });
    for (ChunkId id = 1; id <= 600; ++id) {
      list.Add(Document(id, 1));
      if (id % 5 == 0) list.Remove(id - 2);
    }
    reader.request_stop();
    reader.join();
  }
}

}  // namespace
}  // namespace strata::knowledge
