// The MCP client against real servers: child processes and sockets of tests/mcp/scripted_server.py, in every era.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_future.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "mcp/child_process.h"
#include "mcp/client.h"

namespace strata::mcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kScript = std::string(STRATA_SOURCE_DIR) + "/tests/mcp/scripted_server.py";

StdioTransport Scripted(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), kScript);
  return {.command = "python3", .args = std::move(arguments), .env = {}, .cwd = {}};
}

/// An executor with a thread that runs it.
class Runner {
 public:
  Runner() : work_(io_.get_executor()), thread_([this] { io_.run(); }) {}
  ~Runner() {
    work_.reset();
    thread_.join();
  }
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  asio::any_io_executor executor() { return io_.get_executor(); }
  template <class T>
  std::future<T> Start(asio::awaitable<T> work) {
    return asio::co_spawn(io_, std::move(work), asio::use_future);
  }
  template <class T>
  T Run(asio::awaitable<T> work) {
    return Start(std::move(work)).get();
  }

 private:
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

/// A scripted server behind a port; it ends with this.
class HttpServer {
 public:
  explicit HttpServer(std::vector<std::string> arguments) {
    auto child = ChildProcess::Start(io_.get_executor(), Scripted(std::move(arguments)));
    EXPECT_TRUE(child);
    child_ = std::move(*child);
    std::string line;
    for (char c = 0; ::read(child_->output().native_handle(), &c, 1) == 1 && c != '\n';) line += c;
    port_ = line;
  }
  std::string Url(const std::string& path = "/mcp") const { return "http://127.0.0.1:" + port_ + path; }

 private:
  asio::io_context io_;
  std::unique_ptr<ChildProcess> child_;
  std::string port_;
};

ServerConfig Config(std::variant<StdioTransport, HttpTransport> transport) {
  return {.label = "test",
          .transport = std::move(transport),
          .allowed_tools = {},
          .approval = {},
          .tool_timeout = std::chrono::seconds(20),
          .startup_timeout = std::chrono::seconds(20)};
}
ServerConfig Http(const HttpServer& server) { return Config(HttpTransport{.url = server.Url(), .headers = {}}); }

std::vector<std::string> Names(const Result<ToolList>& tools) {
  std::vector<std::string> names;
  if (!tools) return {tools.error().message()};
  for (const Tool& tool : **tools) names.push_back(tool.name);
  return names;
}

/// The text, or the error's words.
std::string Text(const Result<ToolResult>& result) {
  return result ? result->text : std::string(ToString(result.error().code())) + ": " + result.error().message();
}

class Connected {
 public:
  explicit Connected(ServerConfig config, ClientHooks hooks = {})
      : client(std::make_unique<Client>(runner.executor(), std::move(config), std::move(hooks))) {}
  ~Connected() {
    if (client) runner.Run(client->Close());
  }
  Connected(const Connected&) = delete;
  Connected& operator=(const Connected&) = delete;

  Result<ServerInfo> Connect() { return runner.Run(client->Connect()); }
  Result<ToolList> List() { return runner.Run(client->ListTools()); }
  Result<ToolResult> Call(std::string tool, Json arguments = Json::object(), CallOptions options = {}) {
    return runner.Run(client->CallTool(std::move(tool), std::move(arguments), std::move(options)));
  }
  bool Eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 500; ++i) {
      if (holds()) return true;
      std::this_thread::sleep_for(milliseconds(20));
    }
    return false;
  }

  Runner runner;
  std::unique_ptr<Client> client;
};

