// For tests: whether everything that a base keeps agrees with what it should hold: the store, both indexes, who may see
// what.
#pragma once

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "knowledge/knowledge_base.h"

namespace strata::knowledge {

/// Ids of a ranking.
inline std::set<ChunkId> IdsIn(const Ranking& ranking) {
  std::set<ChunkId> ids;
  for (const ScoredChunk& scored : ranking) ids.insert(scored.id);
  return ids;
}

/// What is wrong with the indexes of a base, whatever it holds, when all vectors are made; empty: nothing. Nobody
/// changes it meanwhile.
inline std::string IndexDisagreement(const KnowledgeBase& base) {
  if (const Status made = base.WaitForVectors(); !made) return made.error().ToString();
  std::map<ChunkId, DocumentId> live;
  std::map<ChunkId, std::vector<float>> vectors;
  const Status listed = base.store().ForEachChunkId([&](ChunkId id, DocumentId document) { live[id] = document; });
  const Status read = base.store().ForEachChunk([&](const StoredChunk& chunk, std::span<const float> vector) {
    if (!vector.empty()) vectors[chunk.id].assign(vector.begin(), vector.end());
    return true;
  });
  if (!listed || !read) return (listed ? read : listed).error().ToString();
  if (base.lexical().size() != live.size() || base.vectors().size() != vectors.size()) {
    return fmt::format("the store has {} chunks with {} vectors, the words' index {}, the vectors' {}", live.size(),
                       vectors.size(), base.lexical().size(), base.vectors().size());
  }
  std::set<ChunkId> allowed;
  base.documents().Allowed({.sees_everything = true}).ForEach([&](ChunkId id) { allowed.insert(id); });
  for (const ChunkId id : allowed) {
    if (!live.contains(id)) return fmt::format("chunk {} may be found and is no more", id);
  }
  for (const auto& [id, document] : live) {
    if (!allowed.contains(id)) return fmt::format("chunk {} is there and may not be found", id);
    if (base.documents().DocumentOf(id) != document) return fmt::format("chunk {} is not of its document", id);
    if (!vectors.contains(id)) continue;  // it cannot be embedded
    const Ranking near = base.vectors().Search(vectors[id], live.size(), {.ef = 200});
    bool found = false;
    for (const ScoredChunk& scored : near) {
      if (!live.contains(scored.id))
        return fmt::format("the vectors' index finds chunk {}, which is no more", scored.id);
      found |= scored.id == id;
    }
    if (!found) return fmt::format("the vectors' index does not find chunk {}", id);
  }
  return "";
}

/// What of a base is not as it should be; empty: nothing. `texts`: by URI, what each document says. `gone`: words that
/// stand in no document any more.
inline std::string Disagreement(const KnowledgeBase& base, const std::map<std::string, std::string>& texts,
                                const std::set<std::string>& gone = {}) {
  std::map<std::string, DocumentRecord> there;
  for (DocumentId after = 0;;) {
    const auto page = base.store().Documents(after, 1000);
    if (!page) return page.error().ToString();
    if (page->empty()) break;
    for (const DocumentRecord& record : *page) there[record.uri] = record;
    after = page->back().id;
  }
  for (const auto& [uri, record] : there) {
    if (!texts.contains(uri)) return fmt::format("{} is a ghost", uri);
  }
  for (const auto& [uri, text] : texts) {
    const auto found = there.find(uri);
    if (found == there.end()) return fmt::format("{} is lost", uri);
    const auto stored = base.store().Text(found->second.id);
    if (!stored) return stored.error().ToString();
    if (*stored != text) return fmt::format("{} says {:?}, not {:?}", uri, stored->value_or(""), text);
  }
  std::map<std::string, std::set<ChunkId>> by_word;  // of the store: chunks that have it
  const Status read = base.store().ForEachChunk([&](const StoredChunk& stored, std::span<const float>) {
    const std::string& text = stored.chunk.text;
    for (std::size_t at = text.find("word"); at != std::string::npos; at = text.find("word", at + 1)) {
      by_word[text.substr(at, text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789", at) - at)].insert(
          stored.id);
    }
    return true;
  });
  if (!read) return read.error().ToString();
  for (const auto& [word, chunks] : by_word) {
    if (gone.contains(word)) return fmt::format("{} should be gone and stands in {} chunks", word, chunks.size());
    const std::set<ChunkId> found = IdsIn(base.lexical().Search(word, chunks.size() + 10));
    if (found != chunks) return fmt::format("{} stands in chunks {} and is found in {}", word, chunks, found);
  }
  for (const std::string& word : gone) {
    if (const auto found = base.lexical().Search(word, 10); !found.empty()) {
      return fmt::format("{} should be gone and is found in chunk {}", word, found.front().id);
    }
  }
  return IndexDisagreement(base);
}

}  // namespace strata::knowledge
