#include "knowledge/search/document_table.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace strata::knowledge {
namespace {

using Json = nlohmann::json;

/// Everything that the table was told, in the plainest form.
struct Model {
  std::map<DocumentId, DocumentRecord> documents;
  std::map<ChunkId, DocumentId> chunks;

  std::vector<ChunkId> Allowed(const Principal& principal, const Filter* filter) const {
    std::vector<ChunkId> allowed;
    for (const auto& [chunk, id] : chunks) {
      const auto document = documents.find(id);
      if (document == documents.end() || !MaySee(principal, document->second.access)) continue;
      if (filter != nullptr && !filter->Accepts(document->second.metadata)) continue;
      allowed.push_back(chunk);
    }
    return allowed;
  }
};

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}
  unsigned Below(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::vector<std::string> Some(const char* prefix, unsigned most) {
    std::vector<std::string> names;
    for (unsigned i = Below(most + 1); i > 0; --i) names.push_back(prefix + std::to_string(Below(4)));
    return names;
  }
  Access MakeAccess() {
    return {Some("u", 2), Some("g", 2), Below(3) == 0 ? Some("l", 2) : std::vector<std::string>{}};
  }
  Principal MakePrincipal() {
    return {Below(3) == 0 ? "" : "u" + std::to_string(Below(4)), Some("g", 3), Some("l", 3), Below(40) == 0};
  }
  DocumentRecord MakeRecord(DocumentId id) {
    DocumentRecord record;
    record.id = id;
    record.access = MakeAccess();
    record.metadata = {{"year", 2020 + Below(4)}};
    return record;
  }

 private:
  std::mt19937 random_;
};

std::vector<ChunkId> Listed(const Bitmap& bitmap) {
  std::vector<ChunkId> list;
  bitmap.ForEach([&](ChunkId chunk) { list.push_back(chunk); });
  return list;
}

TEST(DocumentTableTest, AllowedIsWhatTheRulesSayAfterAnyChanges) {
  Random random(3);
  DocumentTable table;
  Model model;
  ChunkId next = 1;
  std::vector<Filter> filters;
  for (int year = 2020; year < 2024; ++year) filters.push_back(*Filter::Parse({{"year", {{">=", year}}}}));
  std::size_t found = 0;
  for (int step = 0; step < 20000; ++step) {
    const DocumentId id = 1 + random.Below(40);
    switch (random.Below(8)) {
      case 0:
        model.documents[id] = random.MakeRecord(id);
        table.Put(model.documents[id]);
        break;
      case 1:
        if (random.Below(3) != 0) break;
        model.documents.erase(id);
        std::erase_if(model.chunks, [&](const auto& entry) { return entry.second == id; });
        table.Remove(id);
        break;
      case 2:
      case 3:
        model.chunks[next] = id;
        table.AddChunk(next++, id);
        break;
      case 4: {
        const ChunkId chunk = 1 + random.Below(next);
        model.chunks.erase(chunk);
        table.RemoveChunk(chunk);
        break;
      }
      default: {
        const Principal principal = random.MakePrincipal();
        const Filter* filter = random.Below(2) == 0 ? nullptr : &filters[random.Below(4)];
        const std::vector<ChunkId> want = model.Allowed(principal, filter);
        ASSERT_EQ(Listed(table.Allowed(principal, filter)), want) << "step " << step;
        found += want.size();
        const auto document = model.documents.find(id);
        const bool visible = document != model.documents.end() && MaySee(principal, document->second.access) &&
                             (filter == nullptr || filter->Accepts(document->second.metadata));
        ASSERT_EQ(table.Find(id, principal, filter) != nullptr, visible);
        const ChunkId chunk = 1 + random.Below(next);
        const auto owner = model.chunks.find(chunk);
        ASSERT_EQ(table.DocumentOf(chunk).value_or(0), owner == model.chunks.end() ? 0 : owner->second);
      }
    }
  }
  EXPECT_GT(found, 1000U);
}

TEST(DocumentTableTest, NamesCannotBeJoinedIntoOthers) {
  DocumentTable table;
  DocumentRecord record;
  record.id = 1;
  record.access.groups = {"a", "b"};
  table.Put(record);
  table.AddChunk(1, 1);
  EXPECT_EQ(table.Allowed({.groups = {"a"}}).Count(), 1U);
  EXPECT_EQ(table.Allowed({.groups = {"a,1:b"}}).Count(), 0U);
  EXPECT_EQ(table.Allowed({.user = "|1,1:a"}).Count(), 0U);
  EXPECT_EQ(table.Allowed({.user = "*"}).Count(), 0U);
}

TEST(DocumentTableTest, WhatIsTakenAwayIsGoneForSearchesThatBeginThen) {
  DocumentTable table;
  DocumentRecord open, closed;
  open.id = closed.id = 1;
  closed.access.users = {"owner"};
  table.Put(open);
  for (ChunkId chunk = 1; chunk <= 100; ++chunk) table.AddChunk(chunk, 1);
  std::atomic<bool> stop = false;
  std::atomic<int> torn = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&, i] {
      while (!stop) {
        const std::size_t count = table.Allowed({.user = "reader" + std::to_string(i)}).Count();
        if (count != 0 && count != 100) ++torn;
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    table.Put(closed);
    ASSERT_EQ(table.Allowed({.user = "someone"}).Count(), 0U);
    table.Put(open);
    ASSERT_EQ(table.Allowed({.user = "someone"}).Count(), 100U);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0) << "a document's chunks are seen all or none";
}

}  // namespace
}  // namespace strata::knowledge
