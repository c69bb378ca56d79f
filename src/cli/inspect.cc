// `strata tokenize`, `strata graph`, `strata doctor`: look inside.
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "base/cpu_features.h"
#include "base/memory_limit.h"
#include "base/thread_team.h"
#include "cli/commands.h"
#include "cli/explain.h"
#include "cli/session.h"
#include "host/peaks.h"

namespace strata::cli {
namespace {

Status Tokenize(const std::string& model, std::string text, bool ids_only, bool no_special) {
  if (text == "-") text.assign(std::istreambuf_iterator<char>(std::cin), {});
  STRATA_TRY(const std::string path, ResolveModel(model));
  STRATA_TRY(const std::unique_ptr<ModelFile> file, ModelFile::Open(path));
  STRATA_TRY(const std::unique_ptr<Tokenizer> tokenizer, file->LoadTokenizer());
  for (const TokenId id : tokenizer->Encode(text, {.add_special_tokens = !no_special, .parse_special = true})) {
    if (ids_only) {
      fmt::print("{}\n", id);
    } else {
      fmt::print("{:>8}  {}\n", id, tokenizer->TokenText(id));
    }
  }
  return {};
}

Status ShowGraph(const std::string& model, const std::string& stage, bool explain, const LoadOptions& load) {
  STRATA_TRY(const std::string path, ResolveModel(model));
  STRATA_TRY(const Session session, OpenSession(path));
  STRATA_TRY(const std::unique_ptr<ModelRunner> runner, LoadRunner(session, load));
  STRATA_TRY(const std::string text, runner->Describe(stage));
  fmt::print("{}", text);
  if (explain) {
    for (const graph::PassNote& note : runner->pass_notes()) {
      fmt::print("{} {:<20} {:<24} {}\n", note.applied ? "+" : "-", note.pass, note.node, note.reason);
    }
    STRATA_TRY(const std::string operations, ExplainOperations(*runner));
    fmt::print("{}", operations);
  }
  return {};
}

/// Measured, with as many threads as a model would get.
Status ShowPeaks(int threads) {
  ThreadTeam team(threads > 0 ? threads : AvailableCpus());
  const host::Peaks peaks = host::MeasurePeaks(team);
  const auto giga = [](double value) { return value > 0 ? fmt::format("{:.0f}", value * 1e-9) : std::string("-"); };
  fmt::print("peaks       int8 {} GOPS ({}), bf16 {} GFLOPS, f32 {} GFLOPS, {} threads; barrier {:.2f} us\n",
             giga(peaks.int8_ops), peaks.int8_instruction.empty() ? "no instruction" : peaks.int8_instruction,
             giga(peaks.bf16_ops), giga(peaks.f32_ops), peaks.threads, peaks.barrier_seconds * 1e6);
  std::string reads;
  for (const std::size_t bytes :
       {std::size_t{1} << 20, std::size_t{16} << 20, std::size_t{96} << 20, host::DramFootprint()}) {
    STRATA_TRY(const double bandwidth, host::MeasureReadBandwidth(team, bytes));
    reads += fmt::format("{}{} MiB at {:.0f} GB/s", reads.empty() ? "" : ", ", bytes >> 20, bandwidth * 1e-9);
  }
  fmt::print("reading     {}\n", reads);
  return {};
}

Status Doctor(const std::string& model, bool peaks, const LoadOptions& load) {
  const MemoryLimit memory = ReadMemoryLimit();
  fmt::print("processor   {}, {} usable CPUs of {}\n", Cpu().ToString(), AvailableCpus(),
             std::thread::hardware_concurrency());
  fmt::print("memory      {:.1f} GiB, {:.1f} GiB available (limit: {})\n",
             static_cast<double>(memory.total_bytes) / (1 << 30),
             static_cast<double>(memory.available_bytes) / (1 << 30), memory.source);
  fmt::print("cache       {}\n", CacheDirectory());
  if (peaks) STRATA_CHECK(ShowPeaks(load.threads));
  if (model.empty()) return {};
  STRATA_TRY(const std::string path, ResolveModel(model));
  STRATA_TRY(const Session session, OpenSession(path));
  STRATA_TRY(const std::unique_ptr<ModelRunner> runner, LoadRunner(session, load));
  const ModelRunner::MemoryUse use = runner->memory();
  constexpr double kMiB = 1 << 20;
  fmt::print("model       {}\n", path);
  fmt::print("in memory   packed weights {:.1f} MiB, arena {:.1f} MiB, KV cache up to {:.1f} MiB ({} blocks)\n",
             static_cast<double>(use.packed_weights) / kMiB, static_cast<double>(use.arena) / kMiB,
             static_cast<double>(use.kv) / kMiB, runner->kv().blocks());
  fmt::print("kernels\n");
  for (const kernels::Choice& choice : runner->kernel_choices()) {
    fmt::print("  {} {:<32} {}\n", choice.taken ? "+" : "-", choice.kernel, choice.reason);
  }
  return {};
}

}  // namespace

void AddTokenize(CLI::App& app, Action& action) {
  struct Options {
    std::string model, text;
    bool ids = false, no_special = false;
  };
  CLI::App* command = app.add_subcommand("tokenize", "Show the tokens of a text");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model file, folder or name")->required();
  command->add_option("text", options->text, "The text; - reads it from standard input")->required();
  command->add_flag("--ids", options->ids, "Print ids only");
  command->add_flag("--no-special", options->no_special, "Do not add BOS, EOS and the like");
  command->callback([options, &action] {
    action = [options] { return Tokenize(options->model, options->text, options->ids, options->no_special); };
  });
}

void AddGraph(CLI::App& app, Action& action) {
  struct Options {
    std::string model, stage = "final";
    bool explain = false;
    LoadOptions load;
  };
  CLI::App* command = app.add_subcommand("graph", "Print the model's graph at a stage of compilation");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model file, folder or name")->required();
  command
      ->add_option("--stage", options->stage,
                   "model (as built), a pass's name (after it), final, or plan (what the executor runs)")
      ->capture_default_str();
  command->add_flag(
      "--explain", options->explain,
      "Also print what was fused (+), what was not (-), and why; what every operation of the model became, and "
      "what that takes against the roofline (runs some steps)");
  AddLoadOptions(*command, options->load);
  command->callback([options, &action] {
    action = [options] { return ShowGraph(options->model, options->stage, options->explain, options->load); };
  });
}

void AddDoctor(CLI::App& app, Action& action) {
  struct Options {
    std::string model;
    bool peaks = false;
    LoadOptions load;
  };
  CLI::App* command = app.add_subcommand("doctor", "What this machine offers, and which kernels a model gets and why");
  auto options = std::make_shared<Options>();
  command->add_option("model", options->model, "Model file, folder or name");
  command->add_flag("--peaks", options->peaks,
                    "Also measure the arithmetic peaks, the memory and the barrier (half a second)");
  AddLoadOptions(*command, options->load);
  command->callback(
      [options, &action] { action = [options] { return Doctor(options->model, options->peaks, options->load); }; });
}

}  // namespace strata::cli
