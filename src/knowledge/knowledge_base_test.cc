#include "knowledge/knowledge_base.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/mapped_file.h"
#include "knowledge/document/test_files.h"
#include "knowledge/ingest/folder.h"
#include "knowledge/search/searcher.h"
#include "knowledge/search/test_base.h"
#include "knowledge/test_agreement.h"
#include "knowledge/test_texts.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

/// Counts what it embeds; can be held up, and told to fail. So can who reads a document: it asks for the tokenizer
/// first.
class WatchedEmbedder final : public WordEmbedder {
 public:
  const Tokenizer& tokenizer() const override {
    std::unique_lock lock(mutex_);
    ++readings_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return may_read_; });
    return WordEmbedder::tokenizer();
  }
  Result<std::vector<float>> Embed(std::span<const std::string> texts, Use use) override {
    {
      std::unique_lock lock(mutex_);
      ++calls_;
      changed_.notify_all();
      changed_.wait(lock, [&] { return open_; });
      if (failures_ > 0) {
        --failures_;
        return std::unexpected(error_);
      }
      for (const std::string& text : texts) {
        if (!refused_.empty() && text.contains(refused_)) {
          return Fail(ErrorCode::kInvalidArgument, "it does not like {}", refused_);
        }
      }
      if (use == Use::kPassage) embedded_.insert(embedded_.end(), texts.begin(), texts.end());
    }
    return WordEmbedder::Embed(texts, use);
  }
  std::vector<std::string> TakeEmbedded() {
    const std::lock_guard lock(mutex_);
    return std::exchange(embedded_, {});
  }
  void Hold() {
    const std::lock_guard lock(mutex_);
    open_ = false;
  }
  void HoldReading() {
    const std::lock_guard lock(mutex_);
    may_read_ = false;
    readings_ = 0;
  }
  void AwaitReading() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return readings_ > 0; });
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    open_ = may_read_ = true;
    changed_.notify_all();
  }
  void AwaitCall() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(30), [&] { return calls_ > 0; });
  }
  void FailTimes(int times, Error error) {
    const std::lock_guard lock(mutex_);
    failures_ = times;
    error_ = std::move(error);
  }
  void Refuse(std::string word) {
    const std::lock_guard lock(mutex_);
    refused_ = std::move(word);
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  bool open_ = true, may_read_ = true;
  mutable int readings_ = 0;
  int calls_ = 0, failures_ = 0;
  Error error_{ErrorCode::kInternal, ""};
  std::string refused_;
  std::vector<std::string> embedded_;
};

class KnowledgeBaseTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / fmt::format("strata_base_test_{}", ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    location_ = folder_ / "base";
    const Status created = KnowledgeBase::Create(
        location_, {.embedding_model = "words", .chunks = {.max_tokens = 100, .overlap_tokens = 0}}, embedder_);
    ASSERT_TRUE(created) << created.error().ToString();
    Open();
  }
  void TearDown() override {
    embedder_.Release();
    base_.reset();
    fs::remove_all(folder_);
  }
  void Open(const OpenOptions& options = {}) {
    base_.reset();
    auto opened = KnowledgeBase::Open(location_, embedder_, options);
    ASSERT_TRUE(opened) << opened.error().ToString();
    base_ = *std::move(opened);
  }

  std::int64_t AddText(const std::string& name, const std::string& text) {
    const auto job = base_->Add({.content = text, .name = name});
    EXPECT_TRUE(job) << (job ? "" : job.error().ToString());
    return job.value_or(0);
  }
  Job Wait(std::int64_t id) {
    const auto job = base_->WaitFor(id);
    EXPECT_TRUE(job) << (job ? "" : job.error().ToString());
    return job.value_or(Job());
  }
  /// Until it is found by words and by vectors.
  Job Put(const std::string& name, const std::string& text) {
    Job job = Wait(AddText(name, text));
    EXPECT_TRUE(base_->WaitForVectors());
    return job;
  }
  DocumentId IdOf(const std::string& uri) { return base_->store().Find(uri).value().value().id; }
  std::set<ChunkId> ChunksOf(const std::string& uri) {
    std::set<ChunkId> ids;
    for (const StoredChunk& chunk : base_->store().ChunksOf(IdOf(uri), 0, 1000).value()) ids.insert(chunk.id);
    return ids;
  }
  std::vector<std::string> Found(const std::string& query, const Principal& principal = {.sees_everything = true}) {
    std::vector<std::string> uris;
    const auto found = Searcher(SourcesOf(*base_)).Search({.query = query, .principal = principal, .limit = 5});
    EXPECT_TRUE(found) << (found ? "" : found.error().ToString());
    if (found) {
      for (const Hit& hit : found->hits) uris.push_back(hit.document->uri);
    }
    return uris;
  }

  fs::path folder_;
  std::string location_;
  WatchedEmbedder embedder_;
  std::unique_ptr<KnowledgeBase> base_;
};

