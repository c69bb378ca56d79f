// `strata mcp`: tools of MCP servers on the command line.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/mapped_file.h"
#include "cli/commands.h"
#include "mcp/client.h"

namespace strata::cli {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;

// Between two looks whether the tools are still the same; the client asks the server only when they may not be.
constexpr std::chrono::milliseconds kWatchPeriod{200};

struct McpOptions {
  std::string servers_file;
  std::string url;
  std::vector<std::string> headers;
  bool sse = false;
  std::optional<double> timeout;
  bool accept_defaults = false;
  bool json = false;
  bool watch = false;
  std::vector<std::string> words;
  std::string first_word, second_word;  ///< of `mcp call`, before `words`
};

/// The server that --url, or else `command`, names.
Result<mcp::ServerConfig> GivenServer(const McpOptions& options, std::vector<std::string> command) {
  mcp::ServerConfig server;
  server.label = "server";
  if (!options.url.empty()) {
    mcp::HttpTransport http{.url = options.url, .headers = {}, .sse = options.sse};
    for (const std::string& header : options.headers) {
      const std::size_t colon = header.find(':');
      if (colon == std::string::npos) {
        return Fail(ErrorCode::kInvalidArgument, "--header {}: it must be NAME: VALUE", header);
      }
      const std::size_t value = std::min(header.find_first_not_of(' ', colon + 1), header.size());
      http.headers.emplace_back(header.substr(0, colon), header.substr(value));
    }
    server.transport = std::move(http);
  } else if (!command.empty()) {
    server.transport = mcp::StdioTransport{
        .command = command.front(), .args = {command.begin() + 1, command.end()}, .env = {}, .cwd = {}};
  } else {
    return Fail(ErrorCode::kInvalidArgument, "which server? --servers FILE, --url URL, or -- COMMAND ARGUMENTS");
  }
  STRATA_CHECK(mcp::CheckServer(server));
  return server;
}

/// Takes the first of `words`, which `what` names in the error.
Result<std::string> TakeWord(std::vector<std::string>& words, const char* what) {
  if (words.empty()) return Fail(ErrorCode::kInvalidArgument, "{} is missing (strata mcp --help)", what);
  std::string word = std::move(words.front());
  words.erase(words.begin());
  return word;
}

Result<std::vector<mcp::ServerConfig>> ServersOfFile(const McpOptions& options) {
  STRATA_TRY(const std::string text, ReadFile(options.servers_file));
  STRATA_TRY(std::vector<mcp::ServerConfig> servers, mcp::ParseServersFile(text), "in {}", options.servers_file);
  return servers;
}

Result<mcp::ServerConfig> ServerOfFile(const McpOptions& options, const std::string& label) {
  STRATA_TRY(std::vector<mcp::ServerConfig> servers, ServersOfFile(options));
  for (mcp::ServerConfig& server : servers) {
    if (server.label == label) return std::move(server);
  }
  return Fail(ErrorCode::kNotFound, "{} has no server {}", options.servers_file, label);
}

mcp::ClientHooks Hooks(const McpOptions& options) {
  mcp::ClientHooks hooks;
  if (options.accept_defaults) hooks.elicitation = mcp::AcceptDefaults;
  return hooks;
}

using ClientWork = std::function<asio::awaitable<Status>(mcp::Client&, std::stop_token)>;

asio::awaitable<void> WorkAndClose(mcp::Client& client, const ClientWork& work, std::stop_token stop,
                                   asio::signal_set& signals, Status& status) {
  status = co_await work(client, std::move(stop));
  co_await client.Close();
  signals.cancel();
}

/// Runs `work` with the client of a server to its end, and says goodbye to the server. Ctrl-C stops it.
Status RunClient(const McpOptions& options, const mcp::ServerConfig& server, const ClientWork& work) {
  asio::io_context io;
  mcp::Client client(io.get_executor(), server, Hooks(options));
  std::stop_source stop;
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&stop](boost::system::error_code error, int) {
    if (!error) stop.request_stop();
  });
  Status status;
  asio::co_spawn(io, WorkAndClose(client, work, stop.get_token(), signals, status),
                 [](const std::exception_ptr& failure) {
                   if (failure) std::rethrow_exception(failure);
                 });
  io.run();
  return status;
}

