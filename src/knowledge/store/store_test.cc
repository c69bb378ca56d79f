// What every store promises, asked of each.
#include "knowledge/store/store.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "knowledge/store/postgres_server.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// One server for all tests of the process.
PostgresServer* Server() {
  static std::string why;
  static const std::unique_ptr<PostgresServer> server = PostgresServer::Start(why);
  return server.get();
}

class StoreTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    static int number = 0;
    if (std::string(GetParam()) == "postgres") {
      if (Server() == nullptr) GTEST_SKIP() << "no PostgreSQL here";
      location_ = Server()->Url(fmt::format("base-{}", ++number));
    } else {
      std::string folder = fs::temp_directory_path() / "strata-store-XXXXXX";
      ASSERT_NE(::mkdtemp(folder.data()), nullptr);
      folder_ = folder;
      location_ = folder + "/base";
    }
    Make({});
  }
  void TearDown() override {
    store_.reset();
    std::error_code ignored;
    if (!folder_.empty()) fs::remove_all(folder_, ignored);
  }
  void Make(const StoreOptions& options) {
    if (store_ != nullptr) {
      store_.reset();
      ASSERT_TRUE(DeleteStore(location_).has_value());
    }
    auto store = CreateStore(location_, options);
    ASSERT_TRUE(store.has_value()) << store.error().ToString();
    store_ = *std::move(store);
  }

  std::string folder_, location_;
  std::unique_ptr<Store> store_;
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, testing::Values("sqlite", "postgres"),
                         [](const auto& info) { return std::string(info.param); });

constexpr std::size_t kDimensions = 4;

/// A document of these texts, a chunk each.
DocumentVersion Version(const std::string& uri, const std::vector<std::string>& texts) {
  DocumentVersion version;
  version.record.uri = uri;
  version.record.title = "Title";
  version.record.media_type = "text/plain";
  version.record.content_hash = "hash";
  for (const std::string& text : texts) {
    Chunk chunk;
    chunk.text = text;
    chunk.span = {version.text.size(), version.text.size() + text.size()};
    chunk.tokens = static_cast<std::int64_t>(text.size());
    chunk.hash = HashOf(text);
    version.text += text + "\n\n";
    version.chunks.push_back(chunk);
    for (std::size_t i = 0; i < kDimensions; ++i) version.vectors.push_back(static_cast<float>(text.size() + i) / 8);
  }
  return version;
}

std::vector<ChunkId> IdsOf(Store& store, DocumentId id) {
  std::vector<ChunkId> ids;
  for (const StoredChunk& chunk : store.ChunksOf(id, 0, 1000).value()) ids.push_back(chunk.id);
  return ids;
}

std::vector<Change> ChangesSince(Store& store, Sequence sequence) {
  return store.ChangesSince(sequence, 1000).value().value();
}

