// The models that a knowledge base asks, behind what it needs of them. Calls block; they come from threads that may.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer.h"

namespace strata::knowledge {

/// Texts to vectors of length 1.
class Embedder {
 public:
  virtual ~Embedder() = default;
  enum class Use { kQuery, kPassage };  ///< some models want a prefix of each
  /// [texts, dimensions]. A text that is too long for the model is cut. Errors: the engine's.
  virtual Result<std::vector<float>> Embed(std::span<const std::string> texts, Use use) = 0;
  virtual std::int64_t dimensions() const = 0;
  virtual std::int64_t max_tokens() const = 0;  ///< of a text, without special tokens
  virtual const Tokenizer& tokenizer() const = 0;
  virtual std::string name() const = 0;
  /// Of weights, pooling and prefixes: vectors of different fingerprints must never meet in an index.
  virtual std::string fingerprint() const = 0;
};

/// How well each passage answers the query.
class Reranker {
 public:
  virtual ~Reranker() = default;
  virtual Result<std::vector<float>> Score(std::string_view query, std::span<const std::string> passages) = 0;
  virtual std::string name() const = 0;
};

/// A chat model.
class Writer {
 public:
  virtual ~Writer() = default;
  struct Message {
    std::string role, content;
  };
  struct Options {
    std::int64_t max_tokens = 512;
    double temperature = 0;
    std::string json_schema = {};  ///< the text is a value of it, or the beginning of one; empty: any text
    /// Gets the text as it comes; false stops.
    std::function<bool(std::string_view)> on_text = {};
  };
  virtual Result<std::string> Write(std::span<const Message> messages, const Options& options) = 0;
  virtual std::int64_t CountTokens(std::string_view text) const = 0;
  virtual std::int64_t max_context() const = 0;
};

}  // namespace strata::knowledge
