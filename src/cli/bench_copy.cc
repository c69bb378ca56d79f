#include "cli/bench_copy.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace strata::cli {

std::string SomeRecords() {
  nlohmann::ordered_json records = nlohmann::ordered_json::array();
  const char* const names[] = {"Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Frances", "Tony"};
  const char* const cities[] = {"Lisbon", "Oslo", "Kyoto", "Lima"};
  for (int i = 0; i < 8; ++i) {
    records.push_back({{"id", 1000 + 37 * i},
                       {"name", names[i]},
                       {"city", cities[i * 3 % 4]},
                       {"active", i % 3 != 0},
                       {"score", 50 + i * 17 % 43}});
  }
  return records.dump(1);
}

Result<CopySpeed> MeasureCopy(const Session& session, const LoadOptions& options, const std::string& text,
                              std::int64_t max_tokens) {
  STRATA_TRY(const std::unique_ptr<Engine> engine, StartEngine(session, options));
  const nlohmann::ordered_json messages = {
      {{"role", "user"}, {"content", fmt::format("Write this text again, exactly as it is:\n\n{}", text)}}};
  STRATA_TRY(const std::vector<TokenId> prompt, EncodeChat(session, messages));
  SamplingParams sampling;
  sampling.temperature = 0;
  sampling.max_tokens = max_tokens;
  CopySpeed speed;
  double first = 0;
  // The first time warms up, and shows the engine what steps cost.
  for (int round = 0; round < 2; ++round) {
    first = 0;
    STRATA_TRY(speed.tokens, Generate(*engine, prompt, sampling, [&](std::string_view) {
                 if (first == 0) first = MonotonicSeconds();
               }));
  }
  const double seconds = MonotonicSeconds() - first;
  speed.tokens_per_second = static_cast<double>(speed.tokens - 1) / seconds;
  const EngineStats stats = engine->stats();
  if (stats.draft_tokens > 0) {
    speed.accepted = static_cast<double>(stats.accepted_tokens) / static_cast<double>(stats.draft_tokens);
  }
  return speed;
}

}  // namespace strata::cli
