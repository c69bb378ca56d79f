#include "knowledge/ingest/embed_queue.h"

#include <algorithm>
#include <cassert>
#include <span>
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
  auto entry = std::make_shared<Entry>(Entry{.embedding = std::move(embedding), .first = {}, .status = {}});
  std::vector<Embedding::Wanted>& wanted = entry->embedding.wanted;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stop_ || wanted.empty() || waiting_.size() < kMostWaiting; });
    if (stop_) return false;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      const auto [known, is_new] = known_.try_emplace(wanted[i].hash);
      if (is_new) {
        known->second = std::make_shared<Text>(
            Text{.hash = wanted[i].hash, .text = std::move(wanted[i].text), .places = {}, .vector = {}});
        entry->first.push_back(wanted[i].hash);
        waiting_.push_back(known->second);
      } else {
        ++entry->embedding.shared;
      }
      Text& text = *known->second;
      if (text.vector.empty()) {
        text.places.push_back({entry, i});
      } else {
        Fill(*entry, i, text.vector);
        ++entry->done;
      }
    }
    changed_.notify_all();
    if (entry->done < wanted.size()) return true;
  }
  Finish(entry);
  return true;
}

void EmbedQueue::Work() {
  for (;;) {
    Texts texts;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || !waiting_.empty(); });
      if (stop_) return;
      for (; texts.size() < kTextsAtOnce && !waiting_.empty(); waiting_.pop_front()) {
        texts.push_back(std::move(waiting_.front()));
      }
      changed_.notify_all();
    }
    Embed(texts);
  }
}

/// A call that failed for several texts is made again for each: one's fault is not the others'.
void EmbedQueue::Embed(const Texts& texts) {
  std::vector<std::vector<float>> vectors;
  const Status together = EmbedTogether(texts, vectors);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (together) {
      Deliver(*texts[i], std::move(vectors[i]), {});
      continue;
    }
    Status alone = together;
    vectors.assign(1, {});
    if (texts.size() > 1) alone = EmbedTogether(std::span(&texts[i], 1), vectors);
    Deliver(*texts[i], std::move(vectors[0]), alone);
  }
}

Status EmbedQueue::EmbedTogether(std::span<const std::shared_ptr<Text>> texts,
                                 std::vector<std::vector<float>>& vectors) {
  std::vector<std::string> strings;
  for (const std::shared_ptr<Text>& text : texts) strings.push_back(text->text);
  STRATA_TRY(const std::vector<float> all, embedder_.Embed(strings, Embedder::Use::kPassage));
  const auto dimensions = static_cast<std::size_t>(embedder_.dimensions());
  assert(all.size() == texts.size() * dimensions);
  vectors.clear();
  for (auto from = all.begin(); from != all.end(); from += static_cast<std::ptrdiff_t>(dimensions)) {
    vectors.emplace_back(from, from + static_cast<std::ptrdiff_t>(dimensions));
  }
  return {};
}

/// To all that wait for it. A text that failed is forgotten: who says the same later tries again.
void EmbedQueue::Deliver(Text& text, std::vector<float> vector, const Status& status) {
  std::vector<std::shared_ptr<Entry>> complete;
  std::vector<std::pair<Job, double>> progress;
  {
    const std::lock_guard lock(mutex_);
    text.vector = std::move(vector);
    if (!status) known_.erase(text.hash);
    for (const auto& [entry, wanted] : text.places) {
      if (status) {
        Fill(*entry, wanted, text.vector);
      } else {
        entry->status = status;
      }
      const std::size_t all = entry->embedding.wanted.size();
      if (++entry->done == all) {
        complete.push_back(entry);
      } else {
        progress.emplace_back(entry->embedding.job, static_cast<double>(entry->done) / static_cast<double>(all));
      }
    }
    text.places.clear();
  }
  for (const std::shared_ptr<Entry>& entry : complete) Finish(entry);
  for (const auto& [job, share] : progress) on_progress_(job, share);
}

void EmbedQueue::Fill(Entry& entry, std::size_t wanted, const std::vector<float>& vector) {
  const auto& [version, row, hash, text] = entry.embedding.wanted[wanted];
  std::ranges::copy(
      vector, entry.embedding.versions[version].vectors.begin() + static_cast<std::ptrdiff_t>(row * vector.size()));
}

void EmbedQueue::Finish(const std::shared_ptr<Entry>& entry) {
  on_done_(std::move(entry->embedding), entry->status);
  const std::lock_guard lock(mutex_);
  for (const Hash128& hash : entry->first) known_.erase(hash);
}

}  // namespace strata::knowledge
