// For tests: a served model made in memory. A small Llama with random weights and a byte-level vocabulary of its size,
// so that the whole way from HTTP to kernels is real and nothing is read from disk.
#pragma once

#include <algorithm>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "formats/chat_template.h"
#include "formats/tokenizer.h"
#include "models/tiny_model.h"
#include "serve/server.h"

namespace strata::serve {

constexpr std::string_view kTestTemplate =
    "{% for m in messages %}{% if m.content == 'forbidden' %}{{ raise_exception('not this word') }}{% endif %}"
    "<|start|>{{ m.role }}\n{{ m.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}";

/// 131 entries, as many as the tiny model has: printable ASCII, space and newline, pieces of "é" and of an emoji, three
/// special tokens, and the doubled letters.
inline std::unique_ptr<Tokenizer> TestTokenizer() {
  static const std::vector<std::string> texts = [] {
    std::vector<std::string> list;
    for (char c = '!'; c <= '~'; ++c) list.emplace_back(1, c);
    for (const char* text : {"Ġ", "Ċ", "Ã", "©", "ð", "Ł", "Ļ", "Ģ", "<|start|>", "<|end|>", "<|bos|>"}) {
      list.emplace_back(text);
    }
    for (char c = 'a'; c <= 'z'; ++c) list.emplace_back(2, c);
    return list;
  }();
  static const std::vector<std::int32_t> types = [] {
    std::vector<std::int32_t> list;
    list.reserve(texts.size());
    for (const std::string& text : texts) list.push_back(text.starts_with("<|") ? 3 : 1);
    return list;
  }();
  GgufVocabulary vocabulary;
  vocabulary.model = "gpt2";
  vocabulary.tokens.assign(texts.begin(), texts.end());
  vocabulary.token_types = types;
  vocabulary.eos = 103;
  vocabulary.bos = 104;
  auto tokenizer = MakeGgufTokenizer(vocabulary);
  return tokenizer ? std::move(*tokenizer) : nullptr;
}
constexpr TokenId kTestStart = 102, kTestEnd = 103;

struct TestModelOptions {
  std::int64_t max_context = 256;
  std::uint64_t kv_bytes = 0;
  EngineOptions engine = {};
  bool chat = true;  ///< has a template
  std::string_view chat_template = kTestTemplate;
  GenerationDefaults defaults = {};
  /// What it writes whatever it is asked, behind a prompt that ends with a new line; no token of it comes twice. Empty:
  /// what random weights say.
  std::string says = {};
};

/// With a publisher's recommendation.
class TestModelFile : public TinyModel {
 public:
  explicit TestModelFile(const TestModelOptions& options)
      : TinyModel(Options{.tied = options.says.empty()}), defaults_(options.defaults) {
    mutable_config().max_positions = options.max_context;
    mutable_config().eos_token_ids = {kTestEnd};
    if (!options.says.empty()) MakeSay(options.says);
  }
  const GenerationDefaults& generation_defaults() const override { return defaults_; }

 private:
  /// Layers that add nothing leave the last token's embedding, and the head knows what comes behind that.
  void MakeSay(const std::string& says) {
    const std::int64_t hidden = config().hidden, vocab = config().vocab;
    const std::vector<float> zeros(static_cast<std::size_t>(hidden * std::max(hidden, config().ffn)));
    for (const char* const layer : {"blk.0.", "blk.1."}) {
      PutValues(std::string(layer) + "attn_output.weight", {hidden, hidden},
                std::span(zeros).first(static_cast<std::size_t>(hidden * hidden)));
      PutValues(std::string(layer) + "ffn_down.weight", {hidden, config().ffn},
                std::span(zeros).first(static_cast<std::size_t>(hidden * config().ffn)));
    }
    std::mt19937 random(1);
    std::normal_distribution<float> weight;
    std::vector<float> embeddings(static_cast<std::size_t>(vocab * hidden)), head(embeddings.size());
    for (float& value : embeddings) value = weight(random);
    const auto tokenizer = TestTokenizer();
    std::vector<TokenId> tokens = tokenizer->Encode("\n" + says, {.add_special_tokens = false, .parse_special = false});
    tokens.push_back(kTestEnd);
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      std::copy_n(embeddings.begin() + tokens[i] * hidden, hidden, head.begin() + tokens[i + 1] * hidden);
    }
    const std::vector<float> ones(static_cast<std::size_t>(hidden), 1);
    PutValues("output_norm.weight", {hidden}, ones);
    PutValues("token_embd.weight", {vocab, hidden}, embeddings);
    PutValues("output.weight", {vocab, hidden}, head);
  }

  GenerationDefaults defaults_;
};

inline Result<std::shared_ptr<ServedModel>> MakeTestModel(const TestModelOptions& options,
                                                          std::shared_ptr<EngineObserver> observer = nullptr) {
  auto file = std::make_shared<TestModelFile>(options);
  STRATA_TRY(auto runner,
             ModelRunner::Load(
                 file, {.threads = 1, .kv_bytes = options.kv_bytes, .max_sequences = 16, .max_step_tokens = 64}));
  auto model = std::make_shared<ServedModel>();
  model->file = file;
  model->tokenizer = TestTokenizer();
  if (options.chat) {
    STRATA_TRY(ChatTemplate parsed, ChatTemplate::Parse(std::string(options.chat_template)));
    model->chat_template = std::make_shared<const ChatTemplate>(std::move(parsed));
  }
  model->engine = std::make_shared<Engine>(std::move(runner), model->tokenizer, options.engine, std::move(observer));
  model->created = 1'700'000'000;
  return model;
}

}  // namespace strata::serve