void PrintTools(const mcp::ServerConfig& server, const mcp::ServerInfo& info, const std::vector<mcp::Tool>& tools,
                bool json) {
  if (!json) {
    fmt::print("{}: {} {}, protocol {}, {} tools\n", server.label, info.name, info.version, info.protocol_version,
               tools.size());
    for (const mcp::Tool& tool : tools) {
      const std::string& words = tool.description.empty() ? tool.title : tool.description;
      fmt::print("  {:<32} {}\n", tool.name, words.substr(0, words.find('\n')));
    }
  } else {
    Json list = Json::array();
    for (const mcp::Tool& tool : tools) {
      list.push_back({{"name", tool.name},
                      {"title", tool.title},
                      {"description", tool.description},
                      {"inputSchema", tool.input_schema},
                      {"outputSchema", tool.output_schema},
                      {"annotations", tool.annotations}});
    }
    const Json line = {{"server", server.label},
                       {"name", info.name},
                       {"version", info.version},
                       {"protocolVersion", info.protocol_version},
                       {"instructions", info.instructions},
                       {"tools", std::move(list)}};
    fmt::print("{}\n", line.dump());
  }
  std::fflush(stdout);  // who watches may be a pipe
}

asio::awaitable<Status> List(const McpOptions& options, mcp::Client& client, std::stop_token stop) {
  const auto executor = co_await asio::this_coro::executor;
  const std::stop_callback on_stop(stop, [&] { asio::co_spawn(executor, client.Close(), asio::detached); });
  mcp::ToolList shown;
  do {
    const auto info = co_await client.Connect();
    const auto tools = co_await client.ListTools();
    if (options.watch && stop.stop_requested()) break;
    if (!info || !tools) co_return std::unexpected(!info ? info.error() : tools.error());
    if (*tools != shown) PrintTools(client.config(), *info, **tools, options.json);
    shown = *tools;
    if (options.watch) {
      asio::steady_timer timer(executor, kWatchPeriod);
      co_await timer.async_wait(asio::use_awaitable);
    }
  } while (options.watch && !stop.stop_requested());
  co_return Status();
}

Status ListServers(const McpOptions& options) {
  std::vector<mcp::ServerConfig> servers;
  if (options.servers_file.empty()) {
    STRATA_TRY(servers.emplace_back(), GivenServer(options, options.words));
  } else if (options.words.empty()) {
    STRATA_TRY(servers, ServersOfFile(options));
  }
  for (const std::string& label : options.servers_file.empty() ? std::vector<std::string>() : options.words) {
    STRATA_TRY(servers.emplace_back(), ServerOfFile(options, label));
  }
  if (options.watch && servers.size() != 1) {
    return Fail(ErrorCode::kInvalidArgument, "--watch needs one server, not {}", servers.size());
  }
  for (const mcp::ServerConfig& server : servers) {
    STRATA_CHECK(RunClient(options, server, [&options](mcp::Client& client, std::stop_token stop) {
      return List(options, client, std::move(stop));
    }));
  }
  return {};
}

asio::awaitable<Status> Call(const McpOptions& options, std::string tool, Json arguments, mcp::Client& client,
                             std::stop_token stop) {
  mcp::CallOptions call{.timeout = {}, .stop = std::move(stop), .on_progress = [](const mcp::Progress& progress) {
                          LogInfo("progress {:g}{} {}", progress.progress,
                                  progress.total ? fmt::format(" of {:g}", *progress.total) : "", progress.message);
                        }};
  if (options.timeout) call.timeout = std::chrono::milliseconds(std::llround(*options.timeout * 1000));
  const auto result = co_await client.CallTool(tool, std::move(arguments), std::move(call));
  if (!result) co_return std::unexpected(result.error());
  if (options.json) {
    const Json whole = {
        {"content", result->content}, {"structuredContent", result->structured}, {"isError", result->is_error}};
    fmt::print("{}\n", whole.dump());
  } else {
    fmt::print("{}\n", result->text);
  }
  if (result->is_error) co_return Fail(ErrorCode::kInternal, "the tool {} failed", tool);
  co_return Status();
}

