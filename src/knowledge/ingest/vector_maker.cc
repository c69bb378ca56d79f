#include "knowledge/ingest/vector_maker.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <unordered_map>
#include <utility>

#include "base/log.h"
#include "knowledge/ingest/retry.h"

namespace strata::knowledge {
namespace {

/// Texts of one call: some ten steps of a small encoder, so that its last, half-empty one costs little.
constexpr std::size_t kTextsAtOnce = 64;
/// Calls beside each other: while one ends and the next begins the embedder has something to do.
constexpr std::size_t kCalls = 2;
constexpr std::size_t kChunksOfARound = 16 * kTextsAtOnce;
/// How often somebody looks for chunks that nobody told of, and whether what failed goes through now.
constexpr std::chrono::milliseconds kPoll{200};

struct HashOfHash {
  std::size_t operator()(const Hash128& hash) const { return hash.low; }
};

}  // namespace

VectorMaker::VectorMaker(Store& store, Embedder& embedder, std::function<bool()> may_work,
                         std::function<void()> on_made)
    : store_(store), embedder_(embedder), may_work_(std::move(may_work)), on_made_(std::move(on_made)) {
  thread_ = std::thread([this] { Work(); });
}

VectorMaker::~VectorMaker() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void VectorMaker::Wake() {
  const std::lock_guard lock(mutex_);
  ++wakes_;
  changed_.notify_all();
}

void VectorMaker::Work() {
  for (std::uint64_t seen = 0; !stop_;) {
    while (!stop_ && may_work_()) {
      const Result<bool> made = Round();
      if (!made) LogWarning("vectors cannot be made: {}", made.error().ToString());
      if (!made || !*made) break;
    }
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPoll, [&] { return stop_ || wakes_ != seen; });
    seen = wakes_;
  }
}

/// False: nothing waits any more, or nothing goes through.
Result<bool> VectorMaker::Round() {
  STRATA_TRY(std::vector<Text> texts, Waiting());
  if (texts.empty()) return false;
  const std::size_t all = texts.size();
  STRATA_CHECK(ShareKnown(texts));
  std::atomic<bool> made = texts.size() < all;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    while (!stop_ && may_work_()) {
      const std::size_t begin = next.fetch_add(kTextsAtOnce);
      if (begin >= texts.size()) return;
      if (Embed(std::span(texts).subspan(begin, std::min(kTextsAtOnce, texts.size() - begin)))) made = true;
    }
  };
  std::vector<std::jthread> others;
  for (std::size_t call = 1; call < kCalls && call * kTextsAtOnce < texts.size(); ++call) others.emplace_back(work);
  work();
  others.clear();
  return made.load();
}

/// What the oldest chunks say.
Result<std::vector<VectorMaker::Text>> VectorMaker::Waiting() {
  STRATA_TRY(const std::vector<StoredChunk> chunks, store_.Unembedded(kChunksOfARound));
  std::vector<Text> texts;
  std::unordered_map<Hash128, std::size_t, HashOfHash> places;
  for (const StoredChunk& stored : chunks) {
    const auto [place, is_new] = places.try_emplace(stored.chunk.hash, texts.size());
    if (is_new) texts.push_back({stored.chunk.hash, EmbeddedText(stored.chunk), {}});
    texts[place->second].chunks.push_back(stored.id);
  }
  return texts;
}

/// Takes out those whose vector was made since they came.
Status VectorMaker::ShareKnown(std::vector<Text>& texts) {
  std::vector<Hash128> hashes;
  hashes.reserve(texts.size());
  for (const Text& text : texts) hashes.push_back(text.hash);
  STRATA_TRY(const auto known, store_.VectorsOf(hashes));
  if (known.empty()) return {};
  std::unordered_map<Hash128, const std::vector<float>*, HashOfHash> vectors;
  for (const auto& [hash, vector] : known) vectors.emplace(hash, &vector);
  const auto waits = [&](const Text& text) { return !vectors.contains(text.hash); };
  const auto first_known = std::stable_partition(texts.begin(), texts.end(), waits);
  std::vector<float> rows;
  for (auto text = first_known; text != texts.end(); ++text) {
    const std::vector<float>& vector = *vectors.at(text->hash);
    rows.insert(rows.end(), vector.begin(), vector.end());
  }
  STRATA_CHECK(Put(std::span(first_known, texts.end()), rows));
  texts.erase(first_known, texts.end());
  return {};
}

/// A call that failed for several texts is made again for each: one's fault is not the others'. What may pass is left
/// for later, what cannot be embedded is found by its words alone. True: some wait no more.
bool VectorMaker::Embed(std::span<const Text> texts) {
  const Status together = EmbedTogether(texts);
  if (together) return true;
  if (texts.size() > 1) {
    bool made = false;
    for (const Text& text : texts) made |= !stop_ && Embed(std::span(&text, 1));
    return made;
  }
  LogWarning("a passage has no vector: {}", together.error().ToString());
  return !MayPass(together.error().code()) && Put(texts, {});
}

Status VectorMaker::EmbedTogether(std::span<const Text> texts) {
  std::vector<std::string> strings;
  for (const Text& text : texts) strings.push_back(text.text);
  STRATA_TRY(const std::vector<float> vectors, embedder_.Embed(strings, Embedder::Use::kPassage));
  return Put(texts, vectors);
}

/// vectors: [texts, dimensions], or none.
Status VectorMaker::Put(std::span<const Text> texts, std::span<const float> vectors) {
  const std::size_t dimensions = texts.empty() ? 0 : vectors.size() / texts.size();
  std::vector<ChunkId> chunks;
  std::vector<float> rows;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto vector = vectors.subspan(i * dimensions, dimensions);
    for (const ChunkId chunk : texts[i].chunks) {
      chunks.push_back(chunk);
      rows.insert(rows.end(), vector.begin(), vector.end());
    }
  }
  STRATA_CHECK(store_.PutVectors(chunks, rows));
  on_made_();
  return {};
}

}  // namespace strata::knowledge