TEST_F(KnowledgeBaseTest, WhatWasAddedIsFound) {
  const std::string path = folder_ / "a file.txt";
  std::ofstream(path) << TextOf({"wordone", "wordtwo"});
  const auto job = base_->Add({.path = path});
  ASSERT_TRUE(job) << job.error().ToString();
  const Job done = Wait(*job);
  EXPECT_EQ(done.state, JobState::kDone) << done.error;
  EXPECT_EQ(done.result["chunks"], 2);
  EXPECT_EQ(done.result["embedded"], 2);
  EXPECT_EQ(Put("b.txt", TextOf({"wordthree"})).state, JobState::kDone);
  const std::string uri = "file://" + folder_.string() + "/a%20file.txt";
  EXPECT_EQ(Found("wordtwo").front(), uri);
  EXPECT_GT(base_->store().Find(uri).value()->modified, 0);
  EXPECT_EQ(Disagreement(*base_, {{uri, TextOf({"wordone", "wordtwo"})}, {"upload:b.txt", TextOf({"wordthree"})}}), "");
}

TEST_F(KnowledgeBaseTest, OnlyWhatChangedIsEmbedded) {
  Put("a.txt", TextOf({"wordone", "wordtwo", "wordthree", "wordfour"}));
  const std::set<ChunkId> before = ChunksOf("upload:a.txt");
  embedder_.TakeEmbedded();
  const std::string changed = TextOf({"wordone", "wordfive", "wordthree", "wordfour", "wordsix"});
  const Job job = Put("a.txt", changed);
  EXPECT_EQ(job.result["embedded"], 2);
  EXPECT_EQ(job.result["reused"], 3);
  const std::vector<std::string> embedded = embedder_.TakeEmbedded();
  EXPECT_EQ(embedded.size(), 2U);
  EXPECT_THAT(embedded, Contains(HasSubstr("wordfive")));
  EXPECT_THAT(embedded, Contains(HasSubstr("wordsix")));
  std::set<ChunkId> kept;
  std::ranges::set_intersection(before, ChunksOf("upload:a.txt"), std::inserter(kept, kept.end()));
  EXPECT_EQ(kept.size(), 3U) << "chunks that stayed keep their numbers";
  EXPECT_EQ(base_->store().Find("upload:a.txt").value()->version, 2U);
  EXPECT_EQ(Disagreement(*base_, {{"upload:a.txt", changed}}, {"wordtwo"}), "");

  const Job copy = Put("copy.txt", TextOf({"wordsix", "wordseven"}));
  EXPECT_EQ(copy.result["embedded"], 1) << "what another document says has its vector";
  EXPECT_EQ(embedder_.TakeEmbedded().size(), 1U);
  const Job same = Put("a.txt", changed);
  EXPECT_EQ(same.result["unchanged"], true);
  EXPECT_THAT(embedder_.TakeEmbedded(), IsEmpty());
  EXPECT_EQ(base_->store().Find("upload:a.txt").value()->version, 2U);
}

