// Works on the jobs of a base: reads, parses, chunks and stores on several threads. Vectors follow when no job is left
// (VectorMaker): until then new chunks are found by their words.
#pragma once

#include <atomic>
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
#include "knowledge/ingest/vector_maker.h"
#include "knowledge/models.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

class Ingester {
 public:
  struct Options {
    ParseLimits limits;
    ChunkOptions chunks;
  };
  /// `on_change`: a job ended, or vectors were made; the changes are in the store. Called from any thread of the
  /// ingester. Store and embedder outlive it.
  Ingester(Store& store, Embedder& embedder, Options options, std::function<void()> on_change);
  /// Jobs that run are left to whoever gets the lease next.
  ~Ingester();

  /// There may be new jobs.
  void Wake();
  bool HoldsLease();

 private:
  void Work();
  bool EnsureLease();
  bool MayMakeVectors();
  void Run(Job job);
  Status Read(Job& job);
  Status SkipUnchanged(Job& job, std::span<const DocumentRecord> records);
  bool EnterStage(Job& job, const char* stage);
  void End();
  void Failed(Job job, const Error& error);

  Store& store_;
  Embedder& embedder_;
  const Options options_;
  const std::function<void()> on_change_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::uint64_t wakes_ = 0;
  std::unique_ptr<Lease> lease_;
  std::chrono::steady_clock::time_point lease_checked_{};
  std::atomic<int> running_ = 0;  // jobs
  std::unique_ptr<VectorMaker> vectors_;
  std::vector<std::thread> threads_;
};

}  // namespace strata::knowledge
