// For tests: a server with knowledge bases over tiny models, and keys of several principals.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "serve/test_pooling.h"
#include "serve/test_server.h"

namespace strata::serve {

inline const std::string kBases = "/v1/knowledge/bases";
constexpr std::string_view kOwner = "owner", kAnn = "ann-key", kBob = "bob-key";

struct Folder {
  explicit Folder(const std::string& name)
      : path(std::filesystem::temp_directory_path() / fmt::format("strata-{}-{}", name, ::getpid())) {
    std::filesystem::remove_all(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::filesystem::path path;
};

/// A server with bases in a folder of its own. Keys: the owner's, Ann's, and Bob's, who is of the group "law".
class Knowledge : public testing::Test {
 protected:
  /// `says`, `observer`: of the model that answers (TestModelOptions); null: the server's.
  explicit Knowledge(std::string says = {}, std::shared_ptr<EngineObserver> observer = nullptr)
      : says_(std::move(says)),
        observer_(std::move(observer)),
        folder_(testing::UnitTest::GetInstance()->current_test_info()->name()) {
    Start();
  }

  void Start() {
    server_ = nullptr;
    ServerOptions options = Options();
    options.knowledge_folder = folder_.path;
    options.mcp = true;
    options.max_body_bytes = 1 << 16;
    options.max_upload_bytes = 1 << 18;
    options.api_keys = {std::string(kOwner), std::string(kAnn), std::string(kBob)};
    options.principals = {std::nullopt, strata::knowledge::Principal{.user = "ann"},
                          strata::knowledge::Principal{.user = "bob", .groups = {"law"}}};
    auto started = Server::Start(std::move(options));
    ASSERT_TRUE(started) << started.error().ToString();
    server_ = std::move(*started);
    auto generator =
        MakeTestModel({.max_context = 2048, .says = says_}, observer_ != nullptr ? observer_ : server_->observer());
    ASSERT_TRUE(generator) << generator.error().ToString();
    server_->SetModel(*generator, {MakeTestPooling({"letters"}, {.max_positions = 256}),
                                   MakeTestPooling({"ranker"}, {.task = ModelTask::kClassify, .max_positions = 256})});
  }

  TestResponse Ask(std::string_view key, std::string_view method, const std::string& path, const std::string& body = "",
                   const std::string& type = "application/json") const {
    return TestClient(server_->port())
        .Ask(method, path, body, fmt::format("Authorization: Bearer {}\r\nContent-Type: {}\r\n", key, type));
  }
  nlohmann::json Ok(std::string_view key, std::string_view method, const std::string& path,
                    const std::string& body = "", int status = 200,
                    const std::string& type = "application/json") const {
    const TestResponse response = Ask(key, method, path, body, type);
    EXPECT_EQ(response.status, status) << method << " " << path << "\n" << response.body;
    return response.Json();
  }
  void Refused(std::string_view key, std::string_view method, const std::string& path, const std::string& body,
               int status, const std::string& param, const std::string& says) const {
    const TestResponse response = Ask(key, method, path, body);
    EXPECT_EQ(response.status, status) << method << " " << path << " " << body << "\n" << response.body;
    const nlohmann::json error = response.Json()["error"];
    EXPECT_EQ(error["param"], param.empty() ? nlohmann::json() : nlohmann::json(param)) << response.body;
    EXPECT_THAT(error["message"].get<std::string>(), testing::HasSubstr(says));
  }

  void CreateBase(const std::string& name = "books") const {
    Ok(kOwner, "POST", kBases, nlohmann::json{{"name", name}, {"chunk_tokens", 120}, {"overlap_tokens", 0}}.dump(),
       201);
  }
  /// The job when it ended and no vector is left to be made.
  nlohmann::json WaitFor(const nlohmann::json& job, const std::string& base = "books") const {
    const std::string path = fmt::format("{}/{}", kBases, base);
    for (int i = 0; i < 2000; ++i) {
      const nlohmann::json now = Ok(kOwner, "GET", fmt::format("{}/jobs/{}", path, job["id"].get<int>()));
      const bool ended = now["status"] != "queued" && now["status"] != "running";
      if (ended && Ok(kOwner, "GET", path)["unembedded"] == 0) return now;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    ADD_FAILURE() << "the job does not end: " << job.dump();
    return {};
  }
  /// The id of the document.
  int AddText(const std::string& name, const std::string& text, const nlohmann::json& access = nullptr,
              const nlohmann::json& metadata = nullptr) const {
    nlohmann::json body = {{"name", name}, {"text", text}};
    if (!access.is_null()) body["access"] = access;
    if (!metadata.is_null()) body["metadata"] = metadata;
    const nlohmann::json jobs = Ok(kOwner, "POST", kBases + "/books/documents", body.dump(), 202);
    EXPECT_EQ(WaitFor(jobs["data"][0])["status"], "done");
    for (const nlohmann::json& document : Ok(kOwner, "GET", kBases + "/books/documents?limit=1000")["data"]) {
      if (document["uri"] == "upload:" + name) return document["id"];
    }
    ADD_FAILURE() << name << " is not there";
    return 0;
  }
  nlohmann::json Search(std::string_view key, const nlohmann::json& body) const {
    return Ok(key, "POST", kBases + "/books/search", body.dump());
  }

  std::string says_;
  std::shared_ptr<EngineObserver> observer_;
  Folder folder_;
  std::unique_ptr<Server> server_;
};

}  // namespace strata::serve