TEST_F(KnowledgeBaseTest, WhatSeveralDocumentsOnTheirWaySayIsEmbeddedOnce) {
  embedder_.Hold();
  const std::int64_t first = AddText("first.txt", TextOf({"wordone"}));
  embedder_.AwaitCall();  // it waits in the embedder; the others come behind it
  std::vector<std::int64_t> jobs = {first};
  for (int i = 0; i < 6; ++i) {
    jobs.push_back(AddText(fmt::format("{}.txt", i), TextOf({"wordone", "wordtwo", fmt::format("own{}", i)})));
  }
  embedder_.Release();
  std::int64_t embedded = 0, reused = 0;
  for (const std::int64_t id : jobs) {
    const Job job = Wait(id);
    EXPECT_EQ(job.state, JobState::kDone) << job.error;
    embedded += job.result["embedded"].get<std::int64_t>();
    reused += job.result["reused"].get<std::int64_t>();
  }
  ASSERT_TRUE(base_->WaitForVectors());
  std::vector<std::string> texts = embedder_.TakeEmbedded();
  EXPECT_EQ(embedded, static_cast<std::int64_t>(texts.size()));
  EXPECT_EQ(embedded + reused, 1 + 6 * 3);
  std::ranges::sort(texts);
  EXPECT_EQ(std::ranges::adjacent_find(texts), texts.end()) << "embedded twice";
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Found(fmt::format("own{}", i)).front(), fmt::format("upload:{}.txt", i));
}

TEST_F(KnowledgeBaseTest, WordsAreFoundBeforeVectors) {
  embedder_.Hold();
  ASSERT_EQ(Wait(AddText("a.txt", TextOf({"wordone", "wordtwo"}))).state, JobState::kDone);
  EXPECT_EQ(base_->lexical().Search("wordtwo", 5).size(), 1U);
  EXPECT_EQ(base_->vectors().size(), 0U);
  EXPECT_EQ(base_->store().Count()->unembedded, 2);
  std::int64_t left = 0;
  ASSERT_TRUE(base_->WaitForVectors([&](std::int64_t now) {
    left = now;
    return false;
  }));
  EXPECT_EQ(left, 2);
  embedder_.Release();
  EXPECT_EQ(Disagreement(*base_, {{"upload:a.txt", TextOf({"wordone", "wordtwo"})}}), "");
  EXPECT_EQ(base_->vectors().size(), 2U);
  EXPECT_EQ(base_->store().Count()->unembedded, 0);
}

TEST_F(KnowledgeBaseTest, WhatCannotBeEmbeddedIsFoundByItsWords) {
  embedder_.Refuse("wordbad");
  EXPECT_EQ(Put("bad.txt", TextOf({"wordbad", "wordgood"})).state, JobState::kDone);
  EXPECT_EQ(base_->vectors().size(), 1U) << "one's fault is not the others'";
  EXPECT_EQ(base_->lexical().Search("wordbad", 5).size(), 1U);
  EXPECT_EQ(Disagreement(*base_, {{"upload:bad.txt", TextOf({"wordbad", "wordgood"})}}), "");
  embedder_.Refuse("");
  EXPECT_EQ(Put("late.txt", TextOf({"wordbad"})).state, JobState::kDone);
  EXPECT_EQ(base_->vectors().size(), 2U) << "it is tried again for who says it later";
}

