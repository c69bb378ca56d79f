// The models of a knowledge base over the engines that this process runs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/engine.h"
#include "engine/pooling_engine.h"
#include "formats/chat_template.h"
#include "formats/model_file.h"
#include "formats/tokenizer.h"
#include "knowledge/models.h"

namespace strata::knowledge {

/// A pooling model as it was loaded.
struct LoadedPooling {
  std::string name;  ///< that users call it by
  std::shared_ptr<const ModelFile> file;
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<PoolingEngine> engine;
};

/// Texts get the model's prompt for questions or for documents and are cut to its context. Errors: kUnsupported for a
/// model that makes no embeddings.
Result<std::unique_ptr<Embedder>> MakeEmbedder(LoadedPooling model);

/// A cross-encoder; of a pair that is too long, the longer text is cut. Errors: kUnsupported for a model that is no
/// classifier with one label, or whose tokenizer says nothing of pairs.
Result<std::unique_ptr<Reranker>> MakeReranker(LoadedPooling model);

/// Of one prompt.
struct WrittenTokens {
  std::int64_t prompt = 0, written = 0;
  std::int64_t cached = 0;  ///< of the prompt: computed for another one before it that begins in the same way
};

/// A model that generates, as it was loaded.
struct LoadedWriter {
  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const ChatTemplate> chat_template;
  std::shared_ptr<Engine> engine;
  std::int32_t tenant = 0;  ///< EngineRequest::tenant
  /// The texts that are values of a JSON Schema, for Writer::Options::json_schema.
  std::function<Result<std::shared_ptr<grammar::Grammar>>(const std::string& json_schema)> grammar_of = {};
  /// Told of each prompt, when what is written to it has ended.
  std::function<void(const WrittenTokens&)> on_written = {};
};

/// Special tokens that are written in messages are text: nobody can speak as somebody else. Where the model's template
/// takes no system messages, they stand before the first of the user's. Errors: kUnsupported without a chat template.
Result<std::unique_ptr<Writer>> MakeWriter(LoadedWriter model);

}  // namespace strata::knowledge
