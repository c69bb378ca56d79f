// Hits with their surroundings.
#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "base/unicode.h"
#include "knowledge/search/searcher.h"

namespace strata::knowledge {
namespace {

/// Chunks of one document that are to be shown, by their place in it.
struct Taken {
  std::shared_ptr<const DocumentRecord> document;
  struct Entry {
    StoredChunk chunk;
    double score = 0;
  };
  std::map<std::int32_t, Entry> chunks;
  bool hidden = false;  ///< something was left out
};

class Reader {
 public:
  Reader(const SearchSources& sources, const ReadOptions& options)
      : sources_(sources), options_(options), left_(options.max_tokens) {}

  Result<std::vector<Passage>> Run(std::span<const Hit> hits) {
    for (const Hit& hit : hits) STRATA_CHECK(TakeHit(hit));
    for (int distance = 1; distance <= options_.neighbours; ++distance) {
      for (const auto& [document, ordinal, score] : surroundable_) {
        for (const std::int32_t side : {-1, 1}) {
          STRATA_CHECK(TakeNeighbour(document, ordinal + side * distance, ordinal + side * (distance - 1), score));
        }
      }
    }
    std::vector<Passage> passages;
    for (auto& [id, taken] : taken_) Join(std::move(taken), passages);
    std::ranges::sort(passages, [](const Passage& a, const Passage& b) {
      return std::tie(b.score, a.document->uri, a.pieces.front().chunk.ordinal) <
             std::tie(a.score, b.document->uri, b.pieces.front().chunk.ordinal);
    });
    return passages;
  }

 private:
  struct Surroundable {
    DocumentId document;
    std::int32_t ordinal;
    double score;
  };

  std::int64_t TokensOf(const Chunk& chunk) const {
    return options_.count_tokens ? options_.count_tokens(chunk.text) : chunk.tokens;
  }

  Status TakeHit(const Hit& hit) {
    auto document = sources_.documents->Find(hit.chunk.document, options_.principal);
    if (document == nullptr) return {};
    Taken& taken = taken_[hit.chunk.document];
    taken.document = std::move(document);
    if (hit.chunk.chunk.hidden) {
      taken.hidden = true;
      return {};
    }
    if (hit.chunk.parent_id) {
      STRATA_TRY(std::vector<StoredChunk> parents, sources_.store->Chunks(std::span(&*hit.chunk.parent_id, 1)),
                 "while reading the chunk around a hit");
      if (parents.size() == 1 && parents.front().document == hit.chunk.document && !parents.front().chunk.hidden &&
          Take(taken, std::move(parents.front()), hit.score)) {
        return {};
      }
    }
    if (Take(taken, hit.chunk, hit.score)) {
      if (!hit.chunk.parent_id) surroundable_.push_back({hit.chunk.document, hit.chunk.ordinal, hit.score});
    } else if (left_ == options_.max_tokens && left_ > 0) {
      TakeCut(taken, hit);
    }
    return {};
  }

  /// False where it does not fit.
  bool Take(Taken& taken, StoredChunk chunk, double score) {
    const auto place = taken.chunks.find(chunk.ordinal);
    if (place != taken.chunks.end()) return true;
    const std::int64_t tokens = TokensOf(chunk.chunk);
    if (tokens > left_) return false;
    left_ -= tokens;
    const std::int32_t ordinal = chunk.ordinal;
    taken.chunks[ordinal] = {std::move(chunk), score};
    return true;
  }

  /// As much of the best hit as fits.
  void TakeCut(Taken& taken, const Hit& hit) {
    StoredChunk chunk = hit.chunk;
    while (!chunk.chunk.text.empty() && TokensOf(chunk.chunk) > left_) {
      // By the share that fits; a little less, so that it ends.
      const double share = .9 * static_cast<double>(left_) / static_cast<double>(TokensOf(chunk.chunk));
      const std::string_view text = chunk.chunk.text;
      const auto bytes = static_cast<std::size_t>(share * static_cast<double>(text.size()));
      const std::int64_t tokens = chunk.chunk.tokens;
      chunk.chunk.tokens = static_cast<std::int64_t>(share * static_cast<double>(tokens));
      chunk.chunk.text.resize(CompleteUtf8Prefix(text.substr(0, bytes)));
      chunk.chunk.span.end = chunk.chunk.span.begin + std::min(chunk.chunk.span.size(), chunk.chunk.text.size());
    }
    if (!chunk.chunk.text.empty()) Take(taken, std::move(chunk), hit.score);
  }

  /// `ordinal`, if what is between it and the hit was taken.
  Status TakeNeighbour(DocumentId id, std::int32_t ordinal, std::int32_t inner, double score) {
    Taken& taken = taken_[id];
    if (ordinal < 0 || taken.chunks.contains(ordinal) || !taken.chunks.contains(inner)) return {};
    STRATA_TRY(std::vector<StoredChunk> found, sources_.store->ChunksOf(id, ordinal, 1),
               "while reading the neighbours of a hit");
    if (found.size() != 1 || found.front().ordinal != ordinal) return {};
    if (found.front().version != taken.chunks[inner].chunk.version) return {};
    if (found.front().chunk.hidden) {
      taken.hidden = true;
      return {};
    }
    if (found.front().chunk.searchable && !found.front().parent_id) Take(taken, std::move(found.front()), score);
    return {};
  }

  /// A passage of each run of neighbours.
  static void Join(Taken taken, std::vector<Passage>& passages) {
    std::int32_t next = -1;
    std::size_t covered = 0;  // byte of the document's text up to which the passage has it
    for (auto& [ordinal, entry] : taken.chunks) {
      Chunk& chunk = entry.chunk.chunk;
      if (chunk.text.empty()) continue;
      if (ordinal != next || passages.back().version != entry.chunk.version) {
        passages.push_back({.document = taken.document, .version = entry.chunk.version, .text = {}, .pieces = {}});
        passages.back().score = entry.score;
        passages.back().hidden_left_out = taken.hidden;
        covered = chunk.span.begin;
      }
      next = ordinal + 1;
      Passage& passage = passages.back();
      passage.score = std::max(passage.score, entry.score);
      passage.tokens += chunk.tokens;
      // Rows of tables repeat their header: such a text is longer than its span.
      const bool exact = chunk.text.size() == chunk.span.size();
      const std::size_t overlap = exact && covered > chunk.span.begin ? covered - chunk.span.begin : 0;
      if (overlap >= chunk.text.size()) continue;
      if (!passage.text.empty() && overlap == 0) passage.text += "\n\n";
      PassagePiece piece{.chunk = {}, .begin = passage.text.size()};
      passage.text += std::string_view(chunk.text).substr(overlap);
      piece.end = passage.text.size();
      if (exact) piece.source = chunk.span.begin + overlap;
      covered = std::max(covered, chunk.span.end);
      piece.chunk = std::move(entry.chunk);
      passage.pieces.push_back(std::move(piece));
    }
  }

  const SearchSources& sources_;
  const ReadOptions& options_;
  std::int64_t left_;
  std::map<DocumentId, Taken> taken_;
  std::vector<Surroundable> surroundable_;
};

}  // namespace

Result<std::vector<Passage>> Searcher::Read(std::span<const Hit> hits, const ReadOptions& options) const {
  return Reader(sources_, options).Run(hits);
}

}  // namespace strata::knowledge