// Whatever is done to documents, the base is as if only the last version of each had ever been there.
TEST_F(KnowledgeBaseTest, AnyHistoryEndsInItsLastState) {
  std::mt19937_64 random(11);
  std::map<std::string, std::vector<std::string>> words;
  std::set<std::string> gone;
  std::size_t next = 0;
  for (int step = 0; step < 120; ++step) {
    const std::string name = fmt::format("d{}.txt", random() % 6);
    std::vector<std::string>& text = words[name];
    if (!text.empty() && random() % 5 == 0) {
      ASSERT_EQ(Wait(base_->Remove("upload:" + name).value()).state, JobState::kDone);
      gone.insert(text.begin(), text.end());
      text.clear();
    } else {
      for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
        const auto at = static_cast<std::ptrdiff_t>(random() % (text.size() + 1));
        if (!text.empty() && random() % 2 == 0 && at < std::ssize(text)) {
          gone.insert(text[at]);
          text.erase(text.begin() + at);
        } else {
          text.insert(text.begin() + at, Word(next++));
        }
      }
      if (text.empty()) text.push_back(Word(next++));
      ASSERT_EQ(Put(name, TextOf(text)).state, JobState::kDone);
    }
    if (step % 40 == 39) Open();
    if (step % 50 == 49) ASSERT_TRUE(base_->Compact());
    if (step % 10 != 9) continue;
    std::map<std::string, std::string> texts;
    for (const auto& [document, those] : words) {
      if (!those.empty()) texts["upload:" + document] = TextOf(those);
    }
    ASSERT_EQ(Disagreement(*base_, texts, gone), "") << "after step " << step;
  }
}

TEST_F(KnowledgeBaseTest, NothingIsLeftOfWhatWasRemoved) {
  std::mt19937_64 random(5);
  const std::string secret = fmt::format("{:016x}", random());
  Put("stays.txt", TextOf({"wordone"}));
  Put("secret.txt", TextOf({secret}));
  ASSERT_TRUE(base_->SetMetadata(IdOf("upload:secret.txt"), {{"k", secret}}));
  ASSERT_TRUE(base_->Compact());
  const auto files_with = [&](std::string_view bytes) {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(location_)) {
      const auto content = ReadFile(entry.path());
      if (content && content->contains(bytes)) files.push_back(entry.path().filename());
    }
    return files;
  };
  ASSERT_THAT(files_with(secret), Contains("base.db")) << "else this test could not fail";
  ASSERT_THAT(files_with(secret), Contains("lexical.index")) << "else this test could not fail";
  ASSERT_EQ(Wait(base_->Remove("upload:secret.txt").value()).state, JobState::kDone);
  EXPECT_THAT(Found(secret), Not(Contains("upload:secret.txt"))) << "also before anything is scrubbed";
  ASSERT_TRUE(base_->Compact());
  EXPECT_THAT(files_with(secret), IsEmpty());
  for (const Job& job : base_->store().Jobs({}, 0, 100).value())
    EXPECT_TRUE(job.uri != "upload:secret.txt" || job.kind == "remove");
  EXPECT_EQ(Disagreement(*base_, {{"upload:stays.txt", TextOf({"wordone"})}}), "");
  EXPECT_FALSE(base_->Remove("upload:secret.txt"));
}

TEST_F(KnowledgeBaseTest, WhatMayPassIsTriedAgain) {
  embedder_.FailTimes(2, Error(ErrorCode::kUnavailable, "away"));
  Put("a.txt", TextOf({"wordone"}));
  EXPECT_EQ(base_->vectors().size(), 1U);
  EXPECT_EQ(Disagreement(*base_, {{"upload:a.txt", TextOf({"wordone"})}}), "");
  const std::int64_t id = base_->Add({.path = "/proc/self/mem"}).value();  // which gives an error of the device
  Job job;
  while (job.attempts < 2) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    job = base_->FindJob(id).value().value();
    ASSERT_LT(job.state, JobState::kDone) << job.error;
  }
  EXPECT_THAT(job.error, HasSubstr("/mem"));
  EXPECT_TRUE(base_->Cancel(id).value());
}

TEST_F(KnowledgeBaseTest, ABadDocumentFailsAlone) {
  const std::int64_t broken = AddText("broken.docx", "PK\3\4 is all there is");
  const std::int64_t missing = base_->Add({.path = folder_ / "missing.txt"}).value();
  std::vector<std::int64_t> good;
  good.reserve(8);
  for (std::size_t i = 0; i < 8; ++i) good.push_back(AddText(fmt::format("{}.txt", i), TextOf({Word(i)})));
  EXPECT_EQ(Wait(broken).state, JobState::kFailed);
  EXPECT_THAT(Wait(broken).error, HasSubstr("broken.docx"));
  EXPECT_EQ(Wait(broken).attempts, 1) << "it would fail again";
  EXPECT_EQ(Wait(missing).state, JobState::kFailed);
  EXPECT_THAT(Wait(missing).error, HasSubstr("missing.txt"));
  for (const std::int64_t job : good) EXPECT_EQ(Wait(job).state, JobState::kDone);
}

