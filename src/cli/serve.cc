// `strata serve`: the OpenAI-compatible server.
#include <memory>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "base/mapped_file.h"
#include "cli/commands.h"
#include "cli/served_model.h"
#include "cli/session.h"
#include "serve/server.h"

namespace strata::cli {
namespace {

struct ServeOptions {
  std::string model;
  serve::ServerOptions server;
  std::string api_key_file;
  std::string port_file;
  int request_timeout_seconds = 600;
  int drain_timeout_seconds = 30;
  LoadOptions load;
};

Status Serve(ServeOptions options) {
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  if (!options.api_key_file.empty()) {
    STRATA_TRY(const std::string text, ReadFile(options.api_key_file));
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      if (end > begin) options.server.api_keys.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  if (options.server.model_name.empty()) options.server.model_name = options.model;
  options.server.request_timeout = std::chrono::seconds(options.request_timeout_seconds);
  options.server.drain_timeout = std::chrono::seconds(options.drain_timeout_seconds);
  InstallStopSignals();
  STRATA_TRY(const std::unique_ptr<serve::Server> server, serve::Server::Start(options.server));
  if (!options.port_file.empty())
    STRATA_CHECK(WriteFileAtomically(options.port_file, fmt::format("{}\n", server->port())));
  LogInfo("listening on http://{}:{}, loading {}", options.server.host, server->port(), path);
  STRATA_CHECK(LoadInto(*server, path, options.load));
  LogInfo("ready: model {}", options.server.model_name);
  // A handler may only set a flag, so somebody has to look at it; ten times a second is soon enough to end.
  while (!StopRequested()) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  LogInfo("draining: no new requests; waiting up to {} s for those that run", options.drain_timeout_seconds);
  server->Drain();
  return {};
}

}  // namespace

void AddServe(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("serve", "Serve a model over the OpenAI API");
  auto options = std::make_shared<ServeOptions>();
  command->add_option("model", options->model, "A GGUF file, a Hugging Face folder, or a name of `strata model ls`")
      ->required();
  command->add_option("--host", options->server.host, "Address to listen on")->capture_default_str();
  command->add_option("--port", options->server.port, "Port; 0 takes a free one")->capture_default_str();
  command->add_option("--port-file", options->port_file, "Write the port to this file once it is bound");
  command->add_option("--model-name", options->server.model_name, "The id that clients name (default: MODEL as given)");
  command->add_option("--model-alias", options->server.model_aliases, "Further ids for the same model");
  command->add_option("--api-key", options->server.api_keys,
                      "Accept only requests with one of these keys (Authorization: Bearer)");
  command->add_option("--api-key-file", options->api_key_file, "The same, one key a line");
  command->add_option("--allowed-origin", options->server.allowed_origins,
                      "CORS: origins that browsers may call from (* = any)");
  command->add_option("--max-body-bytes", options->server.max_body_bytes, "Largest request body")
      ->capture_default_str();
  command->add_option("--request-timeout", options->request_timeout_seconds, "Longest request, seconds")
      ->capture_default_str();
  command
      ->add_option("--drain-timeout", options->drain_timeout_seconds,
                   "How long SIGTERM waits for running requests, seconds")
      ->capture_default_str();
  AddLoadOptions(*command, options->load);
  command->callback([options, &action] { action = [options] { return Serve(*options); }; });
}

}  // namespace strata::cli
