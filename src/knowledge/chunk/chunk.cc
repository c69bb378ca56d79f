#include "knowledge/chunk/chunk.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "knowledge/chunk/token_counter.h"
#include "knowledge/chunk/units.h"

namespace strata::knowledge {
namespace {

constexpr std::int64_t kLeastTokens = 32;
// Joined texts can have a few tokens more than their parts have.
constexpr std::int64_t kSlack = 4;
// Headings have at most this part of a chunk, a table's repeated header at most that one.
constexpr std::int64_t kContextPart = 4, kHeaderPart = 3;
// A section that fills less than this part of a chunk is joined with the next one.
constexpr std::int64_t kSmallPart = 4;

struct Limits {
  std::int64_t tokens, overlap;
};

struct Range {
  std::size_t begin, end;  ///< of units
};

class Chunker {
 public:
  Chunker(const ParsedDocument& document, const TokenCounter& counter, const UnitList& list)
      : document_(document), text_(document.text), counter_(counter), units_(list.units), paths_(list.paths) {}

  /// Appends the chunks of `units` and gives the units of each.
  std::vector<Range> Pack(Range units, const Limits& limits, std::vector<Chunk>& chunks) {
    std::vector<Range> packed;
    std::size_t begin = units.begin;
    std::size_t fresh = units.begin;  // the first unit that no chunk has yet
    while (fresh < units.end) {
      auto [chunk, end] = Cut(begin, fresh, units.end, limits);
      chunks.push_back(std::move(chunk));
      packed.push_back({begin, end});
      fresh = end;
      begin = fresh < units.end ? OverlapFrom(begin, end, limits) : end;
    }
    return packed;
  }

 private:
  struct Made {
    Chunk chunk;
    std::size_t end;
  };

  /// The chunk that begins with unit `begin` and has at least unit `fresh`. Where even that is too long, what is only
  /// added goes: overlap, context, the repeated header.
  Made Cut(std::size_t begin, std::size_t fresh, std::size_t limit, const Limits& limits) const {
    Chunk chunk = Start(begin, limits);
    std::string_view header = RepeatedHeader(begin, limits.tokens);
    const std::string head = fmt::format("{}\n{}\n", chunk.context, header);
    std::size_t end = Extent(begin, fresh, limit, limits.tokens - counter_.Cost(head, limits.tokens));
    while (true) {
      chunk.span = {units_[begin].span.begin, units_[end - 1].span.end};
      chunk.text = header.empty() ? "" : fmt::format("{}\n", header);
      chunk.text += text_.substr(chunk.span.begin, chunk.span.size());
      if (counter_.Cost(EmbeddedText(chunk), limits.tokens) <= limits.tokens) break;
      if (end > fresh + 1) {
        --end;
      } else if (begin < fresh) {
        begin = fresh;
        chunk = Start(begin, limits);
        header = RepeatedHeader(begin, limits.tokens);
      } else if (!chunk.context.empty()) {
        chunk.context.clear();
      } else if (!header.empty()) {
        header = {};
      } else {
        break;
      }
    }
    chunk.tokens = counter_.Tokens(EmbeddedText(chunk));
    chunk.hash = HashOf(EmbeddedText(chunk));
    return {std::move(chunk), end};
  }

  Chunk Start(std::size_t begin, const Limits& limits) const {
    const Block& block = document_.blocks[units_[begin].block];
    Chunk chunk;
    chunk.context = ContextOf(units_[begin], limits.tokens);
    chunk.place = block.place;
    chunk.hidden = block.hidden;
    return chunk;
  }

  /// How far a chunk goes that has room for `room` tokens: as far as it may, back to the best cut of its second half.
  std::size_t Extent(std::size_t begin, std::size_t fresh, std::size_t limit, std::int64_t room) const {
    std::int64_t cost = 0;
    for (std::size_t i = begin; i < fresh; ++i) cost += units_[i].cost;
    std::size_t end = fresh;
    while (end < limit && (end == fresh || cost + units_[end].cost <= room)) {
      if (end > fresh && MustCut(end, cost, room)) return end;
      cost += units_[end].cost;
      ++end;
    }
    if (end == limit) return end;
    std::size_t best = end;
    for (std::size_t i = end; i > fresh && cost * 2 >= room; --i) {
      if (units_[i].before > units_[best].before) best = i;
      cost -= units_[i - 1].cost;
    }
    return best;
  }