TEST_F(KnowledgeBaseTest, AFailedUpdateLeavesTheVersionBefore) {
  Put("all.zip", MakeArchive(TestArchive::kZip, {{"a.txt", TextOf({"wordone"})}}));
  EXPECT_EQ(Put("all.zip", "PK\3\4 is all there is").state, JobState::kFailed);
  EXPECT_EQ(Disagreement(*base_, {{"upload:all.zip#a.txt", TextOf({"wordone"})}}), "");
}

TEST_F(KnowledgeBaseTest, ACancelledJobChangesNothing) {
  embedder_.HoldReading();
  const std::int64_t running = AddText("a.txt", TextOf({"wordone"}));
  embedder_.AwaitReading();
  const std::int64_t waiting = AddText("a.txt", TextOf({"wordtwo"}));
  EXPECT_TRUE(base_->Cancel(running).value());
  EXPECT_TRUE(base_->Cancel(waiting).value());
  embedder_.Release();
  EXPECT_EQ(Wait(running).state, JobState::kCancelled);
  EXPECT_EQ(Wait(waiting).state, JobState::kCancelled);
  EXPECT_FALSE(base_->Cancel(waiting).value()) << "it has ended";
  EXPECT_EQ(Put("b.txt", TextOf({"wordthree"})).state, JobState::kDone);
  EXPECT_EQ(Disagreement(*base_, {{"upload:b.txt", TextOf({"wordthree"})}}, {"wordone", "wordtwo"}), "");
}

TEST_F(KnowledgeBaseTest, JobsGoOnWhereAnotherStopped) {
  embedder_.Hold();
  std::map<std::string, std::string> texts;
  std::vector<std::int64_t> jobs;
  for (std::size_t i = 0; i < 20; ++i) {
    texts[fmt::format("upload:{}.txt", i)] = TextOf({Word(i)});
    jobs.push_back(AddText(fmt::format("{}.txt", i), TextOf({Word(i)})));
  }
  embedder_.AwaitCall();
  // The first batches come back when the base is being closed; nobody waits for them.
  std::jthread late([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    embedder_.Release();
  });
  Open();
  for (const std::int64_t job : jobs) EXPECT_EQ(Wait(job).state, JobState::kDone);
  EXPECT_EQ(Disagreement(*base_, texts), "");
}

TEST_F(KnowledgeBaseTest, JobsOfOneSourceRunInTheirOrder) {
  embedder_.HoldReading();
  std::vector<std::int64_t> jobs;
  jobs.reserve(12);
  for (std::size_t i = 0; i < 12; ++i) jobs.push_back(AddText("a.txt", TextOf({Word(i)})));
  const auto removal = base_->Remove("upload:a.txt");
  ASSERT_TRUE(removal) << "it is to be there: " << removal.error().ToString();
  jobs.push_back(AddText("a.txt", TextOf({"wordlast"})));
  embedder_.Release();
  EXPECT_EQ(Wait(jobs.back()).state, JobState::kDone);
  EXPECT_EQ(Wait(*removal).state, JobState::kDone);
  EXPECT_EQ(Disagreement(*base_, {{"upload:a.txt", TextOf({"wordlast"})}}, {Word(0), Word(11)}), "");
}

