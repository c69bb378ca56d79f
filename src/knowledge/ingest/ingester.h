// Works on the jobs of a base: reads, parses and chunks on several threads, embeds across documents, stores.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "knowledge/chunk/chunk.h"
#include "knowledge/document/parse.h"
#include "knowledge/ingest/embed_queue.h"
#include "knowledge/models.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

class Ingester {
 public:
  struct Options {
    ParseLimits limits;
    ChunkOptions chunks;
  };
  /// `on_ended`: a job ended, its changes are in the store. Called from any thread of the ingester. Store and embedder
  /// outlive it.
  Ingester(Store& store, Embedder& embedder, Options options, std::function<void()> on_ended);
  /// Jobs that run are left to whoever gets the lease next.
  ~Ingester();

  /// There may be new jobs.
  void Wake();
  bool HoldsLease();

 private:
  void Work();
  bool EnsureLease();
  void Run(Job job);
  Status Read(Job& job);
  Status SkipUnchanged(Job& job, std::span<const DocumentRecord> records);
  Result<Embedding> Prepare(Job job, std::vector<DocumentVersion> versions);
  void StoreVersions(Embedding embedding, const Status& embedded);
  void ReportProgress(const Job& job, double progress);
  bool EnterStage(Job& job, const char* stage);
  void End();
  void Failed(Job job, const Error& error);

  Store& store_;
  Embedder& embedder_;
  const Options options_;
  const std::function<void()> on_ended_;
  std::unique_ptr<EmbedQueue> embed_queue_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::uint64_t wakes_ = 0;
  std::unique_ptr<Lease> lease_;
  std::chrono::steady_clock::time_point lease_checked_{}, progress_reported_{};
  std::vector<std::thread> threads_;
};

}  // namespace strata::knowledge
