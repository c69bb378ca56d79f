// For tests: a base in memory and SQLite with the real indexes, and an embedder whose vectors can be known.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/hash.h"
#include "engine/pooling_engine.h"
#include "knowledge/chunk/test_tokenizer.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {

/// Texts that share words are near: each word has a direction.
class WordEmbedder : public Embedder {
 public:
  static constexpr std::size_t kWidth = 64;

  Result<std::vector<float>> Embed(std::span<const std::string> texts, Use) override {
    if (fails) return Fail(ErrorCode::kUnavailable, "the embedder is away");
    std::vector<float> vectors(texts.size() * kWidth);
    for (std::size_t i = 0; i < texts.size(); ++i) {
      const auto vector = std::span(vectors).subspan(i * kWidth, kWidth);
      std::string word;
      for (const char c : texts[i] + " ") {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
          word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        } else if (!word.empty()) {
          vector[Hash64(std::exchange(word, {})) % kWidth] += 1;
        }
      }
      NormalizeVector(vector);
    }
    return vectors;
  }
  std::int64_t dimensions() const override { return kWidth; }
  std::int64_t max_tokens() const override { return 256; }
  const Tokenizer& tokenizer() const override { return WordPiece(); }
  std::string name() const override { return "words"; }
  std::string fingerprint() const override { return "words"; }

  bool fails = false;
};

/// A model that says what it is told to, in pieces, and keeps what it was asked.
class ScriptedWriter final : public Writer {
 public:
  Result<std::string> Write(std::span<const Message> messages, const Options& options) override {
    asked.assign(messages.begin(), messages.end());
    for (std::size_t i = 0; i < says.size() && options.on_text; i += piece) {
      if (!options.on_text(std::string_view(says).substr(i, piece))) return says.substr(0, i);
    }
    return says;
  }
  std::int64_t CountTokens(std::string_view text) const override { return static_cast<std::int64_t>(text.size() / 4); }
  std::int64_t max_context() const override { return 4096; }

  std::string says;
  std::size_t piece = 3;
  std::vector<Message> asked;
};

class TestBase {
 public:
  TestBase() {
    static int count = 0;
    folder_ = std::filesystem::temp_directory_path() / fmt::format("strata_kb_{}_{}", ::getpid(), count++);
    std::filesystem::remove_all(folder_);
    store = std::move(CreateStore(folder_.string()).value());
    lexical = std::move(LexicalIndex::Create({}).value());
    vectors = std::make_unique<VectorIndex>(VectorOptions{.dimensions = WordEmbedder::kWidth});
  }
  ~TestBase() {
    store.reset();
    std::filesystem::remove_all(folder_);
  }
  TestBase(const TestBase&) = delete;
  TestBase& operator=(const TestBase&) = delete;

  /// Chunks part the text at blank lines.
  DocumentId Put(DocumentRecord record, const std::string& text, const std::function<void(Chunk&)>& change = {}) {
    DocumentVersion version{.record = std::move(record), .text = text, .chunks = {}, .vectors = {}};
    std::vector<std::string> texts;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find("\n\n", begin), text.size());
      Chunk chunk;
      chunk.text = text.substr(begin, end - begin);
      chunk.span = {begin, end};
      chunk.tokens = static_cast<std::int64_t>(chunk.text.size() / 4);
      chunk.hash = HashOf(chunk.text);
      if (change) change(chunk);
      texts.push_back(chunk.text);
      version.chunks.push_back(std::move(chunk));
      begin = std::min(end + 2, text.size());
    }
    version.vectors = embedder.Embed(texts, Embedder::Use::kPassage).value();
    Result<DocumentRecord> put = store->Put(version);
    EXPECT_TRUE(put) << (put ? "" : put.error().ToString());
    table.Put(*put);
    const std::vector<StoredChunk> stored = store->ChunksOf(put->id, 0, 1000).value();
    for (std::size_t i = 0; i < stored.size(); ++i) {
      lexical->Add(stored[i].id, stored[i].chunk.text);
      vectors->Add(stored[i].id, std::span(version.vectors).subspan(i * WordEmbedder::kWidth, WordEmbedder::kWidth));
      table.AddChunk(stored[i].id, put->id);
    }
    return put->id;
  }

  SearchSources sources() { return {lexical.get(), vectors.get(), &table, store.get(), &embedder}; }

  WordEmbedder embedder;
  std::unique_ptr<Store> store;
  std::unique_ptr<LexicalIndex> lexical;
  std::unique_ptr<VectorIndex> vectors;
  DocumentTable table;

 private:
  std::filesystem::path folder_;
};

}  // namespace strata::knowledge