TEST_P(StoreTest, GivesBackWhatWasPut) {
  DocumentVersion version = Version("file:///a%20b.pdf", {"Ünïcode 知识库 one", "", "three'; DROP TABLE chunks; --"});
  version.record.metadata = {{"year", 2024}, {"team", "law"}};
  version.file_metadata = {{"author", "Ann"}, {"team", "of the file"}};
  version.record.access = {.users = {"ann"}, .groups = {"law"}, .labels = {"secret"}};
  version.record.bytes = 1234;
  version.record.modified = 1'700'000'000'123'456'789;
  version.record.warnings = {"page 3 is an image"};
  version.chunks[1].searchable = false;
  version.chunks[1].context = "Title > Part";
  version.chunks[2].parent = 1;
  version.chunks[2].hidden = true;
  version.chunks[2].place = {.page = 7, .box = {1.5f, 2, 3, 4.25f}};
  version.vectors = {0.5f, -1, 0, 0.25f, 1, 2, 3, 4};
  const DocumentRecord record = store_->Put(version).value();
  EXPECT_EQ(record.version, 1u);
  EXPECT_EQ(record.chunks, 2);
  EXPECT_EQ(record.metadata, nlohmann::json({{"year", 2024}, {"team", "law"}, {"author", "Ann"}}));
  EXPECT_EQ(record.access, version.record.access);
  EXPECT_EQ(record.modified, version.record.modified);
  EXPECT_EQ(record.warnings, version.record.warnings);
  const DocumentRecord found = store_->Find("file:///a%20b.pdf").value().value();
  EXPECT_EQ(found.id, record.id);
  EXPECT_EQ(found.bytes, 1234);
  EXPECT_EQ(store_->Text(record.id).value(), version.text);

  const std::vector<StoredChunk> chunks = store_->ChunksOf(record.id, 0, 10).value();
  ASSERT_EQ(chunks.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(chunks[i].ordinal, static_cast<std::int32_t>(i));
    EXPECT_EQ(chunks[i].document, record.id);
    EXPECT_EQ(chunks[i].version, 1u);
    EXPECT_EQ(chunks[i].chunk.text, version.chunks[i].text);
    EXPECT_EQ(chunks[i].chunk.context, version.chunks[i].context);
    EXPECT_EQ(chunks[i].chunk.span, version.chunks[i].span);
    EXPECT_EQ(chunks[i].chunk.place, version.chunks[i].place);
    EXPECT_EQ(chunks[i].chunk.searchable, version.chunks[i].searchable);
    EXPECT_EQ(chunks[i].chunk.hidden, version.chunks[i].hidden);
    EXPECT_EQ(chunks[i].chunk.hash, version.chunks[i].hash);
  }
  EXPECT_EQ(chunks[2].parent_id, chunks[1].id);
  std::map<ChunkId, std::vector<float>> vectors;
  ASSERT_TRUE(store_->ForEachChunk([&](const StoredChunk& chunk, std::span<const float> vector) {
    vectors[chunk.id].assign(vector.begin(), vector.end());
    return true;
  }));
  EXPECT_THAT(vectors, ElementsAre(testing::Pair(chunks[0].id, ElementsAre(0.5f, -1, 0, 0.25f)),
                                   testing::Pair(chunks[2].id, ElementsAre(1, 2, 3, 4))));
  const std::vector<ChunkId> wanted = {chunks[2].id, 4000000000u, chunks[0].id};
  const std::vector<StoredChunk> some = store_->Chunks(wanted).value();
  ASSERT_EQ(some.size(), 2u);
  EXPECT_EQ(some[0].id, chunks[2].id);
  EXPECT_EQ(store_->Count().value().chunks, 2);
}

TEST_P(StoreTest, KeepsHalfPrecisionOrFull) {
  const std::vector<float> exact = {0.1f, 1e-3f, -0.7071f, 1.0f};
  for (const bool full : {false, true}) {
    Make({.full_precision = full});
    DocumentVersion version = Version("a", {"x"});
    version.vectors = exact;
    ASSERT_TRUE(store_->Put(version));
    const auto vectors = store_->VectorsOf(std::vector{version.chunks[0].hash}).value();
    ASSERT_EQ(vectors.size(), 1u);
    for (std::size_t i = 0; i < exact.size(); ++i) {
      EXPECT_NEAR(vectors[0].second[i], exact[i], full ? 0 : std::abs(exact[i]) / 1024);
    }
  }
}

TEST_P(StoreTest, VectorsAreFoundByWhatTheyAreOf) {
  const DocumentVersion a = Version("a", {"one", "two"}), b = Version("b", {"one", "three"});
  ASSERT_TRUE(store_->Put(a));
  ASSERT_TRUE(store_->Put(b));
  Hash128 other = HashOf("one");
  other.high ^= 1;
  const auto vectors = store_->VectorsOf(std::vector{HashOf("three"), HashOf("one"), other, HashOf("never")}).value();
  std::map<std::uint64_t, std::vector<float>> by_hash;
  for (const auto& [hash, vector] : vectors) by_hash[hash.high] = vector;
  ASSERT_EQ(vectors.size(), 2U);
  EXPECT_EQ(by_hash[HashOf("one").high].size(), kDimensions);
  EXPECT_FLOAT_EQ(by_hash[HashOf("three").high].front(), b.vectors[kDimensions]);
  ASSERT_TRUE(store_->Remove("a").value());
  EXPECT_EQ(store_->VectorsOf(std::vector{HashOf("one")}).value().size(), 1U) << "b says it, too";
  EXPECT_TRUE(store_->VectorsOf(std::vector{HashOf("two")}).value().empty());
  EXPECT_TRUE(store_->VectorsOf({}).value().empty());
}