/// Every way to a server: its transport, its era, how it answers.
struct Way {
  const char* name;
  std::vector<std::string> arguments;
  const char* version;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class EveryWay : public testing::TestWithParam<Way> {
 protected:
  ServerConfig Server() {
    const std::vector<std::string>& arguments = GetParam().arguments;
    if (arguments[0] == "stdio") return Config(Scripted(arguments));
    http_ = std::make_unique<HttpServer>(arguments);
    ServerConfig config = Http(*http_);
    std::get<HttpTransport>(config.transport).sse = arguments[0] == "sse";
    return config;
  }
  bool modern() const { return GetParam().version == std::string("2026-07-28"); }

 private:
  std::unique_ptr<HttpServer> http_;
};

TEST_P(EveryWay, ListsAndCalls) {
  Connected server(Server());
  const auto info = server.Connect();
  ASSERT_TRUE(info) << info.error().message();
  EXPECT_EQ(info->protocol_version, GetParam().version);
  EXPECT_EQ(info->name, "scripted");
  EXPECT_THAT(Names(server.List()), ElementsAre("echo", "fail", "slow", "flood", "seen", "ask", "change", "die", "odd",
                                                "headers", "forget", "cut"));
  const auto echo = server.Call("echo", {{"message", "grüße \n\"x\""}});
  EXPECT_EQ(Text(echo), "grüße \n\"x\"");
  EXPECT_EQ(echo->structured["message"], "grüße \n\"x\"");
  const auto failed = server.Call("fail");
  EXPECT_EQ(Text(failed), "It did not work.");
  EXPECT_TRUE(failed->is_error);
}

TEST_P(EveryWay, CallsManyAtATime) {
  Connected server(Server());
  std::vector<std::future<Result<ToolResult>>> calls;
  calls.reserve(40);
  for (int i = 0; i < 40; ++i) {
    calls.push_back(server.runner.Start(server.client->CallTool("echo", {{"message", std::to_string(i)}}, {})));
  }
  for (int i = 0; i < 40; ++i) EXPECT_EQ(Text(calls[i].get()), std::to_string(i));
}

TEST_P(EveryWay, TellsUnknownToolsAndOddResults) {
  Connected server(Server());
  EXPECT_THAT(Text(server.Call("nothing")),
              testing::AnyOf(HasSubstr("Unknown tool: nothing"), HasSubstr("no tool nothing")));
  EXPECT_THAT(Text(server.Call("odd")), HasSubstr("unknown type \"mystery\""));
  EXPECT_THAT(Text(server.Call("echo", Json::array())), HasSubstr("must be an object"));
}

TEST_P(EveryWay, EndsCallsThatTakeTooLong) {
  Connected server(Server());
  ASSERT_TRUE(server.Connect());
  const auto begin = steady_clock::now();
  EXPECT_THAT(Text(server.Call("slow", {{"seconds", 30}}, {.timeout = milliseconds(300)})),
              HasSubstr("the call of slow took longer than 0.3 s"));
  EXPECT_LT(steady_clock::now() - begin, std::chrono::seconds(5));
  if (!modern() || GetParam().arguments[0] == "stdio") {
    EXPECT_TRUE(server.Eventually([&] { return Text(server.Call("seen")).contains("notifications/cancelled"); }));
  }
}

TEST_P(EveryWay, StopsCallsWhenAsked) {
  Connected server(Server());
  ASSERT_TRUE(server.Connect());
  std::stop_source stop;
  auto call = server.runner.Start(server.client->CallTool("slow", {{"seconds", 30}}, {.stop = stop.get_token()}));
  std::this_thread::sleep_for(milliseconds(200));
  stop.request_stop();
  const auto result = call.get();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(Text(server.Call("echo", {{"message", "still here"}})), "still here");
}

TEST_P(EveryWay, CutsFloodsOff) {
  ServerConfig config = Server();
  config.max_output_bytes = 1000;
  Connected server(config);
  const auto result = server.Call("flood", {{"bytes", 3'000'000}});
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_TRUE(result->truncated);
  EXPECT_LT(result->text.size(), 1100U);
  EXPECT_THAT(result->text, HasSubstr("1000 of 3000000 bytes"));
  EXPECT_THAT(Text(server.Call("flood", {{"bytes", 17 << 20}})), HasSubstr("bytes"));
}

TEST_P(EveryWay, AnswersQuestionsOnlyWithAHook) {
  if (!modern() && GetParam().arguments.back() == "json") GTEST_SKIP() << "an answer of JSON has no room for them";
  ServerConfig config = Server();
  {
    Connected server(config, {.elicitation = AcceptDefaults, .sampling = {}});
    const std::string text = Text(server.Call("ask"));
    EXPECT_THAT(text, HasSubstr(R"({"action": "accept", "content": {"name": "Ada"}})"));
    if (modern()) EXPECT_THAT(text, HasSubstr(R"("state": "s: {\"a\":  1}")")) << "byte for byte";
  }
  Connected server(config);
  EXPECT_THAT(Text(server.Call("ask")), HasSubstr("nobody is here to answer elicitation/create"));
}

TEST_P(EveryWay, HidesToolsThatAreNotAllowed) {
  ServerConfig config = Server();
  config.allowed_tools = {"echo"};
  Connected server(config);
  EXPECT_THAT(Names(server.List()), ElementsAre("echo"));
  EXPECT_THAT(Text(server.Call("fail")), HasSubstr("the tool fail is not allowed"));
}

TEST_P(EveryWay, ReportsProgress) {
  if (GetParam().arguments.back() == "json") GTEST_SKIP() << "an answer of JSON has no room for it";
  Connected server(Server());
  std::mutex mutex;
  std::vector<std::string> seen;
  EXPECT_EQ(Text(server.Call("slow", {{"seconds", 0.3}},
                             {.on_progress =
                                  [&](const Progress& progress) {
                                    const std::lock_guard lock(mutex);
                                    seen.push_back(progress.message + fmt::format(" {}/{}", progress.progress,
                                                                                  progress.total.value_or(0)));
                                  }})),
            "done");
  EXPECT_THAT(seen, ElementsAre("step 0 0/3", "step 1 1/3", "step 2 2/3"));
}

TEST_P(EveryWay, NoticesThatToolsHaveChanged) {
  if (GetParam().arguments[0] == "sse") GTEST_SKIP() << "the scripted one does not tell";
  Connected server(Server());
  EXPECT_THAT(Names(server.List()), Not(testing::Contains("new")));
  std::this_thread::sleep_for(milliseconds(200));  // for the stream on which it tells
  EXPECT_EQ(Text(server.Call("change")), "changed");
  EXPECT_TRUE(server.Eventually([&] { return Names(server.List()).back() == "new"; }));
}

INSTANTIATE_TEST_SUITE_P(
    Mcp, EveryWay,
    testing::Values(Way{"StdioModern", {"stdio"}, "2026-07-28"},
                    Way{"StdioLegacy", {"stdio", "--era", "legacy"}, "2025-11-25"},
                    Way{"HttpModernJson", {"http", "--answer", "json"}, "2026-07-28"},
                    Way{"HttpModernSse", {"http", "--answer", "sse"}, "2026-07-28"},
                    Way{"HttpLegacyJson", {"http", "--era", "legacy", "--answer", "json"}, "2025-11-25"},
                    Way{"HttpLegacySse", {"http", "--era", "legacy", "--answer", "sse"}, "2025-11-25"},
                    Way{"HttpAndSse", {"sse", "--era", "legacy", "--version", "2024-11-05"}, "2024-11-05"}),
    [](const auto& info) { return info.param.name; });

TEST(Stdio, SpeaksToServersThatAreSilentOrEndWhenTheyAreProbed) {
  for (const char* era : {"silent", "strict"}) {
    ServerConfig config = Config(Scripted({"stdio", "--era", era}));
    config.startup_timeout = std::chrono::seconds(4);
    Connected server(config);
    EXPECT_EQ(Text(server.Call("echo", {{"message", era}})), era);
    EXPECT_EQ(server.Connect()->protocol_version, "2025-11-25");
  }
}

TEST(Stdio, PassesOverWhatIsNoMessage) {
  Connected server(Config(Scripted({"stdio", "--stray"})));
  EXPECT_EQ(Text(server.Call("echo", {{"message", "x"}})), "x");
}

TEST(Stdio, SaysWhyAServerEndedAndStartsItAgain) {
  Connected server(Config(Scripted({"stdio"})));
  EXPECT_THAT(Text(server.Call("die")), HasSubstr("ended with status 3; its last words: It is time to go."));
  EXPECT_EQ(Text(server.Call("echo", {{"message", "again"}})), "again");
}

TEST(Stdio, SaysWhyAServerDoesNotStart) {
  const auto why = [](StdioTransport transport) {
    ServerConfig config = Config(std::move(transport));
    config.startup_timeout = milliseconds(600);
    const auto info = Connected(std::move(config)).Connect();
    return info ? "it did" : info.error().message();
  };
  EXPECT_THAT(why({.command = "no-such-program", .args = {}, .env = {}, .cwd = {}}),
              HasSubstr("test: cannot start no-such-program: No such file"));
  EXPECT_THAT(why({.command = "true", .args = {}, .env = {}, .cwd = "/no/such/folder"}),
              HasSubstr("cannot start true"));
  EXPECT_THAT(why({.command = "true", .args = {}, .env = {}, .cwd = {}}), HasSubstr("ended with status 0"));
  EXPECT_THAT(why({.command = "sh", .args = {"-c", "echo no key >&2; exit 7"}, .env = {}, .cwd = {}}),
              HasSubstr("ended with status 7; its last words: no key"));
  EXPECT_THAT(why({.command = "sleep", .args = {"60"}, .env = {}, .cwd = {}}),
              HasSubstr("connecting took longer than 0.6 s"));
}

TEST(Stdio, GivesTheChildItsEnvironmentAndNoMore) {
  ::setenv("STRATA_SECRET", "hidden", 1);
  Connected server(Config(StdioTransport{.command = "sh",
                                         .args = {"-c", "echo \"$STRATA_SECRET|$GIVEN|$(pwd)\" >&2; exit 1"},
                                         .env = {{"GIVEN", "yes"}},
                                         .cwd = "/"}));
  const auto info = server.Connect();
  ASSERT_FALSE(info);
  EXPECT_THAT(info.error().message(), HasSubstr("its last words: |yes|/"));
}

TEST(Stdio, EndsChildrenOfLaunchersToo) {
  // The launcher passes its streams on and ignores the goodbye; the grandchild writes its number where it can be seen.
  const std::string file = testing::TempDir() + "/strata-mcp-pid-" + std::to_string(::getpid());
  {
    Connected server(Config(StdioTransport{
        .command = "sh",
        .args = {"-c", "trap '' TERM; sleep 600 & echo $! > " + file + "; python3 " + kScript + " stdio; sleep 600"},
        .env = {},
        .cwd = {}}));
    EXPECT_EQ(Text(server.Call("echo", {{"message", "x"}})), "x");
  }
  FILE* opened = std::fopen(file.c_str(), "r");
  ASSERT_NE(opened, nullptr);
  int pid = 0;
  EXPECT_EQ(std::fscanf(opened, "%d", &pid), 1);
  std::fclose(opened);
  std::remove(file.c_str());
  ASSERT_GT(pid, 0);
  bool gone = false;
  for (int i = 0; i < 100 && !gone; ++i) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
    std::string word, state;
    gone = !(status >> word >> word >> state) || state == "Z";
    if (!gone) std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(gone);
}

TEST(Stdio, RefusesVersionsThatItDoesNotSpeak) {
  EXPECT_THAT(Connected(Config(Scripted({"stdio", "--version", "2031-01-01"}))).Connect().error().message(),
              HasSubstr("speaks protocol 2031-01-01 only"));
  EXPECT_THAT(
      Connected(Config(Scripted({"stdio", "--era", "legacy", "--version", "1999-01-01"}))).Connect().error().message(),
      HasSubstr("speaks protocol 1999-01-01"));
}

TEST(HttpServers, GetTheArgumentsThatTheyWantAsHeaders) {
  const HttpServer scripted({"http"});
  ServerConfig config = Http(scripted);
  std::get<HttpTransport>(config.transport).headers = {{"Authorization", "Bearer secret"}};
  Connected server(config);
  const std::string text = Text(server.Call("headers", {{"region", "eu"}}));
  const Json headers = Json::parse(text, nullptr, false);
  ASSERT_TRUE(headers.is_object()) << text;
  EXPECT_EQ(headers["mcp-param-region"], "eu");
  EXPECT_EQ(headers["mcp-name"], "headers");
  EXPECT_EQ(headers["authorization"], "Bearer secret");
  EXPECT_EQ(headers["mcp-protocol-version"], "2026-07-28");
}

TEST(HttpServers, LearnThatACallIsNotWantedByTheStreamsEnd) {
  const HttpServer scripted({"http", "--answer", "sse"});
  Connected server(Http(scripted));
  ASSERT_TRUE(server.Connect());
  const auto result = server.Call("slow", {{"seconds", 1.5}},
                                  {.timeout = milliseconds(200), .stop = {}, .on_progress = [](const Progress&) {}});
  EXPECT_FALSE(result);
  EXPECT_TRUE(server.Eventually([&] { return Text(server.Call("seen")).contains("gone"); }));
}

TEST(HttpServers, MayForgetTheSession) {
  const HttpServer scripted({"http", "--era", "legacy"});
  Connected server(Http(scripted));
  EXPECT_EQ(Text(server.Call("echo", {{"message", "x"}})), "x");
  EXPECT_THAT(Text(server.Call("forget")), HasSubstr("Unknown tool: forget")) << "sent again on a new session";
  EXPECT_EQ(Text(server.Call("echo", {{"message", "y"}})), "y");
}

TEST(HttpServers, MayInterruptTheirStreams) {
  const HttpServer scripted({"http", "--era", "legacy", "--answer", "sse"});
  Connected server(Http(scripted));
  EXPECT_EQ(Text(server.Call("cut")), "resumed");
}

TEST(HttpServers, AreToldThatTheSessionEnds) {
  const HttpServer scripted({"http", "--era", "legacy"});
  {
    Connected first(Http(scripted));
    ASSERT_TRUE(first.Connect());
  }
  Connected second(Http(scripted));
  EXPECT_THAT(Text(second.Call("seen")), HasSubstr("deleted"));
}

TEST(HttpServers, AreFollowedWithinTheirOriginOnly) {
  const HttpServer scripted({"http"});
  const auto at = [](const std::string& url) {
    return Text(Connected(Config(HttpTransport{.url = url, .headers = {}})).Call("echo", {{"message", "x"}}));
  };
  EXPECT_EQ(at(scripted.Url("/moved")), "x");
  EXPECT_THAT(at(scripted.Url("/away")), HasSubstr("redirects to http://127.0.0.2:1/mcp, which is not followed"));
}

TEST(HttpServers, AreNamedWhenTheyCannotBeReached) {
  const auto at = [](const std::string& url) {
    const auto info = Connected(Config(HttpTransport{.url = url, .headers = {}})).Connect();
    return info ? "reached" : std::string(ToString(info.error().code())) + ": " + info.error().message();
  };
  EXPECT_THAT(at("http://127.0.0.1:1/mcp"), HasSubstr("cannot connect to 127.0.0.1:1"));
  const HttpServer scripted({"http", "--deny"});
  EXPECT_THAT(at(scripted.Url()), HasSubstr("HTTP 401, Bearer resource_metadata=\"x\""));
  std::string plain = scripted.Url();
  EXPECT_THAT(at(plain.replace(0, 4, "https")), HasSubstr("no TLS connection to 127.0.0.1"));
}

TEST(HttpServers, ThatNeverAnswerEndByTheStartUpTimeout) {
  asio::io_context io;
  asio::ip::tcp::acceptor silent(io, {asio::ip::address_v4::loopback(), 0});  // connects, and says nothing
  ServerConfig config =
      Config(HttpTransport{.url = fmt::format("http://127.0.0.1:{}/", silent.local_endpoint().port()), .headers = {}});
  config.startup_timeout = milliseconds(400);
  const auto info = Connected(config).Connect();
  ASSERT_FALSE(info);
  EXPECT_THAT(info.error().message(), HasSubstr("connecting took longer than 0.4 s"));
}

TEST(OldHttpServers, MayNotSendTheirClientElsewhere) {
  const HttpServer scripted({"sse", "--era", "legacy"});
  const auto info =
      Connected(Config(HttpTransport{.url = scripted.Url("/away"), .headers = {}, .sse = true})).Connect();
  ASSERT_FALSE(info);
  EXPECT_THAT(info.error().message(), HasSubstr("is not at its own origin"));
}

TEST(OldHttpServers, MayEndTheirStream) {
  const HttpServer scripted({"sse", "--era", "legacy"});
  Connected server(Config(HttpTransport{.url = scripted.Url("/sse"), .headers = {}, .sse = true}));
  EXPECT_THAT(Text(server.Call("cut")), HasSubstr("the server ended its stream"));
  EXPECT_EQ(Text(server.Call("echo", {{"message", "again"}})), "again");
}

TEST(Client, CanGoAwayWhileCallsRun) {
  for (const char* transport : {"stdio", "http"}) {
    std::unique_ptr<HttpServer> http;
    if (transport == std::string("http")) http = std::make_unique<HttpServer>(std::vector<std::string>{"http"});
    Connected server(http ? Http(*http) : Config(Scripted({"stdio"})));
    ASSERT_TRUE(server.Connect());
    auto call = server.runner.Start(server.client->CallTool("slow", {{"seconds", 30}}, {}));
    std::this_thread::sleep_for(milliseconds(100));
    server.client.reset();
    const auto result = call.get();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), ErrorCode::kCancelled) << result.error().message();
  }
}

TEST(Client, ConnectsOnceForAll) {
  Connected server(Config(Scripted({"stdio"})));
  std::vector<std::future<Result<ToolList>>> lists;
  lists.reserve(8);
  for (int i = 0; i < 8; ++i) lists.push_back(server.runner.Start(server.client->ListTools()));
  ToolList first;
  for (auto& list : lists) {
    const auto tools = list.get();
    ASSERT_TRUE(tools);
    if (!first) first = *tools;
    EXPECT_EQ(*tools, first) << "the same list, not an equal one";
  }
}

TEST(Client, CanBeClosedAndUsedAgain) {
  Connected server(Config(Scripted({"stdio"})));
  EXPECT_EQ(Text(server.Call("echo", {{"message", "x"}})), "x");
  server.runner.Run(server.client->Close());
  EXPECT_EQ(Text(server.Call("echo", {{"message", "y"}})), "y");
}

}  // namespace
}  // namespace strata::mcp
