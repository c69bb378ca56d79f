#include "knowledge/ingest/embed_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace strata::knowledge {
namespace {

/// Texts of one call: some ten steps of a small encoder, so that its last, half-empty one costs little.
constexpr std::size_t kTextsAtOnce = 64;
/// Calls beside each other: while one ends and the next begins the embedder has something to do.
constexpr int kCalls = 2;
/// More than that need not wait in memory.
constexpr std::size_t kMostWaiting = 4096;

}  // namespace

EmbedQueue::EmbedQueue(Embedder& embedder, std::function<void(Embedding, Status)> on_done,
                       std::function<void(const Job&, double)> on_progress)
    : embedder_(embedder), on_done_(std::move(on_done)), on_progress_(std::move(on_progress)) {
  for (int i = 0; i < kCalls; ++i) threads_.emplace_back([this] { Work(); });
}

EmbedQueue::~EmbedQueue() {
  Stop();
  for (std::thread& thread : threads_) thread.join();
}

void EmbedQueue::Stop() {
  const std::lock_guard lock(mutex_);
  stop_ = true;
  changed_.notify_all();
}

bool EmbedQueue::Push(Embedding embedding) {
  if (embedding.wanted.empty()) {
    on_done_(std::move(embedding), {});
    return true;
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stop_ || waiting_ < kMostWaiting; });
  if (stop_) return false;
  waiting_ += embedding.wanted.size();
  entries_.push_back(std::make_shared<Entry>(Entry{.embedding = std::move(embedding), .status = {}}));
  changed_.notify_all();
  return true;
}

std::vector<EmbedQueue::Piece> EmbedQueue::Take() {
  std::vector<Piece> pieces;
  for (std::size_t room = kTextsAtOnce; room > 0 && !entries_.empty();) {
    const std::shared_ptr<Entry>& entry = entries_.front();
    const std::size_t size = entry->embedding.wanted.size();
    const std::size_t count = std::min(room, size - entry->taken);
    pieces.push_back({entry, entry->taken, entry->taken + count});
    entry->taken += count;
    room -= count;
    waiting_ -= count;
    if (entry->taken == size) entries_.pop_front();
  }
  return pieces;
}

void EmbedQueue::Work() {
  for (;;) {
    std::vector<Piece> pieces;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || !entries_.empty(); });
      if (stop_) return;
      pieces = Take();
      changed_.notify_all();
    }
    Embed(pieces);
  }
}

/// A call that failed for several documents is made again for each: one's fault is not the others'.
void EmbedQueue::Embed(const std::vector<Piece>& pieces) {
  Status together = EmbedTogether(pieces);
  for (const Piece& piece : pieces) {
    Status status = together;
    if (!together && pieces.size() > 1) status = EmbedTogether({piece});
    Entry& entry = *piece.entry;
    bool complete = false;
    double progress = 0;
    {
      const std::lock_guard lock(mutex_);
      if (!status) entry.status = status;
      entry.done += piece.end - piece.begin;
      complete = entry.done == entry.embedding.wanted.size();
      progress = static_cast<double>(entry.done) / static_cast<double>(entry.embedding.wanted.size());
    }
    if (complete) {
      on_done_(std::move(entry.embedding), entry.status);
    } else {
      on_progress_(entry.embedding.job, progress);
    }
  }
}

Status EmbedQueue::EmbedTogether(const std::vector<Piece>& pieces) {
  std::vector<std::string> texts;
  for (const Piece& piece : pieces) {
    const auto& wanted = piece.entry->embedding.wanted;
    for (std::size_t i = piece.begin; i < piece.end; ++i) texts.push_back(wanted[i].text);
  }
  STRATA_TRY(const std::vector<float> vectors, embedder_.Embed(texts, Embedder::Use::kPassage));
  const auto dimensions = static_cast<std::size_t>(embedder_.dimensions());
  assert(vectors.size() == texts.size() * dimensions);
  auto from = vectors.begin();
  for (const Piece& piece : pieces) {
    Embedding& embedding = piece.entry->embedding;
    for (std::size_t i = piece.begin; i < piece.end; ++i) {
      const auto& [version, row, text] = embedding.wanted[i];
      std::copy_n(from, dimensions,
                  embedding.versions[version].vectors.begin() + static_cast<std::ptrdiff_t>(row * dimensions));
      from += static_cast<std::ptrdiff_t>(dimensions);
    }
  }
  return {};
}

}  // namespace strata::knowledge