TEST_P(StoreTest, VectorsMayComeLater) {
  DocumentVersion a = Version("a", {"one", "two", "one"});
  const std::vector<float> one(a.vectors.begin(), a.vectors.begin() + kDimensions);
  a.vectors.clear();
  ASSERT_TRUE(store_->Enqueue(std::vector<Job>{{.uri = "a", .kind = "add"}}));
  const Job job = store_->Claim().value().value();
  const DocumentId id = store_->PutSource("a", std::span(&a, 1), &job).value().front().id;
  const nlohmann::json result = store_->FindJob(job.id).value()->result;
  EXPECT_EQ(result, nlohmann::json({{"documents", 1}, {"chunks", 3}, {"embedded", 2}, {"reused", 1}}));
  const std::vector<ChunkId> ids = IdsOf(*store_, id);
  const auto waiting = [&] {
    std::vector<ChunkId> found;
    for (const StoredChunk& chunk : store_->Unembedded(100).value()) found.push_back(chunk.id);
    return found;
  };
  const auto vectors = [&] {
    std::map<ChunkId, std::vector<float>> found;
    EXPECT_TRUE(store_->ForEachChunk([&](const StoredChunk& chunk, std::span<const float> vector) {
      found[chunk.id].assign(vector.begin(), vector.end());
      return true;
    }));
    return found;
  };
  EXPECT_EQ(waiting(), ids);
  EXPECT_EQ(store_->Unembedded(2).value().size(), 2U);
  EXPECT_EQ(store_->Count()->unembedded, 3);
  EXPECT_THAT(vectors(), testing::SizeIs(3)) << "chunks without vectors are there";
  EXPECT_THAT(vectors()[ids[0]], testing::IsEmpty());

  const Sequence sequence = store_->LastSequence().value();
  ASSERT_TRUE(store_->PutVectors(std::vector{ids[0]}, one));
  EXPECT_EQ(waiting(), std::vector({ids[1], ids[2]}));
  EXPECT_EQ(vectors()[ids[0]].size(), kDimensions);
  const std::vector<Change> changes = ChangesSince(*store_, sequence);
  ASSERT_EQ(changes.size(), 1U);
  EXPECT_EQ(changes[0].kind, Change::Kind::kVectorAdded);
  EXPECT_EQ(changes[0].id, ids[0]);
  ASSERT_TRUE(store_->PutVectors(std::vector{ids[0], ChunkId{4000000}}, std::vector<float>(2 * kDimensions)));
  EXPECT_EQ(store_->LastSequence().value(), sequence + 1) << "they did not wait";
  EXPECT_FALSE(store_->PutVectors(std::vector{ids[1], ids[2]}, std::vector<float>(3)));

  // Who says the same later has the vector at once; what cannot be embedded waits no more, and is tried for others.
  ASSERT_TRUE(store_->PutVectors(std::vector{ids[1]}, {}));
  EXPECT_THAT(vectors()[ids[1]], testing::IsEmpty());
  DocumentVersion b = Version("b", {"one", "two"});
  b.vectors.clear();
  const std::vector<ChunkId> of_b = IdsOf(*store_, store_->Put(b).value().id);
  EXPECT_EQ(vectors()[of_b[0]], vectors()[ids[0]]);
  EXPECT_EQ(waiting(), std::vector({ids[2], of_b[1]}));
  EXPECT_TRUE(store_->VectorsOf(std::vector{HashOf("two")}).value().empty());
  ASSERT_TRUE(store_->Remove("a").value());
  EXPECT_EQ(waiting(), std::vector({of_b[1]}));
}

