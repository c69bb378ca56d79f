// `strata bench`: prefill, decode, batched decode, HTTP streaming and perplexity of a model on this machine.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/cpu_features.h"
#include "base/mapped_file.h"
#include "cli/bench_constrained.h"
#include "cli/bench_copy.h"
#include "cli/bench_engine.h"
#include "cli/bench_http.h"
#include "cli/commands.h"
#include "cli/replay.h"
#include "cli/served_model.h"
#include "cli/session.h"

namespace strata::cli {
namespace {

struct BenchOptions {
  std::string model;
  std::vector<std::int64_t> prefill = {512, 2048};
  std::vector<std::int64_t> texts = {32, 128, 512};
  std::vector<std::int64_t> streams = {1, 8, 32, 64};
  std::int64_t prompt = 64;
  std::int64_t tokens = 128;
  std::string perplexity_file;
  std::int64_t perplexity_context = 512;
  std::vector<std::int64_t> http;
  bool copy = false;
  std::int64_t copy_tokens = 256;
  std::int64_t mixed = 0;
  bool constrained = false;
  int repetitions = 3;
  bool json = false;
  bool sized = false;  ///< whether --max-sequences is given
  LoadOptions load;

  /// Of an engine for so many streams: unless it was said how many sequences are to run at once, which decides how
  /// linears round (kernels::BestActivations), these are.
  LoadOptions LoadFor(std::int64_t count) const {
    LoadOptions sized_load = load;
    sized_load.max_sequences = sized ? std::max(load.max_sequences, count) : count;
    return sized_load;
  }
};

void PrintTable(const std::vector<Measurement>& rows) {
  fmt::print("{:<28} {:>10} {:>10} {:>10}  {:<5}  {}\n", "measure", "median", "min", "max", "unit", "of the limit");
  for (const Measurement& row : rows) {
    const auto [low, high] = std::minmax_element(row.values.begin(), row.values.end());
    fmt::print("{:<28} {:>10.2f} {:>10.2f} {:>10.2f}  {:<5}", row.name, row.Median(), *low, *high, row.unit);
    if (row.limit) {
      fmt::print("  {:.0f} % of {:.0f} by {}", 100 * row.Median() / row.limit->tokens_per_second,
                 row.limit->tokens_per_second, NameOf(row.limit->by));
    }
    fmt::print("\n");
  }
}

void PrintJson(const BenchOptions& options, std::int64_t threads, const std::vector<Measurement>& rows) {
  nlohmann::ordered_json out = {{"model", options.model}, {"cpu", Cpu().ToString()}, {"threads", threads}};
  for (const Measurement& row : rows) {
    auto& result = out["results"].emplace_back(nlohmann::ordered_json{
        {"name", row.name}, {"unit", row.unit}, {"median", row.Median()}, {"values", row.values}});
    if (!row.limit) continue;
    result["limit"] = row.limit->tokens_per_second;
    result["limit_by"] = NameOf(row.limit->by);
  }
  fmt::print("{}\n", out.dump(2));
}

/// Runs `measure` once to warm up and then as often as the user wants. limit(StepLimits&) is measured before each of
/// these, as the machine's bandwidth is not the same in every minute; the row has the median.
template <class LimitOf, class Measure>
Status Repeat(const BenchOptions& options, const ModelRunner& runner, std::vector<Measurement>& rows, std::string name,
              LimitOf&& limit, Measure&& measure) {
  if (!options.json) fmt::print(stderr, "{} ...\n", name);
  Measurement row{std::move(name), "tok/s", {}, {}};
  STRATA_CHECK(measure(), "in {}", row.name);
  std::vector<double> limits;
  for (int i = 0; i < options.repetitions; ++i) {
    StepLimits now(runner);
    STRATA_TRY(row.limit, limit(now));
    limits.push_back(row.limit->tokens_per_second);
    STRATA_TRY(row.values.emplace_back(), measure(), "in {}", row.name);
  }
  row.limit->tokens_per_second = MedianOf(std::move(limits));
  rows.push_back(std::move(row));
  return {};
}

/// Clients that stream from a server in this process: throughput, and percentiles of the times to and between tokens.
/// `limits`: of options.http.
Status BenchHttp(const BenchOptions& options, const std::string& path, const LoadOptions& load,
                 const std::vector<Limit>& limits, std::vector<Measurement>& rows) {
  serve::ServerOptions server_options;
  server_options.port = 0;
  server_options.model_name = "bench";
  STRATA_TRY(const std::unique_ptr<serve::Server> server, serve::Server::Start(server_options));
  STRATA_CHECK(LoadInto(*server, {.path = path, .names = {server_options.model_name}}, load));
  for (std::size_t place = 0; place < options.http.size(); ++place) {
    const std::int64_t clients = options.http[place];
    if (!options.json) fmt::print(stderr, "http {} clients ...\n", clients);
    const auto name = [&](const char* what) { return fmt::format("http {} {}", clients, what); };
    Measurement speed{name("clients"), "tok/s", {}, limits[place]};
    std::vector<Measurement> latencies;
    for (const char* what : {"ttft p50", "ttft p99", "itl p50", "itl p99"}) latencies.push_back({name(what), "ms", {}});
    for (int i = -1; i < options.repetitions; ++i) {
      STRATA_TRY(const HttpLoad measured, MeasureHttp(server->port(), "bench", clients, options.tokens));
      if (i < 0) continue;  // the warm-up
      speed.values.push_back(measured.tokens_per_second);
      const Percentiles first = PercentilesOf(measured.first_token_ms), between = PercentilesOf(measured.between_ms);
      latencies[0].values.push_back(first.p50);
      latencies[1].values.push_back(first.p99);
      if (measured.between_ms.empty()) continue;
      latencies[2].values.push_back(between.p50);
      latencies[3].values.push_back(between.p99);
    }
    rows.push_back(std::move(speed));
    for (Measurement& row : latencies) {
      if (!row.values.empty()) rows.push_back(std::move(row));
    }
  }
  return {};
}

/// An answer that repeats its prompt, decoded with drafts and without. `limit`: of one token a step.
Status BenchCopy(const BenchOptions& options, const Session& session, const LoadOptions& load, const Limit& limit,
                 std::vector<Measurement>& rows) {
  LoadOptions plain = load;
  plain.draft_tokens = 0;
  Measurement with{"copy, 1 stream, drafts", "tok/s", {}}, without{"copy, 1 stream, plain", "tok/s", {}, limit};
  Measurement accepted{"copy, drafts accepted", "share", {}};
  for (int i = 0; i < options.repetitions; ++i) {
    STRATA_TRY(const CopySpeed slow, MeasureCopy(session, plain, SomeRecords(), options.copy_tokens));
    STRATA_TRY(const CopySpeed fast, MeasureCopy(session, load, SomeRecords(), options.copy_tokens));
    without.values.push_back(slow.tokens_per_second);
    with.values.push_back(fast.tokens_per_second);
    accepted.values.push_back(fast.accepted);
  }
  rows.insert(rows.end(), {without, with, accepted});
  return {};
}

/// Streams held to a JSON Schema, and the same streams without: with the likeliest tokens, and with drawn ones.
Status BenchConstrained(const BenchOptions& options, const Session& session, const LoadOptions& load,
                        std::vector<Measurement>& rows) {
  LoadOptions fresh = load;
  fresh.no_prefix_cache = true;  // each repetition sends the same prompts
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, fresh));
  STRATA_TRY(const std::shared_ptr<grammar::Grammar> grammar, SomeJsonGrammar(session));
  for (const std::int64_t streams : options.streams) {
    for (const bool greedy : {false, true}) {
      const char* const sampling = greedy ? "greedy" : "sampled";
      if (!options.json) fmt::print(stderr, "constrained: {} streams, {} ...\n", streams, sampling);
      Measurement free{fmt::format("{} streams, {}, free", streams, sampling), "tok/s", {}};
      Measurement held{fmt::format("{} streams, {}, JSON", streams, sampling), "tok/s", {}};
      for (int i = -1; i < options.repetitions; ++i) {
        const DecodeLoad work = {.streams = streams, .tokens = options.tokens, .greedy = greedy};
        STRATA_TRY(const double without, MeasureStreams(*engine, work, nullptr));
        STRATA_TRY(const double with, MeasureStreams(*engine, work, grammar));
        if (i < 0) continue;  // the warm-up
        free.values.push_back(without);
        held.values.push_back(with);
      }
      rows.insert(rows.end(), {free, held});
    }
  }
  return {};
}

