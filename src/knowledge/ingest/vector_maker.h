// Makes the vectors that chunks wait for (Store::Unembedded), oldest first, in batches that do not care for where a
// document ends: so the embedder's steps are full, however small the documents are. What several chunks say is embedded
// once. Nothing is kept but in the store, so whoever comes next goes on where another stopped.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "knowledge/models.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

class VectorMaker {
 public:
  /// `may_work` is asked before each batch. `on_made`: vectors are in the store. Store and embedder outlive it.
  VectorMaker(Store& store, Embedder& embedder, std::function<bool()> may_work, std::function<void()> on_made);
  ~VectorMaker();  ///< when what is being embedded is done

  /// There may be new chunks.
  void Wake();

 private:
  struct Text {
    Hash128 hash;
    std::string text;
    std::vector<ChunkId> chunks;  // that say it
  };

  void Work();
  Result<bool> Round();
  Result<std::vector<Text>> Waiting();
  Status ShareKnown(std::vector<Text>& texts);
  bool Embed(std::span<const Text> texts);
  Status EmbedTogether(std::span<const Text> texts);
  Status Put(std::span<const Text> texts, std::span<const float> vectors);

  Store& store_;
  Embedder& embedder_;
  const std::function<bool()> may_work_;
  const std::function<void()> on_made_;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t wakes_ = 0;
  std::thread thread_;
};

}  // namespace strata::knowledge