TEST_F(KnowledgeBaseTest, WhoMaySeeADocumentHoldsAtOnceAndForNewVersions) {
  const auto job = base_->Add({.content = TextOf({"wordone"}),
                               .name = "a.txt",
                               .metadata = nlohmann::json{{"year", 2024}},
                               .access = Access{.users = {"ann"}}});
  Wait(job.value());
  EXPECT_THAT(Found("wordone", {.user = "ann"}), Contains("upload:a.txt"));
  EXPECT_THAT(Found("wordone", {.user = "bob"}), IsEmpty());
  Put("a.txt", TextOf({"wordone", "wordtwo"}));
  EXPECT_THAT(Found("wordtwo", {.user = "bob"}), IsEmpty()) << "a new version keeps what it is not given anew";
  EXPECT_EQ(base_->store().Find("upload:a.txt").value()->metadata["year"], 2024);
  ASSERT_TRUE(base_->SetAccess(IdOf("upload:a.txt"), {.groups = {"law"}}));
  EXPECT_THAT(Found("wordone", {.user = "ann"}), IsEmpty());
  EXPECT_THAT(Found("wordone", {.user = "bob", .groups = {"law"}}), Contains("upload:a.txt"));
}

TEST_F(KnowledgeBaseTest, WhatIsNoMoreInAnArchiveIsGone) {
  const auto archive = [](const std::vector<std::pair<std::string, std::string>>& files) {
    std::vector<TestEntry> entries;
    entries.reserve(files.size());
    for (const auto& [name, word] : files) entries.push_back({name, TextOf({word})});
    return MakeArchive(TestArchive::kZip, entries);
  };
  Put("all.zip", archive({{"a.txt", "wordone"}, {"b.txt", "wordtwo"}}));
  EXPECT_EQ(Disagreement(
                *base_, {{"upload:all.zip#a.txt", TextOf({"wordone"})}, {"upload:all.zip#b.txt", TextOf({"wordtwo"})}}),
            "");
  Put("all.zip", archive({{"b.txt", "wordtwo"}, {"c.txt", "wordthree"}}));
  EXPECT_EQ(
      Disagreement(*base_,
                   {{"upload:all.zip#b.txt", TextOf({"wordtwo"})}, {"upload:all.zip#c.txt", TextOf({"wordthree"})}},
                   {"wordone"}),
      "");
  Wait(base_->Remove("upload:all.zip").value());
  EXPECT_EQ(Disagreement(*base_, {}, {"wordone", "wordtwo", "wordthree"}), "");
}

TEST_F(KnowledgeBaseTest, AnotherProcessSeesItWithinASecond) {
  const auto other = KnowledgeBase::Open(location_, embedder_, {.ingest = false}).value();
  Put("a.txt", TextOf({"wordone"}));
  const auto finds = [&] {
    return !Searcher(SourcesOf(*other))
                .Search({.query = "wordone", .principal = {.sees_everything = true}})
                ->hits.empty();
  };
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(1);
  while (!finds() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(finds());
  // Its jobs are worked on here.
  const std::int64_t job = other->Add({.content = TextOf({"wordtwo"}), .name = "b.txt"}).value();
  EXPECT_EQ(other->WaitFor(job)->state, JobState::kDone);
  EXPECT_EQ(Disagreement(*other, {{"upload:a.txt", TextOf({"wordone"})}, {"upload:b.txt", TextOf({"wordtwo"})}}), "");
}

TEST_F(KnowledgeBaseTest, WhatAJobIsSaidToHaveDoneIsFound) {
  const auto other = KnowledgeBase::Open(location_, embedder_, {.ingest = false}).value();
  std::map<std::string, std::string> texts;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::string name = fmt::format("{}.txt", i);
    texts["upload:" + name] = TextOf({Word(i)});
    const std::int64_t job = Put(name, texts["upload:" + name]).id;
    if (i % 2 == 0) {
      ASSERT_EQ(other->FindJob(job).value()->state, JobState::kDone);
    } else {
      ASSERT_EQ(other->Jobs(JobState::kDone, 0, 100)->size(), i + 1);
    }
    ASSERT_EQ(Disagreement(*other, texts), "") << i;
  }
}

