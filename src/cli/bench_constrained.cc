#include "cli/bench_constrained.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/bench_engine.h"
#include "cli/replay.h"
#include "grammar/vocabulary.h"

namespace strata::cli {
namespace {

constexpr std::int64_t kPromptTokens = 16;

/// minItems keeps the list from ending while it is measured.
constexpr const char* kRecords = R"({
  "type": "array", "minItems": 100000,
  "items": {
    "type": "object", "additionalProperties": false,
    "properties": {
      "id": {"type": "integer", "minimum": 1},
      "name": {"type": "string", "minLength": 1, "maxLength": 40},
      "kind": {"enum": ["person", "place", "event", "organisation"]},
      "score": {"type": "number", "minimum": 0, "maximum": 1},
      "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "maxItems": 4},
      "active": {"type": "boolean"},
      "note": {"type": ["string", "null"]}
    },
    "required": ["id", "name", "kind", "score", "tags", "active", "note"]
  }
})";

}  // namespace

Result<std::shared_ptr<grammar::Grammar>> SomeJsonGrammar(const Session& session) {
  std::vector<TokenId> ends;
  if (const auto eos = session.tokenizer->eos()) ends.push_back(*eos);
  return grammar::Grammar::Compile(std::make_shared<const grammar::Vocabulary>(*session.tokenizer, std::move(ends)),
                                   {grammar::JsonFormat{nlohmann::ordered_json::parse(kRecords), {}}});
}

Result<double> MeasureStreams(Engine& engine, const DecodeLoad& load,
                              const std::shared_ptr<grammar::Grammar>& grammar) {
  std::vector<std::unique_ptr<TimedRequest>> streams;
  for (std::int64_t i = 0; i < load.streams; ++i) {
    const auto seed = static_cast<std::uint64_t>(i + 1);
    EngineRequest work;
    work.prompt = SomeTokens(kPromptTokens, engine.runner().config().vocab, seed);
    work.sampling.temperature = load.greedy ? 0 : 1;
    work.sampling.seed = seed;
    work.sampling.ignore_eos = true;
    work.sampling.max_tokens = load.tokens;
    work.grammar = grammar;
    STRATA_TRY(auto request, TimedRequest::Submit(engine, std::move(work)));
    streams.push_back(std::move(request));
  }
  double begin = 0, end = 0;
  std::vector<double> times;
  for (const auto& stream : streams) {
    STRATA_CHECK(stream->Wait());
    const std::vector<double> own = stream->token_times();
    begin = std::max(begin, own.front());
    end = std::max(end, own.back());
    times.insert(times.end(), own.begin(), own.end());
  }
  const auto counted = std::ranges::count_if(times, [&](double time) { return time > begin; });
  return static_cast<double>(counted) / (end - begin);
}

}  // namespace strata::cli
