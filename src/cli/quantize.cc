// `strata quantize`: a smaller model of a model.
#include "quantize/quantize.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/mapped_file.h"
#include "cli/bench_engine.h"
#include "cli/commands.h"
#include "cli/progress.h"
#include "cli/session.h"

namespace strata::cli {
namespace {

struct QuantizeOptions {
  std::string in, out, scheme, calibration, evaluate;
  std::int64_t tokens = 32'768;
  std::int64_t window = 512;
  std::optional<double> max_loss;
  int threads = 0;
  bool json = false;
};

Result<quantize::Report> QuantizeWithBar(const std::string& in, const std::string& out, quantize::Options job) {
  ProgressBar bar;
  job.progress = [&bar](double fraction, std::string_view stage) { bar.Update(fraction, stage); };
  return quantize::Quantize(in, out, job);
}

/// Of the text in --evaluate, as `strata bench --perplexity` has it.
Result<double> Perplexity(const QuantizeOptions& options, const std::string& path) {
  STRATA_TRY(const Session session, OpenSession(path));
  STRATA_TRY(const std::string text, ReadFile(options.evaluate));
  LoadOptions load;
  load.threads = options.threads;
  load.max_sequences = 1;
  load.max_context = options.window;
  STRATA_TRY(const auto runner, LoadRunner(session, load));
  return MeasurePerplexity(*runner, *session.tokenizer, text, options.window);
}

struct Quality {
  double before, after;
};

void PrintReport(const quantize::Report& report, const std::optional<Quality>& quality) {
  fmt::print("{:<32} {:<11} {:>6} {:>9} {:>11} {}\n", "tensor", "rounded", "bits", "error", "loss", "inputs");
  for (const quantize::TensorReport& tensor : report.tensors) {
    fmt::print("{:<32} {:<11} {:>6.2f} {:>7.2f} % {:>11.6f} {}\n", tensor.name, tensor.method, tensor.bits,
               100 * tensor.error, tensor.loss, tensor.rounds_inputs ? "rounded" : "");
  }
  const double mega = 1e6;
  fmt::print("{:.1f} MB -> {:.1f} MB\n", static_cast<double>(report.bytes_before) / mega,
             static_cast<double>(report.bytes_after) / mega);
  if (quality) {
    fmt::print("perplexity {:.3f} -> {:.3f} ({:+.2f} %)\n", quality->before, quality->after,
               100 * (quality->after / quality->before - 1));
  }
}

void PrintJson(const quantize::Report& report, const std::optional<Quality>& quality) {
  nlohmann::ordered_json json = {{"bytes_before", report.bytes_before}, {"bytes_after", report.bytes_after}};
  if (quality) json["perplexity"] = {{"before", quality->before}, {"after", quality->after}};
  for (const quantize::TensorReport& tensor : report.tensors) {
    json["tensors"].push_back({{"name", tensor.name},
                               {"method", tensor.method},
                               {"bits", tensor.bits},
                               {"error", tensor.error},
                               {"rounds_inputs", tensor.rounds_inputs},
                               {"loss", tensor.loss}});
  }
  fmt::print("{}\n", json.dump(2));
}

Status RunQuantize(const QuantizeOptions& options) {
  STRATA_TRY(const std::string in, ResolveModel(options.in));
  quantize::Options job;
  STRATA_TRY(job.scheme, quantize::ParseScheme(options.scheme));
  job.window = options.window;
  job.max_loss = options.max_loss;
  job.threads = options.threads;
  STRATA_TRY(const Session session, OpenSession(in));
  STRATA_TRY(const std::string text, ReadFile(options.calibration));
  job.calibration = session.tokenizer->Encode(text);
  job.calibration.resize(std::min(job.calibration.size(), static_cast<std::size_t>(options.tokens)));
  STRATA_TRY(const quantize::Report report, QuantizeWithBar(in, options.out, std::move(job)));
  std::optional<Quality> quality;
  if (!options.evaluate.empty()) {
    STRATA_TRY(const double before, Perplexity(options, in));
    STRATA_TRY(const double after, Perplexity(options, options.out));
    quality = {before, after};
  }
  options.json ? PrintJson(report, quality) : PrintReport(report, quality);
  return {};
}

}  // namespace

void AddQuantize(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("quantize", "Make a smaller model of a model");
  auto options = std::make_shared<QuantizeOptions>();
  command->add_option("in", options->in, "Model file, folder or name")->required();
  command->add_option("out", options->out, "What is written: a folder, or a GGUF file for GGUF's types")->required();
  command
      ->add_option(
          "--scheme", options->scheme,
          "fp8, w8a8, w8a16, w4a16 (-gN: groups of N inputs, -asym: with zero points), or a GGUF type: q8_0, q6_k, "
          "q5_k, q5_1, q5_0, q4_k, q4_1, q4_0")
      ->required();
  command->add_option("--calibration", options->calibration, "Text like what the model will read")
      ->required()
      ->check(CLI::ExistingFile);
  command->add_option("--calibration-tokens", options->tokens, "Of it, at most")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--window", options->window, "Tokens that are read as one text")
      ->check(CLI::Range(16, 1 << 20))
      ->capture_default_str();
  command
      ->add_option(
          "--max-loss", options->max_loss,
          fmt::format("What rounding may cost, nats a token: inputs that cost most stay as they are (w8a8, {} by "
                      "default), such weights become 8 bits (w4a16, {}); inf = all are rounded",
                      quantize::kMaxInputLoss, quantize::kMaxWeightLoss))
      ->check(CLI::Range(0.0, std::numeric_limits<double>::infinity()));
  command->add_option("--evaluate", options->evaluate, "Also the perplexity of this text, before and after")
      ->check(CLI::ExistingFile);
  command->add_option("--threads", options->threads, "Compute threads (default: every CPU this process may use)")
      ->check(CLI::Range(0, 1024));
  command->add_flag("--json", options->json, "The report as JSON");
  command->callback([options, &action] { action = [options] { return RunQuantize(*options); }; });
}

}  // namespace strata::cli
