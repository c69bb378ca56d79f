// Knowledge bases while much is asked of them: what takes long holds up nothing else.
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "serve/knowledge/test_knowledge.h"

namespace strata::serve {
namespace {

using nlohmann::json;

/// Lets the engine of the model that answers work, or not.
class Gate final : public EngineObserver {
 public:
  void Close() { Set(false); }
  void Open() { Set(true); }
  void OnStep(const StepWork&, double) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }
  void OnFinished(const RequestTimes&) override {}

 private:
  void Set(bool open) {
    const std::lock_guard lock(mutex_);
    open_ = open;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = true;
};

class KnowledgeLoad : public Knowledge {
 protected:
  KnowledgeLoad() : KnowledgeLoad(std::make_shared<Gate>()) {}
  explicit KnowledgeLoad(const std::shared_ptr<Gate>& gate) : Knowledge("", gate), gate_(gate) {}
  ~KnowledgeLoad() override { gate_->Open(); }

  std::string Authorization() const { return fmt::format("Authorization: Bearer {}\r\n", kOwner); }
  /// Requests that are under way; each has a connection of its own.
  std::vector<std::unique_ptr<TestClient>> Begin(std::size_t count, const std::string& path, const json& body) const {
    std::vector<std::unique_ptr<TestClient>> clients;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<TestClient>(server_->port()));
      EXPECT_TRUE(clients.back()->Send(TestClient::Request("POST", path, body.dump(), Authorization())));
    }
    return clients;
  }

  std::shared_ptr<Gate> gate_;
};

TEST_F(KnowledgeLoad, AnswersThatTakeLongHoldUpNothingElse) {
  CreateBase();
  AddText("a.md", "# Owls\n\nThe owl hunts mice.");
  const std::string books = kBases + "/books";
  gate_->Close();
  // More than there are threads for them; searches that the model works on as well.
  const auto answers = Begin(34, books + "/answer", {{"query", "what does the owl hunt?"}, {"max_tokens", 8}});
  const auto streams =
      Begin(2, books + "/answer", {{"query", "what does the owl hunt?"}, {"max_tokens", 8}, {"stream", true}});
  const auto rewritten = Begin(4, books + "/search", {{"query", "what does the owl hunt?"}, {"hyde", true}});
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(Ok(kOwner, "GET", kBases)["data"].size(), 1U);
    EXPECT_EQ(Ok(kOwner, "GET", books + "/documents")["data"].size(), 1U);
    EXPECT_EQ(Search(kOwner, {{"query", "owl"}})["data"].size(), 1U);
  }
  AddText("b.md", "# Foxes\n\nThe fox eats an owl.");
  EXPECT_EQ(Search(kOwner, {{"query", "fox"}})["allowed"], 2);
  gate_->Open();
  for (const auto& client : answers) {
    const TestResponse response = client->Read();
    EXPECT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.Json()["abstained"], "unsupported");
  }
  for (const auto& client : streams) EXPECT_EQ(client->Read().Events().back()["type"], "knowledge.answer.completed");
  for (const auto& client : rewritten) EXPECT_EQ(client->Read().status, 200);
}

TEST_F(KnowledgeLoad, ANameThatIsBeingDeletedIsAConflict) {
  CreateBase();
  AddText("a.md", "# Owls\n\nThe owl hunts mice.");
  const std::string books = kBases + "/books";
  gate_->Close();
  const auto answer =
      Begin(1, books + "/answer", {{"query", "what does the owl hunt?"}, {"max_tokens", 8}, {"stream", true}});
  ASSERT_TRUE(answer.front()->ReceiveAtLeast(1));  // its sources: it has the base
  TestClient deleting(server_->port());
  ASSERT_TRUE(deleting.Send(TestClient::Request("DELETE", books, "", Authorization())));
  while (Ask(kOwner, "GET", books).status != 404) std::this_thread::yield();
  Refused(kOwner, "POST", kBases, R"({"name":"books"})", 409, "name", "is being deleted");
  EXPECT_EQ(Ok(kOwner, "GET", kBases)["data"], json::array());
  gate_->Open();
  EXPECT_EQ(deleting.Read().status, 200);
  EXPECT_EQ(answer.front()->Read().status, 200) << "who has begun is answered";
  CreateBase();
}

// Bases that come and go under requests: each gets a clear answer, and no base is left that was deleted.
TEST_F(KnowledgeLoad, RequestsRaceWithBasesThatComeAndGo) {
  constexpr unsigned kThreads = 6;
  constexpr int kRounds = 40;
  const std::vector<std::pair<std::string, std::set<int>>> kinds = {
      {"POST create", {201, 400, 409}}, {"DELETE", {200, 404, 503}},  {"GET", {200, 404}},
      {"POST /documents", {202, 404}},  {"POST /search", {200, 404}}, {"POST /answer", {200, 404}},
      {"GET /documents", {200, 404}}};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < kRounds; ++i) {
        const std::string name = random() % 2 == 0 ? "a" : "b";
        const auto& [kind, statuses] = kinds[random() % kinds.size()];
        const std::string method = kind.substr(0, kind.find(' '));
        std::string path = kBases + "/" + name;
        std::string body;
        if (kind == "POST create") {
          path = kBases;
          body = json{{"name", name}, {"chunk_tokens", 120}, {"overlap_tokens", 0}}.dump();
        } else if (method != kind) {
          path += kind.substr(method.size() + 1);
          if (method == "POST") body = R"({"query":"owl","max_tokens":4})";
          if (kind == "POST /documents") body = R"({"name":"a.md","text":"The owl hunts mice."})";
        }
        if (kind == "POST /search") body = R"({"query":"owl"})";
        const TestResponse response = Ask(random() % 2 == 0 || method != "GET" ? kOwner : kBob, method, path, body);
        EXPECT_TRUE(statuses.contains(response.status)) << kind << " " << response.status << " " << response.body;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const char* const name : {"a", "b"}) Ask(kOwner, "DELETE", kBases + "/" + name);
  EXPECT_EQ(Ok(kOwner, "GET", kBases)["data"], json::array());
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path));
}

TEST_F(KnowledgeLoad, PagesOfThoseWhoSeeFewAreFull) {
  CreateBase();
  json ids = json::array();
  for (int i = 0; i < 6; ++i) {
    const int id = AddText(fmt::format("{}.md", i), fmt::format("The owl says {}.", i),
                           i % 3 == 0 ? json::object() : json{{"users", {"ann"}}});
    if (i % 3 == 0) ids.push_back(id);
  }
  const std::string documents = kBases + "/books/documents?limit=1";
  const json first = Ok(kBob, "GET", documents);
  EXPECT_EQ(first["data"][0]["id"], ids[0]);
  EXPECT_EQ(first["has_more"], true);
  const json second = Ok(kBob, "GET", fmt::format("{}&after={}", documents, ids[0].get<int>()));
  EXPECT_EQ(second["data"][0]["id"], ids[1]);
  EXPECT_EQ(second["has_more"], false) << "what he may not see is not counted";
  EXPECT_EQ(Ok(kAnn, "GET", kBases + "/books/documents")["data"].size(), 6U);
  EXPECT_EQ(Ok(kOwner, "GET", documents + "&after=4294967296")["data"], json::array());
}

}  // namespace
}  // namespace strata::serve