/// What streams feel when a long prompt comes: the gaps between their tokens meanwhile, and between the same without
/// it.
Status BenchMixed(const BenchOptions& options, const Session& session, const LoadOptions& load,
                  std::vector<Measurement>& rows) {
  LoadOptions plain = load;
  plain.draft_tokens = 0;        // streams of random tokens soon go round in circles, which real ones do not
  plain.no_prefix_cache = true;  // each repetition sends the same prompts
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, plain));
  for (const std::int64_t streams : options.streams) {
    if (!options.json) fmt::print(stderr, "mixed: {} streams, a prompt of {} ...\n", streams, options.mixed);
    const auto name = [&](const char* what) { return fmt::format("mixed {}+{} {}", streams, options.mixed, what); };
    std::vector<Measurement> latencies;
    for (const char* what : {"itl p50 without", "itl p99 without", "itl p50", "itl p99", "ttft", "ttft alone"}) {
      latencies.push_back({name(what), "ms", {}});
    }
    for (int i = 0; i < options.repetitions; ++i) {
      STRATA_TRY(const MixedLoad measured, MeasureMixed(*engine, streams, options.mixed));
      const Percentiles without = PercentilesOf(measured.without_ms), during = PercentilesOf(measured.during_ms);
      const double values[] = {without.p50,      without.p99, during.p50, during.p99, measured.first_token_ms,
                               measured.alone_ms};
      for (std::size_t k = 0; k < latencies.size(); ++k) latencies[k].values.push_back(values[k]);
    }
    for (Measurement& row : latencies) rows.push_back(std::move(row));
  }
  return {};
}