  bool MustCut(std::size_t at, std::int64_t cost, std::int64_t room) const {
    const Unit& unit = units_[at];
    if (document_.blocks[unit.block].hidden != document_.blocks[units_[at - 1].block].hidden) return true;
    if (unit.before == knowledge::Cut::kAlways) return true;
    return unit.before == knowledge::Cut::kSection && cost * kSmallPart >= room;
  }

  /// Where the chunk behind [begin, end) begins: with the last sentences again, where running text was cut.
  std::size_t OverlapFrom(std::size_t begin, std::size_t end, const Limits& limits) const {
    if (!units_[end].prose || units_[end].before >= knowledge::Cut::kSection) return end;
    std::int64_t cost = 0;
    std::size_t from = end;
    while (from > begin + 1) {
      const Unit& unit = units_[from - 1];
      cost += unit.cost;
      if (!unit.prose || unit.path != units_[end].path || cost > limits.overlap ||
          document_.blocks[unit.block].hidden != document_.blocks[units_[end].block].hidden) {
        break;
      }
      --from;
    }
    return from;
  }

  /// The header of the table in which unit `at` is a later row; empty where it has none, or a very long one.
  std::string_view RepeatedHeader(std::size_t at, std::int64_t tokens) const {
    const Block& block = document_.blocks[units_[at].block];
    if (block.kind != BlockKind::kTable || !block.header_row || block.rows.empty()) return {};
    const Span& header = block.rows.front();
    if (units_[at].span.begin < header.end) return {};
    const std::string_view row = text_.substr(header.begin, header.size());
    return counter_.Cost(row, tokens) * kHeaderPart <= tokens ? row : std::string_view();
  }

  /// "Title > Heading > Heading", without the outermost ones where that is too long.
  std::string ContextOf(const Unit& unit, std::int64_t tokens) const {
    std::vector<std::string_view> parts;
    if (!document_.title.empty()) parts.emplace_back(document_.title);
    for (const std::string& heading : paths_[unit.path]) {
      if (parts.empty() || parts.back() != heading) parts.emplace_back(heading);
    }
    // The heading that gave the document its title says it itself.
    const Span& block = document_.blocks[unit.block].span;
    if (parts.size() == 1 && parts[0] == text_.substr(block.begin, block.size())) return {};
    for (std::size_t first = 0; first < parts.size(); ++first) {
      std::string context(parts[first]);
      for (std::size_t i = first + 1; i < parts.size(); ++i) (context += " > ") += parts[i];
      if (counter_.Cost(context, tokens) * kContextPart <= tokens) return context;
    }
    return {};
  }

  const ParsedDocument& document_;
  std::string_view text_;
  const TokenCounter& counter_;
  const std::vector<Unit>& units_;
  const std::vector<std::vector<std::string>>& paths_;
};

}  // namespace

std::string EmbeddedText(const Chunk& chunk) {
  return chunk.context.empty() ? chunk.text : chunk.context + "\n" + chunk.text;
}

std::string IndexedText(const Chunk& chunk) {
  return chunk.context.empty() ? chunk.text : chunk.context + "\n" + EmbeddedText(chunk);
}

std::vector<Chunk> ChunkDocument(const ParsedDocument& document, const Tokenizer& tokenizer,
                                 const ChunkOptions& options) {
  const TokenCounter counter(tokenizer);
  const std::int64_t tokens = std::max(options.max_tokens, kLeastTokens);
  const Limits limits{tokens, std::clamp<std::int64_t>(options.overlap_tokens, 0, tokens / 2)};
  const std::int64_t unit_limit = tokens - std::max(tokens / kContextPart, tokens / kHeaderPart) - kSlack;
  const UnitList list = MakeUnits(document, counter, unit_limit, options.method);
  Chunker chunker(document, counter, list);
  const Range all{0, list.units.size()};
  std::vector<Chunk> chunks;
  if (options.method != ChunkMethod::kParentChild) {
    chunker.Pack(all, limits, chunks);
    return chunks;
  }
  std::vector<Chunk> parents;
  const Limits parent_limits{std::max(options.parent_tokens, tokens), 0};
  const std::vector<Range> ranges = chunker.Pack(all, parent_limits, parents);
  for (std::size_t i = 0; i < parents.size(); ++i) {
    const auto parent = static_cast<std::int32_t>(chunks.size());
    parents[i].searchable = false;
    chunks.push_back(std::move(parents[i]));
    chunker.Pack(ranges[i], limits, chunks);
    for (std::size_t child = static_cast<std::size_t>(parent) + 1; child < chunks.size(); ++child) {
      chunks[child].parent = parent;
    }
  }
  return chunks;
}

}  // namespace strata::knowledge
