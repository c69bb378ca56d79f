#include "cli/bench_engine.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "base/clock.h"

namespace strata::cli {
namespace {

/// A sequence with its own KV blocks, which go back when it ends.
class Sequence {
 public:
  static Result<Sequence> Make(ModelRunner& runner, std::int64_t tokens) {
    Sequence sequence(runner);
    STRATA_CHECK(runner.kv().Allocate(KvPool::BlocksFor(tokens), sequence.table_), "while reserving KV for {} tokens",
                 tokens);
    return sequence;
  }
  Sequence(Sequence&& other) noexcept
      : runner_(other.runner_), table_(std::exchange(other.table_, {})), length_(other.length_) {}
  Sequence& operator=(Sequence&&) = delete;
  ~Sequence() { runner_->kv().Release(table_); }

  /// Of Phase::kPrefill, tokens of a prompt of `prompt`.
  SequenceSlice Next(std::span<const TokenId> tokens, Phase phase, std::int64_t prompt, WantLogits want,
                     RowResult result = RowResult::kArgmax) {
    SequenceSlice slice{tokens, length_, table_, want, result, phase, prompt};
    length_ += static_cast<std::int64_t>(tokens.size());
    return slice;
  }

 private:
  explicit Sequence(ModelRunner& runner) : runner_(&runner) {}
  ModelRunner* runner_;
  std::vector<std::int32_t> table_;
  std::int64_t length_ = 0;
};

Status Prefill(ModelRunner& runner, Sequence& sequence, std::span<const TokenId> tokens) {
  const auto step = static_cast<std::size_t>(runner.options().max_step_tokens);
  for (std::size_t begin = 0; begin < tokens.size(); begin += step) {
    const std::size_t count = std::min(step, tokens.size() - begin);
    const bool last = begin + count == tokens.size();
    const SequenceSlice slice = sequence.Next(tokens.subspan(begin, count), Phase::kPrefill, std::ssize(tokens),
                                              last ? WantLogits::kLast : WantLogits::kNone);
    STRATA_CHECK(runner.Run({&slice, 1}));
  }
  return {};
}

/// The sequences of a step, and what it takes of them.
struct Batch {
  std::vector<Sequence> sequences;
  std::vector<std::vector<TokenId>> tokens;
  std::vector<SequenceSlice> slices;

  static Result<Batch> Make(ModelRunner& runner, const StepShape& shape) {
    const std::int64_t vocab = runner.config().vocab;
    const Phase phase = shape.rows > 1 ? Phase::kPrefill : Phase::kDecode;
    const RowResult result = runner.config().whole() ? RowResult::kLogits : RowResult::kArgmax;
    Batch batch;
    for (std::int64_t i = 0; i < shape.sequences; ++i) {
      STRATA_TRY(Sequence sequence, Sequence::Make(runner, shape.context + shape.rows));
      const auto seed = static_cast<std::uint64_t>(i);
      STRATA_CHECK(Prefill(runner, sequence, SomeTokens(shape.context, vocab, seed)));
      batch.tokens.push_back(SomeTokens(shape.rows, vocab, seed + 1));
      batch.slices.push_back(
          sequence.Next(batch.tokens.back(), phase, shape.context + shape.rows, WantLogits::kLast, result));
      batch.sequences.push_back(std::move(sequence));
    }
    return batch;
  }
};

}  // namespace

std::vector<TokenId> SomeTokens(std::int64_t count, std::int64_t vocab, std::uint64_t seed) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  std::uint64_t state = seed * 2654435761u + 12345;
  for (TokenId& token : tokens) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    token = static_cast<TokenId>((state >> 33) % static_cast<std::uint64_t>(vocab));
  }
  return tokens;
}

