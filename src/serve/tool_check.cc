#include "serve/tool_check.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <random>
#include <span>
#include <utility>

#include <malloc.h>

#include "grammar/grammar.h"
#include "grammar/json_schema/json_schema.h"
#include "serve/tool_list.h"

namespace strata::serve {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr int kWalks = 32;
constexpr int kMaxWalkTokens = 256;  // of one text: most calls are shorter

double MicrosecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

/// Of the main thread's heap: what is in use, and what is mapped apart.
std::int64_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return static_cast<std::int64_t>(info.uordblks + info.hblkhd);
}

Json SchemaOf(const tools::Tool& tool) {
  if (tool.parameters.is_null()) return {{"type", "object"}, {"additionalProperties", false}};
  return tool.parameters;
}

/// One of the mask's tokens, each as likely as another.
std::optional<TokenId> PickToken(std::span<const std::uint32_t> mask, std::mt19937_64& random) {
  std::uint64_t count = 0;
  for (const std::uint32_t word : mask) count += static_cast<std::uint64_t>(std::popcount(word));
  if (count == 0) return std::nullopt;
  std::uint64_t left = random() % count;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    const auto here = static_cast<std::uint64_t>(std::popcount(mask[i]));
    if (left >= here) {
      left -= here;
      continue;
    }
    std::uint32_t word = mask[i];
    for (; left > 0; --left) word &= word - 1;
    return static_cast<TokenId>(i * 32) + std::countr_zero(word);
  }
  return std::nullopt;
}

/// Drops the tokens with letters, as long as others are left: random words would fill the whole text, and what is worth
/// measuring is between them.
void PreferStructure(const std::vector<std::uint32_t>& structure, std::vector<std::uint32_t>& mask) {
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) any |= mask[i] & structure[i];
  if (any == 0) return;
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] &= structure[i];
}

std::vector<std::uint32_t> StructureTokens(const grammar::Vocabulary& vocabulary) {
  std::vector<std::uint32_t> tokens(vocabulary.mask_words());
  for (TokenId token = 0; token < vocabulary.size(); ++token) {
    const std::string_view text = vocabulary.text(token);
    const bool structure = std::ranges::all_of(
        text, [](char c) { return std::string_view("{}[]():,\"<>=|/\n ").contains(c) || (c >= '0' && c <= '9'); });
    if (vocabulary.is_end(token) || (structure && !text.empty())) grammar::SetBit(tokens, token);
  }
  return tokens;
}

/// Random texts of the grammar, half of their tokens chosen for structure. The seed is fixed: the same schema, the same
/// texts.
MaskCost WalkMasks(const std::shared_ptr<grammar::Grammar>& compiled) {
  const grammar::Vocabulary& vocabulary = compiled->vocabulary();
  const std::vector<std::uint32_t> structure = StructureTokens(vocabulary);
  std::vector<std::uint32_t> mask(vocabulary.mask_words());
  std::vector<double> times;
  std::mt19937_64 random(1);
  for (int walk = 0; walk < kWalks; ++walk) {
    grammar::Matcher matcher(compiled);
    for (int i = 0; i < kMaxWalkTokens && !matcher.ended(); ++i) {
      const Clock::time_point begin = Clock::now();
      if (!matcher.FillMask(mask)) break;
      times.push_back(MicrosecondsSince(begin));
      if (random() % 2 == 0) PreferStructure(structure, mask);
      const std::optional<TokenId> token = PickToken(mask, random);
      if (!token || !matcher.Accept(*token)) break;
    }
  }
  MaskCost cost{.first_us = times.empty() ? 0 : times.front(), .masks = times.size(), .states = compiled->states()};
  std::ranges::sort(times);
  const auto percentile = [&](double share) {
    return times.empty() ? 0 : times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  cost.p50_us = percentile(0.5);
  cost.p99_us = percentile(0.99);
  return cost;
}

/// Compiles a schema as JSON, for what is wrong with it. Microseconds.
Result<double> CompileAlone(const Json& schema) {
  grammar::RegexStore regexes;
  grammar::Lexer lexer(regexes);
  grammar::Network network(lexer);
  const Clock::time_point begin = Clock::now();
  STRATA_TRY(const grammar::CompiledSchema compiled, grammar::CompileJsonSchema(network, schema));
  return MicrosecondsSince(begin);
}

/// The place stands beside the message: not in it as well.
SchemaRemark RemarkOf(const Error& error) {
  std::string message = error.ToString();
  if (const std::string place = error.param() + ": "; message.starts_with(place)) message.erase(0, place.size());
  return {error.param(), std::move(message)};
}

}  // namespace

void ToolChecker::Measure(const grammar::Format& format, ToolReport& report) const {
  const std::int64_t before = HeapBytes();
  const Clock::time_point begin = Clock::now();
  const auto compiled = grammar::Grammar::Compile(vocabulary, format);
  report.compile_us = MicrosecondsSince(begin);
  if (compiled) {
    report.masks = WalkMasks(*compiled);
    report.masks->heap_bytes = HeapBytes() - before;
  } else {
    report.refused = RemarkOf(compiled.error());
  }
}

Result<ToolReport> ToolChecker::Check(const tools::Tool& tool) const {
  ToolReport report{.name = tool.name};
  const Json schema = SchemaOf(tool);
  report.warnings = SchemaWarnings(schema);
  const Result<double> alone = CompileAlone(schema);
  if (vocabulary == nullptr) {
    if (alone) {
      report.compile_us = *alone;
    } else {
      report.refused = RemarkOf(alone.error());
    }
  } else {
    // As a request that must call this tool has it. What fails alone may pass here: bare-text formats hold less.
    grammar::Format format{grammar::JsonFormat{schema, {}}};
    if (dialect != nullptr && !tool.name.empty()) {
      format = dialect->Constraint(tools::ToolSet({tool}), {.mode = tools::ToolChoice::Mode::kRequired},
                                   /*parallel=*/false, {});
    }
    Measure(format, report);
    if (report.refused && !alone) report.refused = RemarkOf(alone.error());
  }
  if (costs != nullptr && !tool.name.empty()) {
    ToolList list;
    STRATA_CHECK(list.Add(tool, "name"));
    STRATA_TRY(report.prompt_tokens, costs->Of(list.Offered().front()));
  }
  return report;
}

Result<ToolReport> ToolChecker::CheckTogether(const std::vector<tools::Tool>& all) const {
  ToolReport report{.name = "all of them"};
  Measure(dialect->Constraint(tools::ToolSet(all), {.mode = tools::ToolChoice::Mode::kRequired}, /*parallel=*/true, {}),
          report);
  if (costs != nullptr) {
    ToolList list;
    for (const tools::Tool& tool : all) STRATA_CHECK(list.Add(tool, "name"));
    STRATA_TRY(report.prompt_tokens, costs->OfAll(list.Offered()));
  }
  return report;
}

}  // namespace strata::serve