/// A model that embeds or scores.
Status BenchTexts(const BenchOptions& options, const Session& session) {
  if (!options.perplexity_file.empty() || !options.http.empty() || options.copy || options.constrained ||
      options.mixed > 0) {
    return Fail(ErrorCode::kUnsupported, "{} generates no text: of it only --texts are measured", session.file->path());
  }
  STRATA_TRY(const std::unique_ptr<ModelRunner> runner, LoadRunner(session, options.load));
  std::vector<Measurement> rows;
  for (const std::int64_t tokens : options.texts) {
    if (tokens > runner->options().max_context) continue;
    STRATA_CHECK(Repeat(
        options, *runner, rows, fmt::format("texts of {}", tokens),
        [&](StepLimits& limits) { return limits.Texts(TextsOfAStep(*runner, tokens), tokens); },
        [&] { return MeasureTexts(*runner, tokens); }));
  }
  options.json ? PrintJson(options, runner->options().threads, rows) : PrintTable(rows);
  return {};
}

Status Bench(const BenchOptions& options) {
  STRATA_TRY(const std::string path, ResolveModel(options.model));
  STRATA_TRY(const Session session, OpenSession(path));
  if (session.file->config().whole()) return BenchTexts(options, session);
  std::vector<Measurement> rows;
  LoadOptions load = options.load;
  for (const std::int64_t streams : options.streams) load.max_sequences = std::max(load.max_sequences, streams);
  std::unique_ptr<ModelRunner> runner;
  const auto use = [&](const LoadOptions& wanted) -> Status {
    if (runner != nullptr && runner->options().max_sequences == wanted.max_sequences) return {};
    runner.reset();  // there may be no room for two
    LoadOptions settled = wanted;
    settled.own_weights = true;  // as a server has them after a while
    STRATA_TRY(runner, LoadRunner(session, settled));
    runner->AwaitOwnWeights();
    return {};
  };
  STRATA_CHECK(use(load));
  const std::int64_t threads = runner->options().threads;
  for (const std::int64_t tokens : options.prefill) {
    STRATA_CHECK(Repeat(
        options, *runner, rows, fmt::format("prefill {}", tokens),
        [&](StepLimits& limits) { return limits.Prefill(tokens); }, [&] { return MeasurePrefill(*runner, tokens); }));
  }
  for (const std::int64_t streams : options.streams) {
    STRATA_CHECK(use(options.LoadFor(streams)));
    STRATA_CHECK(Repeat(
        options, *runner, rows, fmt::format("decode {} streams", streams),
        [&](StepLimits& limits) { return limits.Decode(streams, options.prompt, options.tokens); },
        [&] { return MeasureDecode(*runner, streams, options.prompt, options.tokens); }));
  }
  STRATA_CHECK(use(load));
  StepLimits limits(*runner);
  if (!options.perplexity_file.empty()) {
    STRATA_TRY(const std::string text, ReadFile(options.perplexity_file));
    Measurement row{fmt::format("perplexity {}", options.perplexity_context), "ppl", {}};
    STRATA_TRY(const double value, MeasurePerplexity(*runner, *session.tokenizer, text, options.perplexity_context));
    row.values = {value};
    rows.push_back(std::move(row));
  }
  const auto tokens_of = [&](const std::string& text) {
    return static_cast<std::int64_t>(session.tokenizer->Encode(text).size());
  };
  Limit copy_limit;
  if (options.copy) {
    STRATA_TRY(copy_limit, limits.Decode(1, tokens_of(SomeRecords()), options.copy_tokens));
  }
  std::vector<Limit> http_limits;
  for (const std::int64_t clients : options.http) {
    STRATA_TRY(const Limit limit, limits.Serve(clients, tokens_of(HttpPrompt(0)), options.tokens));
    http_limits.push_back(limit);
  }
  runner.reset();  // what follows loads its own
  if (options.copy) STRATA_CHECK(BenchCopy(options, session, options.LoadFor(1), copy_limit, rows));
  if (options.constrained) STRATA_CHECK(BenchConstrained(options, session, load, rows));
  if (options.mixed > 0) STRATA_CHECK(BenchMixed(options, session, load, rows));
  if (!options.http.empty()) {
    for (const std::int64_t clients : options.http) load.max_sequences = std::max(load.max_sequences, clients);
    STRATA_CHECK(BenchHttp(options, path, load, http_limits, rows));
  }
  options.json ? PrintJson(options, threads, rows) : PrintTable(rows);
  return {};
}

}  // namespace

