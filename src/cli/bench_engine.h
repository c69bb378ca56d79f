// Measurements behind `strata bench`: each returns one figure a repetition, so that the caller can show the spread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/bench_limit.h"
#include "formats/tokenizer.h"
#include "runtime/model_runner.h"

namespace strata::cli {

/// One row of the table: a measure and its repetitions.
/// 0 of none; of an even number the mean of the two in the middle.
double MedianOf(std::vector<double> values);

struct Measurement {
  std::string name;  ///< "prefill 512"
  std::string unit;  ///< "tok/s", "ppl"
  std::vector<double> values;
  std::optional<Limit> limit = {};  ///< of a rate
  double Median() const;
};

/// Reproducible tokens, different for each seed: what they are does not change the work.
std::vector<TokenId> SomeTokens(std::int64_t count, std::int64_t vocab, std::uint64_t seed);

/// Tokens a second of computing `tokens` prompt tokens in steps of max_step_tokens, logits of the last one.
Result<double> MeasurePrefill(ModelRunner& runner, std::int64_t tokens);

/// Tokens a second of whole texts of `tokens` each, for a model that embeds or scores them, in steps as full as they
/// can be: some thirty steps.
Result<double> MeasureTexts(ModelRunner& runner, std::int64_t tokens);

/// Texts of so many tokens that a step of MeasureTexts has.
std::int64_t TextsOfAStep(const ModelRunner& runner, std::int64_t tokens);

/// Tokens a second over all `streams`, each decoding `tokens` greedily after a prompt of `prompt` tokens.
Result<double> MeasureDecode(ModelRunner& runner, std::int64_t streams, std::int64_t prompt, std::int64_t tokens);

/// Seconds that each operation of a step takes, in the order of Costs(shape): medians of `repetitions` steps after one
/// warm-up. shape.kv_token_bytes is not looked at.
Result<std::vector<double>> MeasureOperations(ModelRunner& runner, const StepShape& shape, int repetitions);

/// Perplexity of a text as llama.cpp's perplexity tool defines it: non-overlapping windows of `context` tokens, the
/// first half of each is only context, and where the tokenizer adds a beginning, that is each window's first token.
/// Errors: kInvalidArgument when the text is shorter than two windows.
Result<double> MeasurePerplexity(ModelRunner& runner, const Tokenizer& tokenizer, std::string_view text,
                                 std::int64_t context);

}  // namespace strata::cli