TEST_P(StoreTest, ANewVersionKeepsChunksThatAreTheSame) {
  const DocumentRecord first = store_->Put(Version("a", {"one", "two", "two", "three"})).value();
  const std::vector<ChunkId> before = IdsOf(*store_, first.id);
  const Sequence sequence = store_->LastSequence().value();
  const DocumentRecord second = store_->Put(Version("a", {"zero", "two", "one"})).value();
  EXPECT_EQ(second.id, first.id);
  EXPECT_EQ(second.version, 2u);
  const std::vector<ChunkId> after = IdsOf(*store_, first.id);
  EXPECT_THAT(after, ElementsAre(before[3] + 1, before[1], before[0]));
  std::vector<Change> changes = ChangesSince(*store_, sequence);
  ASSERT_EQ(changes.size(), 4u);
  for (std::size_t i = 0; i < changes.size(); ++i) EXPECT_EQ(changes[i].sequence, sequence + i + 1);
  std::ranges::sort(changes, {}, [](const Change& change) { return std::pair(change.kind, change.id); });
  EXPECT_EQ(changes[0].id, after[0]);
  EXPECT_EQ(changes[1].id, before[2]);
  EXPECT_EQ(changes[2].id, before[3]);
  EXPECT_EQ(changes[3].kind, Change::Kind::kDocumentChanged);
  EXPECT_EQ(store_->Chunks(before).value().size(), 2u);
}

TEST_P(StoreTest, AChunkThatCannotBeFoundAnyMoreIsAnother) {
  DocumentVersion version = Version("a", {"one", "two"});
  const DocumentRecord record = store_->Put(version).value();
  const std::vector<ChunkId> before = IdsOf(*store_, record.id);
  version.chunks[0].searchable = false;
  version.vectors.resize(kDimensions);
  ASSERT_TRUE(store_->Put(version));
  std::vector<ChunkId> live;
  ASSERT_TRUE(store_->ForEachChunkId([&](ChunkId id, DocumentId) { live.push_back(id); }));
  EXPECT_THAT(live, ElementsAre(before[1]));
}

