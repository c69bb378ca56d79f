// `strata serve`: the OpenAI-compatible server.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/served_model.h"
#include "cli/session.h"
#include "mcp/server_config.h"
#include "serve/api_keys.h"
#include "serve/server.h"
#include "serve/tool_file.h"

namespace strata::cli {
namespace {

// A signal handler may only set a flag, so somebody has to look at it.
constexpr std::chrono::milliseconds kLook{50};

struct ServeOptions {
  std::string model;
  serve::ServerOptions server;
  std::vector<std::string> embedding_models, rerank_models;
  std::string api_key_file;
  std::string mcp_servers_file;
  std::string tools_file;
  std::string port_file;
  double request_timeout = 600, drain_timeout = 30, idle_timeout = 75, read_timeout = 30, write_timeout = 30;
  LoadOptions load;
};

std::chrono::milliseconds Seconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

/// keys[i] is tenant i + 1, and weights are by tenant.
Status AddKeysOf(const std::string& path, ServeOptions& options) {
  STRATA_TRY(const std::string text, ReadFile(path));
  STRATA_TRY(const std::vector<serve::ApiKey> keys, serve::ParseApiKeys(text), "in {}", path);
  std::vector<double>& weights = options.load.scheduler.tenant_weights;
  weights.resize(options.server.api_keys.size() + 1, 1);
  options.server.principals.resize(options.server.api_keys.size());
  for (const auto& [key, weight, principal] : keys) {
    options.server.api_keys.push_back(key);
    options.server.principals.push_back(principal);
    weights.push_back(weight);
  }
  return {};
}

Status AddMcpServersOf(const std::string& path, ServeOptions& options) {
  STRATA_TRY(const std::string text, ReadFile(path));
  STRATA_TRY(options.server.mcp_servers, mcp::ParseServersFile(text), "in {}", path);
  return {};
}

Status AddRegisteredToolsOf(const std::string& path, ServeOptions& options) {
  STRATA_TRY(const std::string text, ReadFile(path));
  STRATA_TRY(const serve::ToolList list, serve::ParseToolFile(text), "in {}", path);
  options.server.registered_tools = std::make_shared<const serve::tools::ToolSet>(list.tools());
  return {};
}

/// Loads in a thread, so that a signal is heard meanwhile. Nothing when it was a signal that ended the wait.
std::optional<Status> LoadUnlessStopped(serve::Server& server, const ModelsToServe& models, const LoadOptions& load) {
  std::optional<Status> status;
  std::atomic<bool> done = false;
  std::thread loader([&] {
    status = LoadInto(server, models, load);
    done = true;
  });
  while (!done && !StopRequested()) std::this_thread::sleep_for(kLook);
  if (!done) {
    // Loading cannot be interrupted and has nothing to save: what it writes to the cache is complete or not there.
    LogInfo("stopped while the model was loading");
    std::_Exit(0);
  }
  loader.join();
  return status;
}

Status Serve(ServeOptions options) {
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  if (!options.api_key_file.empty()) STRATA_CHECK(AddKeysOf(options.api_key_file, options));
  if (!options.mcp_servers_file.empty()) STRATA_CHECK(AddMcpServersOf(options.mcp_servers_file, options));
  if (!options.tools_file.empty()) STRATA_CHECK(AddRegisteredToolsOf(options.tools_file, options));
  if (options.server.model_name.empty()) options.server.model_name = options.model;
  options.server.request_timeout = Seconds(options.request_timeout);
  options.server.drain_timeout = Seconds(options.drain_timeout);
  options.server.idle_timeout = Seconds(options.idle_timeout);
  options.server.read_timeout = Seconds(options.read_timeout);
  options.server.write_timeout = Seconds(options.write_timeout);
  options.load.own_weights = true;
  InstallStopSignals();
  STRATA_TRY(const std::unique_ptr<serve::Server> server, serve::Server::Start(options.server));
  const std::string address = fmt::format("http://{}:{}", options.server.host, server->port());
  if (!options.port_file.empty()) {
    STRATA_CHECK(WriteFileAtomically(options.port_file, fmt::format("{}\n", server->port())));
  }
  LogInfo("listening on {}, loading {}", address, path);
  const auto begin = std::chrono::steady_clock::now();
  ModelsToServe models{.path = path,
                       .names = {options.server.model_name},
                       .embedding = options.embedding_models,
                       .rerank = options.rerank_models};
  models.names.insert(models.names.end(), options.server.model_aliases.begin(), options.server.model_aliases.end());
  const std::optional<Status> loaded = LoadUnlessStopped(*server, models, options.load);
  if (loaded && !*loaded) return *loaded;
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  LogInfo("ready: {} serves {} (loaded in {:.2f} s)", address, options.server.model_name, took.count());

  while (!StopRequested()) std::this_thread::sleep_for(kLook);
  LogInfo("draining: no new requests; waiting up to {} s for those that run", options.drain_timeout);
  std::signal(SIGINT, SIG_DFL);  // a second Ctrl-C means now; supervisors may repeat SIGTERM and mean the same drain
  LogInfo("{}", server->Drain() ? "stopped: every response was complete" : "stopped: some responses were cut off");
  return {};
}

void AddModelOptions(CLI::App& command, ServeOptions& options) {
  command.add_option("--model-name", options.server.model_name, "The id that clients name (default: MODEL as given)");
  command.add_option("--model-alias", options.server.model_aliases, "A further id of the same model; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--embedding-model", options.embedding_models,
                  "A model beside MODEL for /v1/embeddings, as MODEL or ID=MODEL; may be repeated")
      ->allow_extra_args(false);
  command
      .add_option("--rerank-model", options.rerank_models,
                  "A model beside MODEL for /v1/rerank and /score, as MODEL or ID=MODEL; may be repeated")
      ->allow_extra_args(false);
  command.add_option("--tool-call-parser", options.server.tool_call_parser,
                     "How the model writes tool calls (default: as its chat template says)");
  command
      .add_option("--tools", options.tools_file,
                  "Tools that every request may name as {\"type\": \"registered\", \"name\": ...}")
      ->check(CLI::ExistingFile);
  command
      .add_option("--max-tool-tokens", options.server.max_tool_tokens,
                  "Of a request's tools, a prompt carries no more tokens than that; the others can be called all the "
                  "same (default: a quarter of the context)")
      ->check(CLI::PositiveNumber);
  command.add_option("--reasoning-parser", options.server.reasoning_parser,
                     "How the model marks reasoning; none = not at all (default: as its chat template says)");
}

void AddNetworkOptions(CLI::App& command, ServeOptions& options) {
  command.add_option("--host", options.server.host, "Address to listen on; 0.0.0.0 = every one of this machine")
      ->capture_default_str()
      ->group("Network");
  command.add_option("--port", options.server.port, "Port; 0 takes a free one")
      ->capture_default_str()
      ->group("Network");
  command.add_option("--port-file", options.port_file, "Write the port to this file once it is bound")
      ->group("Network");
  command.add_option("--io-threads", options.server.io_threads, "Threads for sockets, JSON and text")
      ->check(CLI::Range(1, 64))
      ->capture_default_str()
      ->group("Network");
}

void AddAccessOptions(CLI::App& command, ServeOptions& options) {
  command
      .add_option("--api-key", options.server.api_keys,
                  "Accept only requests with one of these keys (Authorization: Bearer KEY); may be repeated")
      ->allow_extra_args(false)  // one value each: what follows is another argument
      ->group("Access");
  command
      .add_option(
          "--api-key-file", options.api_key_file,
          "The same, one key a line, after it its weight in fair scheduling (default 1), and whose it is: user=NAME, "
          "group=NAME, label=NAME; keeps keys out of `ps`")
      ->check(CLI::ExistingFile)
      ->group("Access");
  command
      .add_option("--allowed-origin", options.server.allowed_origins,
                  "CORS: an origin that browsers may call from; * = any; may be repeated")
      ->allow_extra_args(false)
      ->group("Access");
}

void AddKnowledgeOptions(CLI::App& command, ServeOptions& options) {
  command
      .add_option("--knowledge", options.server.knowledge_folder,
                  "Serve the knowledge bases of this folder, which is made when it is not there: /v1/knowledge")
      ->group("Knowledge");
  command
      .add_option("--max-upload-bytes", options.server.max_upload_bytes,
                  "Largest request that adds documents to a base; above it 413")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str()
      ->group("Knowledge");
}

void AddMcpOptions(CLI::App& command, ServeOptions& options) {
  command.add_flag("--mcp", options.server.mcp, "Be an MCP server, too: POST /mcp offers the model as a tool")
      ->group("MCP");
  command
      .add_option(
          "--mcp-servers", options.mcp_servers_file,
          "MCP servers whose tools requests to /v1/responses may have run here: a file of {\"mcpServers\": ...}")
      ->check(CLI::ExistingFile)
      ->group("MCP");
  command
      .add_option("--mcp-allow-url", options.server.mcp_allowed_urls,
                  "Let requests name further MCP servers, those whose URL begins so; may be repeated")
      ->allow_extra_args(false)
      ->group("MCP");
}

void AddLimitOptions(CLI::App& command, ServeOptions& options) {
  const auto seconds = [&](const char* name, double& value, const char* help) {
    command.add_option(name, value, help)->check(CLI::Range(0.001, 1e6))->capture_default_str()->group("Limits");
  };
  command
      .add_option("--max-connections", options.server.max_connections, "Connections open at once; one more gets 503")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group("Limits");
  command.add_option("--max-queued", options.load.max_queued, "Requests that wait for the engine; one more gets 429")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str()
      ->group("Limits");
  command.add_option("--max-body-bytes", options.server.max_body_bytes, "Largest request body; above it 413")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str()
      ->group("Limits");
  seconds("--request-timeout", options.request_timeout, "Longest request, seconds; then 408");
  seconds("--read-timeout", options.read_timeout, "For a request's header and body to arrive, seconds");
  seconds("--write-timeout", options.write_timeout, "A client that takes nothing for so many seconds is dropped");
  seconds("--idle-timeout", options.idle_timeout, "A connection without requests is closed after so many seconds");
  seconds("--drain-timeout", options.drain_timeout, "How long SIGTERM waits for running requests, seconds");
}

}  // namespace

void AddServe(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "serve",
      "Serve a model over the OpenAI API.\n\n"
      "The server listens at once; GET /health is 503 while the model loads and 200 when it is ready.\n"
      "SIGTERM or Ctrl-C: new requests get 503, running ones finish, then it ends with status 0.\n\n"
      "  strata serve smollm2 --port 8000\n"
      "  curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\\n"
      "    -d '{\"model\": \"smollm2\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'\n\n"
      "docs/api.md lists endpoints, fields and metrics.");
  auto options = std::make_shared<ServeOptions>();
  command->add_option("model", options->model, "A GGUF file, a Hugging Face folder, or a name of `strata model ls`")
      ->required();
  AddModelOptions(*command, *options);
  AddNetworkOptions(*command, *options);
  AddAccessOptions(*command, *options);
  AddKnowledgeOptions(*command, *options);
  AddMcpOptions(*command, *options);
  AddLimitOptions(*command, *options);
  AddSchedulingOptions(*command, options->load.scheduler);
  AddLoadOptions(*command, options->load);
  AddEmbeddingOptions(*command, options->load, "as --activations");
  command->callback([options, &action] { action = [options] { return Serve(*options); }; });
}

}  // namespace strata::cli