Status CallTool(const McpOptions& options) {
  std::vector<std::string> words = options.words;
  std::optional<mcp::ServerConfig> server;
  if (!options.servers_file.empty()) {
    STRATA_TRY(const std::string label, TakeWord(words, "LABEL"));
    STRATA_TRY(server, ServerOfFile(options, label));
  }
  STRATA_TRY(const std::string tool, TakeWord(words, "TOOL"));
  STRATA_TRY(const std::string text, TakeWord(words, "ARGUMENTS"));
  const Json arguments = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!arguments.is_object()) {
    return Fail(ErrorCode::kInvalidArgument, "ARGUMENTS must be a JSON object, not {}", text);
  }
  if (!server) {
    STRATA_TRY(server, GivenServer(options, words));
  } else if (!words.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "what is {}?", words.front());
  }
  return RunClient(options, *server, [&](mcp::Client& client, std::stop_token stop) {
    return Call(options, tool, arguments, client, std::move(stop));
  });
}

void AddServerOptions(CLI::App& command, McpOptions& options) {
  auto* servers = command.add_option("--servers", options.servers_file,
                                     "A file of servers: {\"mcpServers\": {LABEL: {\"command\" or \"url\", ...}}}");
  auto* url = command.add_option("--url", options.url, "A server behind this URL")->excludes(servers);
  command.add_option("--header", options.headers, "NAME: VALUE, sent to --url; may be repeated")
      ->needs(url)
      ->allow_extra_args(false);
  command.add_flag("--sse", options.sse, "--url speaks the transport of protocol 2024-11-05")->needs(url);
  command.add_flag("--accept-defaults", options.accept_defaults,
                   "Answer a server's questions by the defaults that they come with (default: it may not ask)");
  command.add_flag("--json", options.json, "Print JSON");
}

}  // namespace

void AddMcp(CLI::App& app, Action& action) {
  CLI::App* mcp = app.add_subcommand("mcp", "Tools of MCP servers: list them, call one");
  mcp->require_subcommand(1);
  auto options = std::make_shared<McpOptions>();

  CLI::App* list =
      mcp->add_subcommand("list", "The tools of every server of --servers (or those named), of --url, or of COMMAND");
  AddServerOptions(*list, *options);
  list->add_flag("--watch", options->watch, "Stay connected and list again when they change, until Ctrl-C");
  list->add_option("words", options->words, "[LABEL ...] with --servers; else -- COMMAND ARGUMENTS");
  list->callback([options, &action] { action = [options] { return ListServers(*options); }; });

  CLI::App* call = mcp->add_subcommand("call", "Call a tool and print what it says; status 1 when it fails");
  AddServerOptions(*call, *options);
  call->add_option("--timeout", options->timeout, "Seconds that the call may take (default: the server's, or 60)")
      ->check(CLI::Range(0.001, 86'400.0));
  // Three, since CLI11 ends a subcommand at "--" unless one of its positionals is still without a word.
  call->add_option("tool", options->first_word, "TOOL, or LABEL with --servers")->required();
  call->add_option("arguments", options->second_word, "ARGUMENTS, a JSON object, or TOOL with --servers")->required();
  call->add_option("words", options->words, "ARGUMENTS with --servers; -- COMMAND ARGUMENTS without a server's URL");
  call->callback([options, &action] {
    options->words.insert(options->words.begin(), {options->first_word, options->second_word});
    action = [options] { return CallTool(*options); };
  });
}

}  // namespace strata::cli