void AddBench(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("bench", "Measure a model on this machine: prefill, decode, streams, perplexity");
  auto options = std::make_shared<BenchOptions>();
  command->add_option("model", options->model, "Model file, folder or name");
  command->add_option("--prefill", options->prefill, "Prompt lengths, comma separated")
      ->delimiter(',')
      ->capture_default_str();
  command
      ->add_option("--texts", options->texts,
                   "Of a model that embeds or scores: tokens of a text, in steps of many; without those that are too "
                   "long for it")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--streams", options->streams,
                   "Numbers of streams that decode together, each in an engine for so many unless --max-sequences says "
                   "otherwise")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--prompt", options->prompt, "Prompt tokens before decoding")->capture_default_str();
  command->add_option("--tokens", options->tokens, "Tokens to decode per stream")->capture_default_str();
  command->add_option("--perplexity", options->perplexity_file, "Also the perplexity of this text file");
  command->add_option("--perplexity-context", options->perplexity_context, "Window, tokens")->capture_default_str();
  command->add_option("--http", options->http, "Numbers of clients that stream over HTTP from a server in this process")
      ->delimiter(',')
      ->check(CLI::Range(1, 512));
  command->add_flag("--copy", options->copy, "Also an answer that repeats its prompt, with speculation and without");
  command->add_option("--copy-tokens", options->copy_tokens, "Its longest answer, tokens")->capture_default_str();
  command->add_flag("--constrained", options->constrained,
                    "Also streams whose answers are held to a JSON Schema, beside the same streams without");
  command
      ->add_option("--mixed", options->mixed,
                   "Also the gaps between the tokens of decoding streams while a prompt of so many tokens is computed, "
                   "and without it")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--repetitions", options->repetitions, "Repetitions of each measure, after one warm-up")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON instead of a table");
  AddLoadOptions(*command, options->load);
  AddBenchGrammar(*command, action);
  command->callback([command, options, &action] {
    if (!command->get_subcommands().empty()) return;
    if (options->model.empty()) throw CLI::RequiredError("model");
    options->sized = command->count("--max-sequences") > 0;
    action = [options] { return Bench(*options); };
  });
}

}  // namespace strata::cli
