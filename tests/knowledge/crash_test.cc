// A process that works on a base is killed at any moment, again and again: what it had acknowledged is there
// afterwards, and nothing else. STRATA_CRASH_KILLS says how often (10).
#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "knowledge/search/test_base.h"
#include "knowledge/test_agreement.h"
#include "knowledge/test_texts.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

constexpr int kDocuments = 8;
/// Of a worker that has nothing to do any more.
constexpr int kSteps = 100'000;

/// What a worker wrote down: "will" before it asks for a change, "did" when that is acknowledged.
class Journal {
 public:
  explicit Journal(const std::string& path) : fd_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT, 0600)) {}
  ~Journal() { ::close(fd_); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  /// A line that a killed process has written is there: the page cache outlives it.
  void Write(const std::string& line) const {
    if (::write(fd_, (line + "\n").data(), line.size() + 1) < 0) std::abort();
  }

 private:
  int fd_;
};

/// What a document may say: the last acknowledged state, or one that was asked for after it. Empty: not there.
struct Expected {
  std::string acknowledged;
  std::set<std::string> asked;  ///< since then, by workers that did not live to hear the answer
};

struct History {
  std::map<std::string, Expected> documents;
  std::set<std::string> words;  ///< all that ever stood anywhere
  std::uint64_t next = 0;
  int compactions = 0;
};

History ReadJournal(const std::string& path) {
  History history;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string what, name;
    fields >> what >> name;
    if (what == "compacted") {
      ++history.compactions;
      continue;
    }
    std::vector<std::string> words;
    for (std::string word; fields >> word;) words.push_back(word);
    history.words.insert(words.begin(), words.end());
    Expected& document = history.documents[name];
    if (what == "will") {
      document.asked.insert(TextOf(words));
    } else {
      document.acknowledged = TextOf(words);
      document.asked.clear();
    }
    ++history.next;
  }
  return history;
}

/// Adds, changes, removes and compacts until it is killed.
int RunWorker(const std::string& folder, std::uint64_t seed) {
  const History history = ReadJournal(folder + "/journal");
  const Journal journal(folder + "/journal");
  WordEmbedder embedder;
  const auto base = KnowledgeBase::Open(folder + "/base", embedder);
  if (!base) return 2;
  std::mt19937_64 random(seed);
  std::uint64_t next = history.next * 10;
  std::map<std::string, std::vector<std::string>> texts;
  for (int step = 0; step < kSteps; ++step) {
    if (random() % 12 == 0) {
      // A reader may keep it from cutting the log; the next one does it.
      if ((*base)->Compact()) journal.Write("compacted");
      continue;
    }
    const std::string name = fmt::format("d{}.txt", random() % kDocuments);
    std::vector<std::string>& words = texts[name];
    std::int64_t job = 0;
    if (random() % 4 == 0) {
      words.clear();
      journal.Write("will " + name);
      const auto removal = (*base)->Remove("upload:" + name);
      if (!removal && removal.error().code() != ErrorCode::kNotFound) return 3;
      job = removal.value_or(0);
    } else {
      // Up to forty chunks, some of which stay as they were.
      if (!words.empty()) words.erase(words.begin() + static_cast<std::ptrdiff_t>(random() % words.size()));
      for (std::uint64_t more = 1 + random() % 8; more > 0; --more) words.push_back(Word(next++));
      if (words.size() > 40) words.resize(40);
      std::string line = "will " + name;
      for (const std::string& word : words) line += " " + word;
      journal.Write(line);
      const auto added = (*base)->Add({.content = TextOf(words), .name = name});
      if (!added) return 4;
      job = *added;
    }
    std::string line = "did " + name;
    for (const std::string& word : words) line += " " + word;
    journal.Write(line);
    // Sometimes jobs pile up, sometimes each is waited for; one that a later removal took away is not there any more.
    if (job != 0 && random() % 3 != 0) {
      const auto ended = (*base)->WaitFor(job);
      if (ended && ended->state != JobState::kDone) return 5;
    }
  }
  return 0;
}

