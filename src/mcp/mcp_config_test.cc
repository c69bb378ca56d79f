// The file of servers: what it may say, and that whatever else it says is named.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcp/server_config.h"

namespace strata::mcp {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(ServersFile, SaysHowToReachServersAndWhatTheyMayDo) {
  const auto servers = ParseServersFile(R"({"mcpServers": {
      "files": {"command": "server", "args": ["--root", "/srv"], "env": {"KEY": "v"}, "cwd": "/tmp",
                "allowedTools": ["read"], "requireApproval": {"never": ["read"], "always": ["write"]},
                "timeoutSeconds": 1.5, "startupTimeoutSeconds": 3, "maxOutputBytes": 1000},
      "wiki": {"type": "http", "url": "https://wiki.example/mcp", "headers": {"Authorization": "Bearer x"},
               "requireApproval": "never"},
      "old": {"type": "sse", "url": "http://127.0.0.1:3001/sse"}}})");
  ASSERT_TRUE(servers) << servers.error().message();
  ASSERT_EQ(servers->size(), 3U);
  const ServerConfig& files = (*servers)[0];
  EXPECT_EQ(files.label, "files");
  const auto& stdio = std::get<StdioTransport>(files.transport);
  EXPECT_EQ(stdio.command, "server");
  EXPECT_THAT(stdio.args, ElementsAre("--root", "/srv"));
  EXPECT_THAT(stdio.env, ElementsAre(Pair("KEY", "v")));
  EXPECT_EQ(stdio.cwd, "/tmp");
  EXPECT_TRUE(files.Allows("read"));
  EXPECT_FALSE(files.Allows("write"));
  EXPECT_FALSE(files.approval.Requires("read"));
  EXPECT_TRUE(files.approval.Requires("write"));
  EXPECT_TRUE(files.approval.Requires("other"));
  EXPECT_EQ(files.tool_timeout, milliseconds(1500));
  EXPECT_EQ(files.startup_timeout, milliseconds(3000));
  EXPECT_EQ(files.max_output_bytes, 1000U);
  const ServerConfig& wiki = (*servers)[1];
  EXPECT_FALSE(wiki.approval.Requires("anything"));
  EXPECT_TRUE(wiki.Allows("anything"));
  EXPECT_THAT(std::get<HttpTransport>(wiki.transport).headers, ElementsAre(Pair("Authorization", "Bearer x")));
  EXPECT_TRUE(std::get<HttpTransport>((*servers)[2].transport).sse);
  EXPECT_TRUE((*servers)[2].approval.Requires("anything")) << "what nobody has permitted needs approval";
}

TEST(ServersFile, NamesWhatIsWrong) {
  const auto param = [](const std::string& text) {
    const auto servers = ParseServersFile(text);
    EXPECT_FALSE(servers) << text;
    return servers ? "" : servers.error().param();
  };
  const auto of_server = [&param](const std::string& server) {
    return param(R"({"mcpServers": {"a": )" + server + "}}");
  };
  EXPECT_EQ(param("{"), "");
  EXPECT_EQ(param("[]"), "");
  EXPECT_EQ(param("{}"), "/mcpServers");
  EXPECT_EQ(param(R"({"mcpServers": []})"), "/mcpServers");
  EXPECT_EQ(param(R"({"mcpServers": {}, "more/x": 1})"), "/more~1x");
  EXPECT_EQ(param(R"({"mcpServers": {"a b": {"command": "x"}}})"), "/mcpServers/a b");
  EXPECT_EQ(of_server("3"), "/mcpServers/a");
  EXPECT_EQ(of_server("{}"), "/mcpServers/a");
  EXPECT_EQ(of_server(R"({"command": "x", "url": "http://a/"})"), "/mcpServers/a");
  EXPECT_EQ(of_server(R"({"command": ""})"), "/mcpServers/a/command");
  EXPECT_EQ(of_server(R"({"command": "x", "args": ["y", 3]})"), "/mcpServers/a/args/1");
  EXPECT_EQ(of_server(R"({"command": "x", "env": {"K": 1}})"), "/mcpServers/a/env/K");
  EXPECT_EQ(of_server(R"({"command": "x", "env": {"K=": "1"}})"), "/mcpServers/a");
  EXPECT_EQ(of_server(R"({"command": "x", "headers": {}})"), "/mcpServers/a/headers");
  EXPECT_EQ(of_server(R"({"command": "x", "type": "http"})"), "/mcpServers/a/type");
  EXPECT_EQ(of_server(R"({"command": "x", "disabled": true})"), "/mcpServers/a/disabled");
  EXPECT_EQ(of_server(R"({"command": "x", "timeoutSeconds": 0})"), "/mcpServers/a/timeoutSeconds");
  EXPECT_EQ(of_server(R"({"command": "x", "maxOutputBytes": 1.5})"), "/mcpServers/a/maxOutputBytes");
  EXPECT_EQ(of_server(R"({"command": "x", "requireApproval": "sometimes"})"), "/mcpServers/a/requireApproval");
  EXPECT_EQ(of_server(R"({"command": "x", "requireApproval": {"ask": []}})"), "/mcpServers/a/requireApproval/ask");
  EXPECT_EQ(of_server(R"({"command": "x", "requireApproval": {"always": ["t"], "never": ["t"]}})"), "/mcpServers/a");
  EXPECT_EQ(of_server(R"({"url": "ftp://a/"})"), "/mcpServers/a");
  EXPECT_EQ(of_server(R"({"url": "http://a/", "cwd": "/"})"), "/mcpServers/a/cwd");
  EXPECT_EQ(of_server(R"({"url": "http://a/", "headers": {"X": "a\r\nY: b"}})"), "/mcpServers/a");
  EXPECT_EQ(of_server(R"({"url": "http://a/", "headers": {"Mcp-Session-Id": "1"}})"), "/mcpServers/a");
}

TEST(ServersFile, AndItsMessagesSayWhere) {
  EXPECT_THAT(ParseServersFile(R"({"mcpServers": {"a": {"command": 1}}})").error().message(),
              HasSubstr("/mcpServers/a/command: must be a string"));
}

}  // namespace
}  // namespace strata::mcp
