// `strata bench grammar`: what masks cost, and whether the right texts pass, over schemas with valid and invalid
// instances. Times as MaskBench defines them (guidance-ai/jsonschemabench): a mask's is the mask and taking one token,
// the first mask's includes compilation.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/tokenizer_file.h"
#include "grammar/grammar.h"
#include "grammar/vocabulary.h"

namespace strata::cli {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct GrammarBenchOptions {
  std::string tokenizer;
  std::string cases;
  std::string out;
  bool any_order = false;
};

double MicrosecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

double Percentile(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

Json Summary(std::vector<double> times) {
  std::ranges::sort(times);
  const double sum = std::accumulate(times.begin(), times.end(), 0.0);
  return {{"avg", times.empty() ? 0 : sum / static_cast<double>(times.size())},
          {"p50", Percentile(times, 0.5)},
          {"p90", Percentile(times, 0.9)},
          {"p99", Percentile(times, 0.99)},
          {"max", times.empty() ? 0 : times.back()},
          {"n", times.size()}};
}

class GrammarBench {
 public:
  GrammarBench(const GrammarBenchOptions& options, const Tokenizer& tokenizer, TokenId end)
      : options_(options),
        tokenizer_(tokenizer),
        end_(end),
        vocabulary_(std::make_shared<const grammar::Vocabulary>(tokenizer, std::vector<TokenId>{end})),
        mask_(vocabulary_->mask_words()) {}

  Json RunCase(const Json& test_case) {
    Json result = {{"id", test_case.at("id")}, {"compile_us", nullptr}, {"error", nullptr}, {"tests", Json::array()}};
    Verdict verdict;
    const Json no_tests = Json::array({{{"data_text", ""}, {"valid", nullptr}}});
    const Json& tests = test_case.at("tests").empty() ? no_tests : test_case.at("tests");
    for (const Json& test : tests) {
      const Clock::time_point begin = Clock::now();
      auto compiled = grammar::Grammar::Compile(
          vocabulary_, {grammar::JsonFormat{test_case.at("schema"),
                                            {.key_order = options_.any_order ? grammar::KeyOrder::kAny
                                                                             : grammar::KeyOrder::kDeclared}}});
      const double compile_us = MicrosecondsSince(begin);
      if (result["compile_us"].is_null()) {
        result["compile_us"] = compile_us;
        compile_us_.push_back(compile_us);
      }
      if (!compiled) {
        result["error"] = compiled.error().ToString();
        verdict.error = true;
        break;
      }
      grammar::Matcher matcher(std::move(*compiled));
      const Json measured = RunTest(matcher, test.at("data_text").get<std::string>(), begin);
      if (test.at("valid").is_null()) break;
      const bool accepted = measured.at("accepted").get<bool>(), valid = test.at("valid").get<bool>();
      verdict.invalid_accepted |= accepted && !valid;
      verdict.valid_rejected |= !accepted && valid;
      result["tests"].push_back(measured);
    }
    verdicts_.push_back(verdict);
    return result;
  }

  Json Totals() const {
    const auto count = [&](auto member) {
      return std::ranges::count_if(verdicts_, [&](const Verdict& v) { return v.*member; });
    };
    const auto passed = std::ranges::count_if(
        verdicts_, [](const Verdict& v) { return !v.error && !v.invalid_accepted && !v.valid_rejected; });
    return {{"engine", "strata"},
            {"schemas", verdicts_.size()},
            {"pass", passed},
            {"invalid_accepted", count(&Verdict::invalid_accepted)},
            {"valid_rejected", count(&Verdict::valid_rejected)},
            {"errors", count(&Verdict::error)},
            {"mask_us", Summary(mask_us_)},
            {"compile_us", Summary(compile_us_)},
            {"ttfm_us", Summary(first_us_)}};
  }

 private:
  struct Verdict {
    bool error = false;
    bool invalid_accepted = false;
    bool valid_rejected = false;
  };

  Json RunTest(grammar::Matcher& matcher, const std::string& text, Clock::time_point begin) {
    std::vector<TokenId> tokens = tokenizer_.Encode(text, {.add_special_tokens = false, .parse_special = false});
    tokens.push_back(end_);
    std::vector<double> times;
    Json first_us;
    bool accepted = true;
    for (const TokenId token : tokens) {
      const Clock::time_point before = Clock::now();
      accepted = matcher.FillMask(mask_).has_value() && grammar::HasBit(mask_, token);
      if (accepted) accepted = matcher.Accept(token).has_value();
      times.push_back(MicrosecondsSince(before));
      if (first_us.is_null()) {
        first_us_.push_back(MicrosecondsSince(begin));
        first_us = first_us_.back();
      }
      if (!accepted) break;
    }
    mask_us_.insert(mask_us_.end(), times.begin(), times.end());
    return {{"accepted", accepted}, {"ttfm_us", first_us}, {"mask_us", Summary(std::move(times))}};
  }

  const GrammarBenchOptions& options_;
  const Tokenizer& tokenizer_;
  TokenId end_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
  std::vector<std::uint32_t> mask_;
  std::vector<Verdict> verdicts_;
  std::vector<double> mask_us_, compile_us_, first_us_;
};

Status BenchGrammar(const GrammarBenchOptions& options) {
  STRATA_TRY(const TokenizerFile file, LoadTokenizerFile(options.tokenizer));
  GrammarBench bench(options, *file.tokenizer, file.end);
  std::ifstream cases(options.cases);
  if (!cases) return Fail(ErrorCode::kIo, "{} cannot be read", options.cases);
  std::ofstream out(options.out);
  if (!out) return Fail(ErrorCode::kIo, "{} cannot be written", options.out);
  std::int64_t line_number = 0;
  for (std::string line; std::getline(cases, line);) {
    ++line_number;
    if (line.empty()) continue;
    const Json test_case = Json::parse(line, nullptr, false);
    if (!test_case.is_object() || !test_case.contains("id") || !test_case.contains("schema") ||
        !test_case.contains("tests")) {
      return Fail(ErrorCode::kInvalidArgument, "{}:{}: not a case: {{\"id\", \"schema\", \"tests\"}}", options.cases,
                  line_number);
    }
    out << bench.RunCase(test_case).dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
  }
  fmt::print("{}\n", bench.Totals().dump());
  return {};
}

}  // namespace

void AddBenchGrammar(CLI::App& bench, Action& action) {
  CLI::App* app = bench.add_subcommand("grammar", "masks of JSON Schemas: what passes, and what it costs");
  auto options = std::make_shared<GrammarBenchOptions>();
  app->add_option("--tokenizer", options->tokenizer, "tokenizer.json")->required()->check(CLI::ExistingFile);
  app->add_option("--cases", options->cases, R"(JSON lines: {"id","schema","tests":[{"data_text","valid"}]})")
      ->required()
      ->check(CLI::ExistingFile);
  app->add_option("--out", options->out, "results, a JSON line a case")->required();
  app->add_flag("--any-order", options->any_order, "properties in any order, not the schema's");
  app->callback([options, &action] { action = [options] { return BenchGrammar(*options); }; });
}

}  // namespace strata::cli