/// What is wrong with the base after a crash; empty: nothing.
std::string CheckBase(const std::string& folder) {
  WordEmbedder embedder;
  const auto opened = KnowledgeBase::Open(folder + "/base", embedder);
  if (!opened) return opened.error().ToString();
  const KnowledgeBase& base = **opened;
  for (const Job& left : base.store().Jobs(std::nullopt, 0, kKeptJobs).value()) {
    // A later removal takes ended jobs of its document with it.
    const auto ended = (*opened)->WaitFor(left.id);
    if (!ended && ended.error().code() != ErrorCode::kNotFound) return ended.error().ToString();
    if (ended && ended->state != JobState::kDone) return fmt::format("{} failed: {}", ended->uri, ended->error);
  }
  History history = ReadJournal(folder + "/journal");
  std::map<std::string, std::string> texts;
  for (auto& [name, expected] : history.documents) {
    const auto record = base.store().Find("upload:" + name).value();
    const std::string text = record ? base.store().Text(record->id).value().value_or("") : "";
    if (expected.asked.contains(text)) expected.acknowledged = text;
    if (!expected.acknowledged.empty()) texts["upload:" + name] = expected.acknowledged;
  }
  std::set<std::string> gone = history.words;
  for (const auto& [uri, text] : texts)
    std::erase_if(gone, [&](const std::string& word) { return text.contains(word + " "); });
  // WaitFor brings this process up to what the store has.
  KnowledgeBase& mutable_base = **opened;
  if (const auto job = mutable_base.Add({.content = TextOf({"wordlast"}), .name = "last.txt"});
      !mutable_base.WaitFor(*job)) {
    return "nothing can be added any more";
  }
  texts["upload:last.txt"] = TextOf({"wordlast"});
  return Disagreement(base, texts, gone);
}

/// Runs `work` in a process of its own; it may be killed from outside.
template <class Work>
pid_t Fork(const Work& work) {
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(work());
  return child;
}

int Await(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

TEST(CrashTest, WhatWasAcknowledgedIsThereAndNothingElse) {
  const char* const asked = std::getenv("STRATA_CRASH_KILLS");
  const int kills = asked == nullptr ? 10 : std::atoi(asked);
  ASSERT_GT(kills, 0);
  const std::string folder = fs::temp_directory_path() / fmt::format("strata_crash_{}", ::getpid());
  fs::remove_all(folder);
  fs::create_directories(folder);
  {
    WordEmbedder embedder;
    ASSERT_TRUE(KnowledgeBase::Create(
        folder + "/base", {.embedding_model = "words", .chunks = {.max_tokens = 100, .overlap_tokens = 0}}, embedder));
  }
  std::mt19937_64 random(42);
  for (int kill = 0; kill < kills; ++kill) {
    const std::uint64_t seed = random();
    const pid_t worker = Fork([&] { return RunWorker(folder, seed); });
    ASSERT_GT(worker, 0);
    // Some are killed while they open the base, some after hundreds of changes.
    std::this_thread::sleep_for(std::chrono::microseconds(1000 + random() % (kill % 4 == 0 ? 30'000 : 400'000)));
    ::kill(worker, SIGKILL);
    const int status = Await(worker);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "the worker ended by itself, with " << WEXITSTATUS(status) << ", before kill " << kill;
    if (kill % 3 == 1) continue;  // the next is killed while it makes good what this one left
    const pid_t checker = Fork([&] {
      const std::string wrong = CheckBase(folder);
      if (!wrong.empty()) fmt::print(stderr, "after kill {}: {}\n", kill, wrong);
      return wrong.empty() ? 0 : 1;
    });
    ASSERT_EQ(Await(checker), 0) << "the base is left in " << folder;
  }
  const History history = ReadJournal(folder + "/journal");
  EXPECT_GT(history.next, static_cast<std::uint64_t>(kills)) << "it was killed before it did anything";
  fmt::print(stderr, "{} kills among {} changes and {} compactions\n", kills, history.next, history.compactions);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace strata::knowledge
