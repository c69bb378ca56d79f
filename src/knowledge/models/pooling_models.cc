// Embedder and Reranker.
#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "engine/pooling_input.h"
#include "knowledge/models/engine_models.h"

namespace strata::knowledge {
namespace {

/// The rows of the inputs, when the engine has them.
Result<PooledRows> RunPooling(PoolingEngine& engine, std::vector<PoolingInput> inputs) {
  std::mutex mutex;
  std::condition_variable ready;
  std::optional<Result<PooledRows>> rows;
  PoolingRequest request{.inputs = std::move(inputs), .on_done = [&](Result<PooledRows>&& done) {
                           // Under the lock: the waiting thread's variables live until it has it.
                           const std::lock_guard lock(mutex);
                           rows = std::move(done);
                           ready.notify_one();
                         }};
  STRATA_TRY([[maybe_unused]] const RequestId id, engine.Submit(std::move(request)));
  std::unique_lock lock(mutex);
  ready.wait(lock, [&] { return rows.has_value(); });
  return std::move(*rows);
}

std::span<const std::string_view> PromptNames(Embedder::Use use) {
  return use == Embedder::Use::kQuery ? std::span<const std::string_view>(kQueryPrompts) : kPassagePrompts;
}

class EngineEmbedder final : public Embedder {
 public:
  explicit EngineEmbedder(LoadedPooling model) : model_(std::move(model)) {
    const PoolingConfig& pooling = config().pooling;
    fingerprint_ =
        HashOf(fmt::format("{}|{}|{}|{}:{}|{}:{}", model_.file->ContentKey(), static_cast<int>(pooling.pooling),
                           model_.engine->max_context(), Prompt(Use::kQuery).size(), Prompt(Use::kQuery),
                           Prompt(Use::kPassage).size(), Prompt(Use::kPassage)))
            .ToHex();
  }

  Result<std::vector<float>> Embed(std::span<const std::string> texts, Use use) override {
    if (texts.empty()) return std::vector<float>();
    std::vector<PoolingInput> inputs;
    inputs.reserve(texts.size());
    for (const std::string& text : texts) {
      inputs.push_back(PoolingInputOf(tokenizer(), std::string(Prompt(use)) + text, model_.engine->max_context()));
      if (inputs.back().tokens.empty()) {
        return Fail(ErrorCode::kInvalidArgument, "text {} has no tokens: {} cannot embed it", inputs.size() - 1,
                    name());
      }
    }
    STRATA_TRY(PooledRows rows, RunPooling(*model_.engine, std::move(inputs)), "while embedding with {}", name());
    const auto width = static_cast<std::size_t>(rows.width);
    for (std::size_t i = 0; i < texts.size(); ++i) NormalizeVector(std::span(rows.values).subspan(i * width, width));
    return std::move(rows.values);
  }

  std::int64_t dimensions() const override { return config().output_width(); }
  std::int64_t max_tokens() const override {
    const auto prompt = std::max(Tokens(Prompt(Use::kQuery)), Tokens(Prompt(Use::kPassage)));
    return model_.engine->max_context() - prompt -
           static_cast<std::int64_t>(tokenizer().prefix().size() + tokenizer().suffix().size());
  }
  const Tokenizer& tokenizer() const override { return *model_.tokenizer; }
  std::string name() const override { return model_.name; }
  std::string fingerprint() const override { return fingerprint_; }

 private:
  const ModelConfig& config() const { return model_.engine->config(); }
  std::string_view Prompt(Use use) const { return PoolingPromptOf(config().pooling, PromptNames(use)); }
  std::int64_t Tokens(std::string_view text) const {
    return static_cast<std::int64_t>(
        tokenizer().Encode(text, {.add_special_tokens = false, .parse_special = false}).size());
  }

  LoadedPooling model_;
  std::string fingerprint_;
};

class EngineReranker final : public Reranker {
 public:
  explicit EngineReranker(LoadedPooling model) : model_(std::move(model)) {}

  Result<std::vector<float>> Score(std::string_view query, std::span<const std::string> passages) override {
    if (passages.empty()) return std::vector<float>();
    std::vector<PoolingInput> inputs;
    inputs.reserve(passages.size());
    for (const std::string& passage : passages) {
      STRATA_TRY(PoolingInput input, PoolingPairOf(*model_.tokenizer, model_.engine->config(), query, passage,
                                                   model_.engine->max_context()));
      inputs.push_back(std::move(input));
    }
    STRATA_TRY(PooledRows rows, RunPooling(*model_.engine, std::move(inputs)), "while reranking with {}", name());
    return std::move(rows.values);
  }
  std::string name() const override { return model_.name; }

 private:
  LoadedPooling model_;
};

}  // namespace

Result<std::unique_ptr<Embedder>> MakeEmbedder(LoadedPooling model) {
  if (model.engine->config().task != ModelTask::kEmbed) {
    return Fail(ErrorCode::kUnsupported, "{} makes no embeddings", model.name);
  }
  return std::make_unique<EngineEmbedder>(std::move(model));
}

Result<std::unique_ptr<Reranker>> MakeReranker(LoadedPooling model) {
  const ModelConfig& config = model.engine->config();
  if (config.task != ModelTask::kClassify || config.pooling.labels != 1) {
    return Fail(ErrorCode::kUnsupported, "{} does not rank (a classifier with one label does)", model.name);
  }
  if (model.tokenizer->pair() == nullptr) {
    return Fail(ErrorCode::kUnsupported, "the tokenizer of {} does not say how a pair of texts is put together",
                model.name);
  }
  return std::make_unique<EngineReranker>(std::move(model));
}

}  // namespace strata::knowledge
