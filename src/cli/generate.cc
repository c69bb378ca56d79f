// `strata run` and `strata chat`: an answer on the terminal, streamed.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/clock.h"
#include "cli/commands.h"
#include "cli/session.h"

namespace strata::cli {
namespace {

struct GenerateOptions {
  std::string model;
  std::string prompt;
  std::string system;
  bool raw = false;
  bool stats = false;
  SamplingParams sampling;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature, top_p, min_p, repetition_penalty;
  std::optional<std::int64_t> top_k;
  LoadOptions load;
};

void AddSamplingOptions(CLI::App& app, GenerateOptions& options) {
  app.add_option("--max-tokens", options.max_tokens, "Longest answer, tokens (default: what the context leaves)");
  app.add_option("--temperature", options.temperature, "0 = always the likeliest token (default: the model's, else 1)");
  app.add_option("--top-k", options.top_k, "Only the k likeliest tokens");
  app.add_option("--top-p", options.top_p, "Only the likeliest tokens that make up this probability");
  app.add_option("--min-p", options.min_p, "Only tokens at least this likely relative to the likeliest");
  app.add_option("--repetition-penalty", options.repetition_penalty, "Above 1: discourages tokens already present");
  app.add_option("--seed", options.sampling.seed, "The same seed gives the same answer");
  app.add_option("--system", options.system, "System message");
}

/// The user's choice, else the publisher's (generation_config.json), else the neutral value.
SamplingParams Sampling(const GenerateOptions& options, const Session& session, std::size_t prompt_tokens,
                        std::int64_t context) {
  SamplingParams sampling = options.sampling;
  const GenerationDefaults& defaults = session.file->generation_defaults();
  const auto choose = [](auto& target, const auto& user, const auto& published) {
    if (user) {
      target = *user;
    } else if (published) {
      target = *published;
    }
  };
  choose(sampling.temperature, options.temperature, defaults.temperature);
  choose(sampling.top_k, options.top_k, defaults.top_k);
  choose(sampling.top_p, options.top_p, defaults.top_p);
  choose(sampling.min_p, options.min_p, defaults.min_p);
  choose(sampling.repetition_penalty, options.repetition_penalty, defaults.repetition_penalty);
  sampling.max_tokens = options.max_tokens.value_or(context - static_cast<std::int64_t>(prompt_tokens));
  return sampling;
}

void WriteText(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

Status Answer(Engine& engine, const Session& session, const GenerateOptions& options, std::vector<TokenId> prompt,
              const std::function<void(std::string_view)>& on_text) {
  const SamplingParams sampling = Sampling(options, session, prompt.size(), engine.runner().options().max_context);
  const std::size_t prompt_tokens = prompt.size();
  const double begin = MonotonicSeconds();
  double first = 0;
  STRATA_TRY(const std::int64_t tokens, Generate(engine, std::move(prompt), sampling, [&](std::string_view text) {
               if (first == 0) first = MonotonicSeconds();
               on_text(text);
             }));
  if (options.stats) {
    const double end = MonotonicSeconds();
    std::fprintf(stderr, "\n%zu prompt tokens, first token after %.3f s; %lld tokens, %.1f a second\n", prompt_tokens,
                 first - begin, static_cast<long long>(tokens), static_cast<double>(tokens - 1) / (end - first));
  }
  return {};
}

Status Run(const GenerateOptions& options) {
  std::string prompt = options.prompt;
  if (prompt == "-") prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  STRATA_TRY(const Session session, OpenSession(path));
  LoadOptions load = options.load;
  load.max_sequences = 1;
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, load));
  std::vector<TokenId> ids;
  if (options.raw) {
    ids = session.tokenizer->Encode(prompt);
  } else {
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
    messages.push_back({{"role", "user"}, {"content", prompt}});
    STRATA_TRY(ids, EncodeChat(session, messages));
  }
  InstallStopSignals();
  STRATA_CHECK(Answer(*engine, session, options, std::move(ids), WriteText));
  WriteText("\n");
  return {};
}

Status Chat(const GenerateOptions& options) {
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  STRATA_TRY(const Session session, OpenSession(path));
  LoadOptions load = options.load;
  load.max_sequences = 1;
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, load));
  InstallStopSignals();

  const auto fresh = [&] {
    nlohmann::ordered_json messages = nlohmann::ordered_json::array();
    if (!options.system.empty()) messages.push_back({{"role", "system"}, {"content", options.system}});
    return messages;
  };
  nlohmann::ordered_json messages = fresh();
  const bool terminal = ::isatty(STDIN_FILENO) == 1;
  if (terminal)
    WriteText(
        "Type a message; /clear forgets the conversation, /exit ends (so does Ctrl-D), Ctrl-C stops an answer.\n");
  for (std::string line;;) {
    if (terminal) WriteText("\n> ");
    if (!std::getline(std::cin, line)) {
      if (!StopRequested()) break;  // end of input
      ClearStop();                  // Ctrl-C at the prompt
      std::cin.clear();
      continue;
    }
    if (line.empty()) continue;
    if (line == "/exit") break;
    if (line == "/clear") {
      messages = fresh();
      continue;
    }
    messages.push_back({{"role", "user"}, {"content", line}});
    STRATA_TRY(std::vector<TokenId> prompt, EncodeChat(session, messages));
    std::string answer;
    const Status status = Answer(*engine, session, options, std::move(prompt), [&](std::string_view text) {
      WriteText(text);
      answer += text;
    });
    WriteText("\n");
    ClearStop();
    if (status) {
      messages.push_back({{"role", "assistant"}, {"content", answer}});
    } else {
      std::fprintf(stderr, "%s\n", status.error().ToString().c_str());
      messages.erase(messages.size() - 1);
    }
  }
  return {};
}

}  // namespace

void AddRun(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("run", "Answer one prompt on the terminal");
  auto options = std::make_shared<GenerateOptions>();
  command->add_option("model", options->model, "A GGUF file, a Hugging Face folder, or a name of `strata model ls`")
      ->required();
  command->add_option("prompt", options->prompt, "The user's message; - reads it from standard input")->required();
  command->add_flag("--raw", options->raw, "Complete the text as it is, without the chat template");
  command->add_flag("--stats", options->stats, "Print times to stderr");
  AddSamplingOptions(*command, *options);
  AddLoadOptions(*command, options->load);
  command->callback([options, &action] { action = [options] { return Run(*options); }; });
}

void AddChat(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("chat", "Talk with a model in the terminal");
  auto options = std::make_shared<GenerateOptions>();
  command->add_option("model", options->model, "A GGUF file, a Hugging Face folder, or a name of `strata model ls`")
      ->required();
  command->add_flag("--stats", options->stats, "Print times to stderr after each answer");
  AddSamplingOptions(*command, *options);
  AddLoadOptions(*command, options->load);
  command->callback([options, &action] { action = [options] { return Chat(*options); }; });
}

}  // namespace strata::cli
