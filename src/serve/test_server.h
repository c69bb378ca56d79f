// For tests: a server on a free port with a model, and what most tests ask of it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "serve/server.h"
#include "serve/test_client.h"
#include "serve/test_model.h"

namespace strata::serve {

constexpr std::string_view kChat = "/v1/chat/completions";

inline ServerOptions Options() {
  ServerOptions options;
  options.port = 0;
  options.model_name = "tiny";
  options.max_tool_tokens = 4096;  // of a vocabulary of bytes: every prompt carries all of its tools
  return options;
}

/// A server with its model.
struct Running {
  explicit Running(ServerOptions options = Options(), const TestModelOptions& model_options = {}) {
    auto started = Server::Start(std::move(options));
    EXPECT_TRUE(started) << (started ? "" : started.error().ToString());
    server = std::move(*started);
    auto made = MakeTestModel(model_options, server->observer());
    EXPECT_TRUE(made) << (made ? "" : made.error().ToString());
    engine = (*made)->engine;
    server->SetModel(std::move(*made));
  }
  std::unique_ptr<Server> server;
  std::shared_ptr<Engine> engine;

  std::uint16_t port() const { return server->port(); }
};

/// Greedy, and as long as asked whatever the random model says.
inline std::string ChatBody(std::int64_t max_tokens, const std::string& more = "") {
  return fmt::format(R"({{"messages":[{{"role":"user","content":"Hi"}}],"max_tokens":{},"temperature":0,)"
                     R"("ignore_eos":true{}}})",
                     max_tokens, more);
}

inline void ExpectError(const TestResponse& response, int status, const std::string& code) {
  EXPECT_EQ(response.status, status) << response.body;
  const nlohmann::json json = response.Json();
  ASSERT_TRUE(json.is_object() && json.contains("error")) << response.body;
  for (const char* field : {"message", "type", "param", "code"}) EXPECT_TRUE(json["error"].contains(field)) << field;
  EXPECT_EQ(json["error"]["code"], code.empty() ? nlohmann::json() : nlohmann::json(code)) << response.body;
  EXPECT_FALSE(json["error"]["message"].get<std::string>().empty());
}

}  // namespace strata::serve