double MedianOf(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n == 0 ? 0 : (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double Measurement::Median() const { return MedianOf(values); }

Result<double> MeasurePrefill(ModelRunner& runner, std::int64_t tokens) {
  STRATA_TRY(Sequence sequence, Sequence::Make(runner, tokens));
  const std::vector<TokenId> prompt = SomeTokens(tokens, runner.config().vocab, 1);
  const double begin = MonotonicSeconds();
  STRATA_CHECK(Prefill(runner, sequence, prompt));
  return static_cast<double>(tokens) / (MonotonicSeconds() - begin);
}

std::int64_t TextsOfAStep(const ModelRunner& runner, std::int64_t tokens) {
  return std::clamp<std::int64_t>(runner.options().max_step_tokens / tokens, 1, runner.options().max_sequences);
}

Result<double> MeasureTexts(ModelRunner& runner, std::int64_t tokens) {
  constexpr std::int64_t kSteps = 32;
  const std::int64_t texts = TextsOfAStep(runner, tokens);
  STRATA_TRY(const Batch batch, Batch::Make(runner, {.sequences = texts, .rows = tokens}));
  const double begin = MonotonicSeconds();
  for (std::int64_t step = 0; step < kSteps; ++step) STRATA_CHECK(runner.Run(batch.slices));
  return static_cast<double>(kSteps * texts * tokens) / (MonotonicSeconds() - begin);
}

Result<double> MeasureDecode(ModelRunner& runner, std::int64_t streams, std::int64_t prompt, std::int64_t tokens) {
  std::vector<Sequence> sequences;
  for (std::int64_t stream = 0; stream < streams; ++stream) {
    STRATA_TRY(Sequence sequence, Sequence::Make(runner, prompt + tokens));
    STRATA_CHECK(
        Prefill(runner, sequence, SomeTokens(prompt, runner.config().vocab, static_cast<std::uint64_t>(stream))));
    sequences.push_back(std::move(sequence));
  }
  std::vector<TokenId> next(static_cast<std::size_t>(streams), 1);
  std::vector<SequenceSlice> slices;
  const double begin = MonotonicSeconds();
  for (std::int64_t step = 0; step < tokens; ++step) {
    slices.clear();
    for (std::size_t i = 0; i < sequences.size(); ++i)
      slices.push_back(sequences[i].Next({&next[i], 1}, Phase::kDecode, 0, WantLogits::kLast));
    STRATA_TRY(const LogitsView logits, runner.Run(slices));
    std::ranges::copy(logits.argmax, next.begin());
  }
  return static_cast<double>(streams * tokens) / (MonotonicSeconds() - begin);
}

Result<std::vector<double>> MeasureOperations(ModelRunner& runner, const StepShape& shape, int repetitions) {
  STRATA_TRY(const Batch batch, Batch::Make(runner, shape));
  std::vector<std::vector<double>> times;   // [operations][repetitions]
  for (int i = -1; i < repetitions; ++i) {  // again and again the same step: it writes the same into the cache
    std::vector<double> seconds;
    runner.TimeOperations(&seconds);
    const auto ran = runner.Run(batch.slices);
    runner.TimeOperations(nullptr);
    STRATA_CHECK(ran);
    times.resize(seconds.size());
    for (std::size_t k = 0; i >= 0 && k < seconds.size(); ++k) times[k].push_back(seconds[k]);
  }
  std::vector<double> medians;
  medians.reserve(times.size());
  for (auto& of_operation : times) medians.push_back(MedianOf(std::move(of_operation)));
  return medians;
}

Result<double> MeasurePerplexity(ModelRunner& runner, const Tokenizer& tokenizer, std::string_view text,
                                 std::int64_t context) {
  const std::vector<TokenId> ids = tokenizer.Encode(text);
  const std::optional<TokenId> bos = tokenizer.adds_bos() ? tokenizer.bos() : std::nullopt;
  const auto window = static_cast<std::size_t>(context);
  if (ids.size() < 2 * window) {
    return Fail(ErrorCode::kInvalidArgument, "the text has {} tokens; perplexity over windows of {} needs at least {}",
                ids.size(), context, 2 * window);
  }
  double sum = 0;
  std::size_t count = 0;
  const auto step = static_cast<std::size_t>(runner.options().max_logit_rows);
  for (std::size_t start = 0; start + window <= ids.size(); start += window) {
    std::vector<TokenId> tokens(ids.begin() + static_cast<std::ptrdiff_t>(start),
                                ids.begin() + static_cast<std::ptrdiff_t>(start + window));
    if (bos) tokens[0] = *bos;
    STRATA_TRY(Sequence sequence, Sequence::Make(runner, context));
    for (std::size_t begin = 0; begin < window; begin += step) {
      const std::size_t chunk = std::min(step, window - begin);
      const SequenceSlice slice = sequence.Next(std::span(tokens).subspan(begin, chunk), Phase::kPrefill,
                                                std::ssize(tokens), WantLogits::kAll, RowResult::kLogits);
      STRATA_TRY(const LogitsView logits, runner.Run({&slice, 1}));
      for (std::size_t row = 0; row < chunk; ++row) {
        const std::size_t position = begin + row;
        if (position < window / 2 || position + 1 >= window) continue;
        const std::span<const float> values = logits.row(static_cast<std::int64_t>(row));
        const float highest = *std::max_element(values.begin(), values.end());
        double total = 0;
        for (const float value : values) total += std::exp(static_cast<double>(value - highest));
        sum += std::log(total) + highest - values[static_cast<std::size_t>(tokens[position + 1])];
        ++count;
      }
    }
  }
  return std::exp(sum / static_cast<double>(count));
}

}  // namespace strata::cli
