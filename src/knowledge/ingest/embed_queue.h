// Texts of many documents on their way through the embedder, in batches that do not care for where a document ends: so
// the embedder's steps are full, however small the documents are.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "knowledge/models.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

/// A source whose documents are complete but for vectors.
struct Embedding {
  Job job;
  std::vector<DocumentVersion> versions;  ///< vectors have their size; those to come are `wanted`
  struct Wanted {
    std::size_t version, row;
    std::string text;
  };
  std::vector<Wanted> wanted;
};

class EmbedQueue {
 public:
  /// `on_done` gets each source once, from a thread of the queue: with all vectors, or with what went wrong.
  EmbedQueue(Embedder& embedder, std::function<void(Embedding, Status)> on_done,
             std::function<void(const Job&, double progress)> on_progress);
  ~EmbedQueue();  ///< what is not done is dropped

  /// Waits while much is queued; false: the queue ends.
  bool Push(Embedding embedding);
  void Stop();

 private:
  struct Entry {
    Embedding embedding;
    std::size_t taken = 0, done = 0;
    Status status;
  };
  struct Piece {
    std::shared_ptr<Entry> entry;
    std::size_t begin = 0, end = 0;  // of its wanted
  };

  void Work();
  std::vector<Piece> Take();  // guarded by mutex_
  void Embed(const std::vector<Piece>& pieces);
  Status EmbedTogether(const std::vector<Piece>& pieces);

  Embedder& embedder_;
  std::function<void(Embedding, Status)> on_done_;
  std::function<void(const Job&, double)> on_progress_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Entry>> entries_;  // with texts that nobody has taken
  std::size_t waiting_ = 0;                     // such texts
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strata::knowledge