TEST_F(KnowledgeBaseTest, DamagedIndexesAreMadeAnew) {
  std::map<std::string, std::string> texts;
  for (std::size_t i = 0; i < 5; ++i) {
    Put(fmt::format("{}.txt", i), texts[fmt::format("upload:{}.txt", i)] = TextOf({Word(i)}));
  }
  std::size_t count = 100;
  for (const std::string file : {"lexical.index", "vectors.index"}) {
    for (const auto& damage : {"missing", "short", "changed"}) {
      base_.reset();
      const std::string path = location_ + "/" + file;
      ASSERT_TRUE(fs::exists(path));
      std::string content = ReadFile(path).value();
      if (damage == std::string("missing")) fs::remove(path);
      if (damage == std::string("short")) fs::resize_file(path, content.size() / 2);
      if (damage == std::string("changed")) {
        content[content.size() / 2] ^= 1;
        std::ofstream(path, std::ios::binary) << content;
      }
      Open();
      EXPECT_EQ(Disagreement(*base_, texts), "") << file << " " << damage;
      Put("again.txt", texts["upload:again.txt"] = TextOf({Word(count++)}));
    }
  }
}

TEST_F(KnowledgeBaseTest, AnotherModelIsRefused) {
  class Other final : public WordEmbedder {
    std::string fingerprint() const override { return "others"; }
  } other;
  const auto opened = KnowledgeBase::Open(location_, other);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(KnowledgeBase::Create(location_, {.embedding_model = "words"}, embedder_).error().code(),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(KnowledgeBase::Open(folder_ / "none", embedder_).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(
      KnowledgeBase::Create(folder_ / "long", {.embedding_model = "words", .chunks = {.max_tokens = 1000}}, embedder_));
}

TEST_F(KnowledgeBaseTest, RequestsAreChecked) {
  EXPECT_FALSE(base_->Add({.content = "without a name"}));
  EXPECT_FALSE(base_->Add({.content = "x", .name = "a.txt", .uri = "upload:a#b"}));
  EXPECT_FALSE(base_->Add({.content = "x", .name = "a.txt", .metadata = nlohmann::json::array()}));
  EXPECT_FALSE(base_->Remove("upload:never.txt"));
  EXPECT_FALSE(base_->WaitFor(12345));
  EXPECT_FALSE(base_->SetAccess(99, {}));
}

TEST_F(KnowledgeBaseTest, FollowsAFolder) {
  const fs::path folder = folder_ / "docs";
  fs::create_directories(folder / "sub");
  fs::create_directories(folder_ / "elsewhere");
  const auto write = [](const fs::path& path, const std::string& word) { std::ofstream(path) << TextOf({word}); };
  write(folder / "a.txt", "wordone");
  write(folder / "sub/b c.txt", "wordtwo");
  write(folder_ / "elsewhere/d.txt", "wordfour");
  fs::create_symlink(folder_ / "elsewhere/d.txt", folder / "link.txt");
  fs::create_directory_symlink(folder, folder / "sub/circle");
  std::ofstream(folder / "all.zip") << MakeArchive(TestArchive::kZip, {{"x.txt", TextOf({"wordthree"})}});
  const auto follow = [&] {
    const FolderChanges changes = CompareFolder(base_->store(), ListFolder(folder).value()).value();
    for (const FolderFile& file : changes.changed) {
      DocumentSource source;
      source.path = file.path;
      EXPECT_EQ(Wait(base_->Add(source).value()).state, JobState::kDone);
    }
    for (const std::string& uri : changes.gone) Wait(base_->Remove(uri).value());
    return std::pair(changes.changed.size(), changes.gone.size());
  };
  const std::string under = "file://" + folder.string() + "/";
  std::map<std::string, std::string> texts = {
      {under + "a.txt", TextOf({"wordone"})},
      {under + "sub/b%20c.txt", TextOf({"wordtwo"})},
      {under + "all.zip#x.txt", TextOf({"wordthree"})},
      {"file://" + folder_.string() + "/elsewhere/d.txt", TextOf({"wordfour"})}};
  EXPECT_EQ(follow(), std::pair(4UL, 0UL));
  EXPECT_EQ(Disagreement(*base_, texts), "");
  EXPECT_EQ(follow(), std::pair(0UL, 0UL)) << "nothing is new";
  write(folder / "a.txt", "wordfive");
  fs::remove(folder / "sub/b c.txt");
  fs::remove(folder / "all.zip");
  texts.erase(under + "sub/b%20c.txt");
  texts.erase(under + "all.zip#x.txt");
  texts[under + "a.txt"] = TextOf({"wordfive"});
  EXPECT_EQ(follow(), std::pair(1UL, 2UL));
  EXPECT_EQ(Disagreement(*base_, texts, {"wordone", "wordtwo", "wordthree"}), "");
  // What cannot be listed is not gone.
  FolderListing partial = ListFolder(folder).value();
  partial.files.clear();
  partial.unreadable = {folder};
  EXPECT_TRUE(CompareFolder(base_->store(), partial)->gone.empty());
  EXPECT_EQ(ListFolder(folder_ / "never").error().code(), ErrorCode::kNotFound);
}

// Everything at once: writers of their own documents, searches, compaction, another process.
TEST_F(KnowledgeBaseTest, ThreadsDoNotDisturbEachOther) {
  constexpr std::size_t kWriters = 3, kSteps = 12;
  std::map<std::string, std::string> texts;
  std::set<std::string> gone;
  std::mutex mutex;
  std::atomic<bool> stop = false;
  const auto other = KnowledgeBase::Open(location_, embedder_, {.ingest = false}).value();
  std::vector<std::thread> readers;
  for (KnowledgeBase* base : {base_.get(), other.get()}) {
    readers.emplace_back([&, base] {
      const Searcher searcher(SourcesOf(*base));
      while (!stop) {
        const auto found = searcher.Search({.query = Word(1) + " river", .principal = {.user = "ann"}});
        ASSERT_TRUE(found) << found.error().ToString();
        for (const Hit& hit : found->hits) ASSERT_FALSE(hit.document->uri.ends_with("hidden.txt"));
      }
    });
  }
  std::vector<std::thread> writers;
  writers.reserve(kWriters);
  for (std::size_t w = 0; w < kWriters; ++w) {
    writers.emplace_back([&, w] {
      std::mt19937_64 random(w);
      std::map<std::string, std::string> own;
      for (std::size_t step = 0; step < kSteps; ++step) {
        const std::string name = fmt::format("{}-{}{}.txt", w, random() % 3, w == 0 ? "hidden" : "");
        const std::string word = Word(1000 * (w + 1) + step);
        if (own.contains(name) && random() % 3 == 0) {
          ASSERT_EQ(base_->WaitFor(base_->Remove("upload:" + name).value())->state, JobState::kDone);
          own.erase(name);
        } else {
          DocumentSource source{.content = TextOf({word, Word(w)}), .name = name};
          if (w == 0) source.access = Access{.users = {"bob"}};
          const auto job = base_->Add(source);
          ASSERT_TRUE(job);
          if (random() % 2 == 0) ASSERT_EQ(base_->WaitFor(*job)->state, JobState::kDone);
          own[name] = word;
        }
        if (random() % 6 == 0) [[maybe_unused]]
          const auto may_be_busy = base_->Compact();
      }
      const std::lock_guard lock(mutex);
      std::set<std::string> last;
      for (const auto& [name, word] : own) {
        texts["upload:" + name] = TextOf({word, Word(w)});
        last.insert(word);
      }
      for (std::size_t step = 0; step < kSteps; ++step) {
        if (const std::string word = Word(1000 * (w + 1) + step); !last.contains(word)) gone.insert(word);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  stop = true;
  for (std::thread& reader : readers) reader.join();
  Put("last.txt", texts["upload:last.txt"] = TextOf({"wordlast"}));
  for (const Job& job : base_->store().Jobs({}, 0, 1000).value())
    EXPECT_EQ(Wait(job.id).state, JobState::kDone) << job.error;
  EXPECT_EQ(Disagreement(*base_, texts, gone), "");
}

}  // namespace
}  // namespace strata::knowledge
