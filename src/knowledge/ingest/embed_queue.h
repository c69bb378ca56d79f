// Texts of many documents on their way through the embedder, in batches that do not care for where a document ends: so
// the embedder's steps are full, however small the documents are. What several documents say at once is embedded once.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "knowledge/models.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

/// A chunk's hash says whether its vector is there: it is of all that is embedded.
struct HashOfHash {
  std::size_t operator()(const Hash128& hash) const { return hash.low; }
};

/// A source whose documents are complete but for vectors.
struct Embedding {
  Job job;
  std::vector<DocumentVersion> versions;  ///< vectors have their size; those to come are `wanted`
  struct Wanted {
    std::size_t version, row;
    Hash128 hash;
    std::string text;
  };
  std::vector<Wanted> wanted;
  std::size_t shared = 0;  ///< of these, how many another text's vector was for; the queue counts them
};

class EmbedQueue {
 public:
  /// `on_done` gets each source once, from a thread of the queue or the one that pushes it: with all vectors, or with
  /// what went wrong.
  EmbedQueue(Embedder& embedder, std::function<void(Embedding, Status)> on_done,
             std::function<void(const Job&, double progress)> on_progress);
  ~EmbedQueue();  ///< what is not done is dropped

  /// Waits while much is queued; false: the queue ends.
  bool Push(Embedding embedding);
  void Stop();

 private:
  struct Entry {
    Embedding embedding;
    std::vector<Hash128> first;  // of texts that it was the first to want
    std::size_t done = 0;        // of its wanted
    Status status;
  };
  struct Place {
    std::shared_ptr<Entry> entry;
    std::size_t wanted;
  };
  struct Text {
    Hash128 hash;
    std::string text;
    std::vector<Place> places;  // that wait for its vector
    std::vector<float> vector;  // empty until it is there
  };
  using Texts = std::vector<std::shared_ptr<Text>>;

  void Work();
  void Embed(const Texts& texts);
  Status EmbedTogether(std::span<const std::shared_ptr<Text>> texts, std::vector<std::vector<float>>& vectors);
  void Deliver(Text& text, std::vector<float> vector, const Status& status);
  void Fill(Entry& entry, std::size_t wanted, const std::vector<float>& vector);  // guarded by mutex_
  void Finish(const std::shared_ptr<Entry>& entry);

  Embedder& embedder_;
  std::function<void(Embedding, Status)> on_done_;
  std::function<void(const Job&, double)> on_progress_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Text>> waiting_;
  /// Those that wait or are embedded, and those whose first source is not stored yet: until then nobody finds them in
  /// the store.
  std::unordered_map<Hash128, std::shared_ptr<Text>, HashOfHash> known_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace strata::knowledge