TEST_P(StoreTest, ASourceIsReplacedWhole) {
  const auto put = [&](std::vector<DocumentVersion> versions) { return store_->PutSource("zip", versions); };
  ASSERT_EQ(put({Version("zip#a", {"a"}), Version("zip#b", {"b"})}).value().size(), 2u);
  ASSERT_TRUE(store_->Put(Version("zipper", {"another"})));
  const DocumentRecord a = store_->Find("zip#a").value().value(), b = store_->Find("zip#b").value().value();
  ASSERT_TRUE(store_->SetAccess(a.id, {.users = {"ann"}, .groups = {}, .labels = {}}));
  ASSERT_TRUE(store_->SetMetadata(a.id, {{"k", "v"}}));
  DocumentVersion newer = Version("zip#a", {"a2"}), sibling = Version("zip#c", {"c"});
  newer.keep_access = newer.keep_metadata = sibling.keep_access = sibling.keep_metadata = true;
  const Sequence sequence = store_->LastSequence().value();
  const std::vector<DocumentRecord> records = put({newer, sibling}).value();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].id, a.id);
  EXPECT_THAT(records[0].access.users, ElementsAre("ann"));
  EXPECT_EQ(records[0].metadata, nlohmann::json({{"k", "v"}}));
  EXPECT_THAT(records[1].access.users, ElementsAre("ann")) << "what is new in a private archive is private";
  EXPECT_FALSE(store_->Find("zip#b").value());
  EXPECT_TRUE(store_->Find("zipper").value());
  EXPECT_THAT(ChangesSince(*store_, sequence), testing::Contains(testing::Field(&Change::id, b.id)));
  EXPECT_EQ(put({Version("elsewhere", {"x"})}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(put({Version("zip#a", {"x"}), Version("zip#a", {"y"})}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(store_->Remove("zip").value());
  EXPECT_FALSE(store_->Remove("zip").value());
  EXPECT_THAT(store_->DocumentsUnder("", "", 10).value(), testing::SizeIs(1));
}

TEST_P(StoreTest, ListsByIdAndByPrefix) {
  for (const char* uri : {"file:///d/b", "file:///d/a", "file:///d%C3%A9", "file:///e"}) {
    ASSERT_TRUE(store_->Put(Version(uri, {uri})));
  }
  const auto uris = [](const std::vector<DocumentRecord>& records) {
    std::vector<std::string> list;
    list.reserve(records.size());
    for (const DocumentRecord& record : records) list.push_back(record.uri);
    return list;
  };
  EXPECT_THAT(uris(store_->DocumentsUnder("file:///d/", "", 10).value()), ElementsAre("file:///d/a", "file:///d/b"));
  EXPECT_THAT(uris(store_->DocumentsUnder("file:///d/", "file:///d/a", 10).value()), ElementsAre("file:///d/b"));
  const std::vector<DocumentRecord> two = store_->Documents(0, 2).value();
  EXPECT_THAT(uris(two), ElementsAre("file:///d/b", "file:///d/a"));
  EXPECT_THAT(uris(store_->Documents(two[1].id, 5).value()), ElementsAre("file:///d%C3%A9", "file:///e"));
}

TEST_P(StoreTest, NumbersAreNeverGivenAgain) {
  const DocumentRecord first = store_->Put(Version("a", {"one", "two"})).value();
  const std::vector<ChunkId> ids = IdsOf(*store_, first.id);
  ASSERT_TRUE(store_->Remove("a").value());
  const DocumentRecord second = store_->Put(Version("a", {"one", "two"})).value();
  EXPECT_GT(second.id, first.id);
  EXPECT_GT(IdsOf(*store_, second.id)[0], ids[1]);
  EXPECT_THAT(store_->Chunks(ids).value(), IsEmpty());
  EXPECT_FALSE(store_->Text(first.id).value());
  EXPECT_EQ(store_->SetAccess(first.id, {}).error().code(), ErrorCode::kNotFound);
}

TEST_P(StoreTest, ChangesReachBackAsFarAsTheyAreKept) {
  Make({.kept_changes = 6});
  EXPECT_THAT(ChangesSince(*store_, 0), IsEmpty());
  ASSERT_TRUE(store_->Put(Version("a", {"one", "two"})));
  EXPECT_THAT(ChangesSince(*store_, 0), testing::SizeIs(3));
  EXPECT_THAT(store_->ChangesSince(0, 2).value().value(), testing::SizeIs(2));
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(store_->Put(Version("b", {fmt::format("text {}", i)})));
  const Sequence last = store_->LastSequence().value();
  EXPECT_FALSE(store_->ChangesSince(0, 100).value());
  EXPECT_FALSE(store_->ChangesSince(last + 1, 100).value()) << "of another base, or one from a backup";
  EXPECT_THAT(ChangesSince(*store_, last - 6), testing::SizeIs(6));
  EXPECT_FALSE(store_->ChangesSince(last - 7, 100).value());
}

/// Whoever follows the log knows at any time which chunks are live.
TEST_P(StoreTest, TheLogTellsOfEveryChunk) {
  std::mt19937 random(7);
  std::map<std::string, int> versions;
  std::set<ChunkId> live;
  Sequence sequence = 0;
  for (int step = 0; step < 120; ++step) {
    const std::string uri = fmt::format("doc{}", random() % 6);
    if (random() % 4 == 0) {
      EXPECT_EQ(store_->Remove(uri).value(), versions.erase(uri) == 1);
    } else {
      std::vector<std::string> texts(random() % 6);
      for (std::string& text : texts) text = fmt::format("{} {}", uri, random() % 8);
      const DocumentRecord record = store_->Put(Version(uri, texts)).value();
      EXPECT_EQ(record.version, static_cast<std::uint32_t>(++versions[uri]));
    }
    for (const Change& change : ChangesSince(*store_, sequence)) {
      sequence = change.sequence;
      if (change.kind == Change::Kind::kChunkAdded) EXPECT_TRUE(live.insert(change.id).second);
      if (change.kind == Change::Kind::kChunkRemoved) EXPECT_EQ(live.erase(change.id), 1u);
    }
    std::set<ChunkId> stored;
    ASSERT_TRUE(store_->ForEachChunkId([&](ChunkId id, DocumentId) { stored.insert(id); }));
    ASSERT_EQ(stored, live);
  }
}

Job AddJob(const std::string& uri) { return {.uri = uri, .kind = "add", .arguments = {{"path", "/x"}}}; }

TEST_P(StoreTest, JobsOfOneUriRunInTheirOrder) {
  const std::vector<Job> jobs = {AddJob("a"), AddJob("a"), AddJob("b")};
  const std::vector<std::int64_t> ids = store_->Enqueue(jobs).value();
  Job first = store_->Claim().value().value();
  EXPECT_EQ(first.id, ids[0]);
  EXPECT_EQ(first.attempts, 1);
  EXPECT_EQ(first.arguments, jobs[0].arguments);
  EXPECT_EQ(store_->Claim().value()->id, ids[2]) << "a is being worked on";
  EXPECT_FALSE(store_->Claim().value());
  first.stage = "embed";
  first.progress = 0.5;
  EXPECT_TRUE(store_->Update(first).value());
  EXPECT_EQ(store_->FindJob(ids[0]).value()->stage, "embed");
  first.state = JobState::kFailed;
  first.error = "no";
  EXPECT_TRUE(store_->Update(first).value());
  EXPECT_FALSE(store_->Update(first).value()) << "it has ended";
  EXPECT_FALSE(store_->Cancel(ids[0]).value());
  EXPECT_EQ(store_->Claim().value()->id, ids[1]);
  EXPECT_THAT(store_->Jobs(JobState::kFailed, 0, 10).value(), testing::SizeIs(1));
  EXPECT_THAT(store_->Jobs(std::nullopt, ids[0], 10).value(), testing::SizeIs(2));
}

TEST_P(StoreTest, AJobWaitsForItsTimeAndComesBackAfterACrash) {
  ASSERT_TRUE(store_->Enqueue(std::vector{AddJob("a")}));
  Job job = store_->Claim().value().value();
  ASSERT_TRUE(store_->ReleaseStaleJobs());
  job = store_->Claim().value().value();
  EXPECT_EQ(job.attempts, 2);
  job.state = JobState::kQueued;
  job.not_before = 4'000'000'000'000;
  ASSERT_TRUE(store_->Update(job).value());
  EXPECT_FALSE(store_->Claim().value());
}

TEST_P(StoreTest, AnUploadIsThereUntilItsJobEnds) {
  Job job = AddJob("upload:a");
  job.upload = std::string("\0\xff binary", 9);
  const std::int64_t id = store_->Enqueue(std::vector{job}).value()[0];
  EXPECT_EQ(store_->Upload(id).value(), job.upload);
  const Job running = store_->Claim().value().value();
  ASSERT_TRUE(store_->PutSource("upload:a", std::vector{Version("upload:a", {"text"})}, &running));
  EXPECT_EQ(store_->FindJob(id).value()->state, JobState::kDone);
  EXPECT_FALSE(store_->Upload(id).value());
}

TEST_P(StoreTest, ACancelledJobChangesNothing) {
  const std::int64_t id = store_->Enqueue(std::vector{AddJob("a")}).value()[0];
  const Job job = store_->Claim().value().value();
  EXPECT_TRUE(store_->HasPendingJobs("a").value());
  const Sequence sequence = store_->LastSequence().value();
  EXPECT_TRUE(store_->Cancel(id).value());
  const auto put = store_->PutSource("a", std::vector{Version("a", {"text"})}, &job);
  EXPECT_EQ(put.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(store_->Remove("a", &job).error().code(), ErrorCode::kCancelled);
  EXPECT_FALSE(store_->Find("a").value());
  EXPECT_EQ(store_->LastSequence().value(), sequence);
  EXPECT_EQ(store_->FindJob(id).value()->state, JobState::kCancelled);
  EXPECT_FALSE(store_->HasPendingJobs("a").value());
}

TEST_P(StoreTest, SettingsAreKept) {
  EXPECT_TRUE(store_->Setting("fusion").value().is_null());
  ASSERT_TRUE(store_->SetSetting("fusion", {{"weight", 0.25}}));
  ASSERT_TRUE(store_->SetSetting("fusion", {{"weight", 0.5}}));
  store_ = OpenStore(location_).value();
  EXPECT_EQ(store_->Setting("fusion").value(), nlohmann::json({{"weight", 0.5}}));
}

TEST_P(StoreTest, OneOfTwoThatHaveItOpenHoldsTheLease) {
  const std::unique_ptr<Store> other = OpenStore(location_).value();
  std::unique_ptr<Lease> lease = store_->TryLease().value();
  ASSERT_NE(lease, nullptr);
  EXPECT_TRUE(lease->Held());
  EXPECT_EQ(other->TryLease().value(), nullptr);
  lease.reset();
  EXPECT_NE(other->TryLease().value(), nullptr);
  ASSERT_TRUE(store_->Put(Version("a", {"one"})));
  EXPECT_TRUE(other->Find("a").value());
  EXPECT_THAT(ChangesSince(*other, 0), testing::SizeIs(2));
}

TEST_P(StoreTest, RefusesWhatIsNotThereOrIsTwice) {
  EXPECT_EQ(CreateStore(location_).error().code(), ErrorCode::kInvalidArgument);
  store_.reset();
  ASSERT_TRUE(DeleteStore(location_));
  EXPECT_EQ(OpenStore(location_).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(DeleteStore(location_).error().code(), ErrorCode::kNotFound);
  Make({});
  ASSERT_TRUE(store_->SetSetting("schema_version", 1000));
  EXPECT_EQ(OpenStore(location_).error().code(), ErrorCode::kUnsupported);
}

TEST_P(StoreTest, ReadersSeeWholeVersionsWhileOneWrites) {
  const DocumentRecord record = store_->Put(Version("a", {"0", "0", "0"})).value();
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!stop) {
        const auto chunks = store_->ChunksOf(record.id, 0, 10);
        ASSERT_TRUE(chunks.has_value()) << chunks.error().ToString();
        ASSERT_EQ(chunks->size(), 3u);
        EXPECT_EQ(chunks->front().chunk.text, chunks->back().chunk.text);
        EXPECT_EQ(chunks->front().version, chunks->back().version);
      }
    });
  }
  for (int i = 1; i < 60; ++i) {
    const std::string text = std::to_string(i);
    ASSERT_TRUE(store_->Put(Version("a", {text, text, text})));
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

/// Files below a folder that have these bytes. PostgreSQL's log of what was done is its administrator's.
std::vector<std::string> FilesWith(const std::string& folder, std::string_view bytes) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file() || entry.path().string().contains("/pg_wal/")) continue;
    const auto content = ReadFile(entry.path());
    if (content && content->contains(bytes)) found.push_back(entry.path());
  }
  return found;
}

TEST_P(StoreTest, NothingIsLeftOfWhatWasRemoved) {
  const std::string where = folder_.empty() ? Server()->folder() : folder_;
  // A word that compression of long values cannot hide.
  std::mt19937_64 random(3);
  const std::string word = fmt::format("{:x}{:x}", random(), random());
  DocumentVersion version = Version("upload:secret", {word, "an open text"});
  version.record.title = word;
  version.record.metadata = {{"k", word}};
  Job job = AddJob("upload:secret");
  job.upload = word;
  job.arguments = {{"metadata", word}};
  ASSERT_TRUE(store_->Enqueue(std::vector{job}));
  job = store_->Claim().value().value();
  ASSERT_TRUE(store_->PutSource("upload:secret", std::vector{version}, &job));
  ASSERT_TRUE(store_->Put(Version("other", {"stays"})));
  ASSERT_TRUE(store_->Compact());
  EXPECT_THAT(FilesWith(where, word), testing::Not(IsEmpty())) << "else this test could not fail";
  ASSERT_TRUE(store_->Remove("upload:secret").value());
  ASSERT_TRUE(store_->Compact());
  EXPECT_THAT(FilesWith(where, word), IsEmpty());
  EXPECT_TRUE(store_->Find("other").value());
}

}  // namespace
}  // namespace strata::knowledge
