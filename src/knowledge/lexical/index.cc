#include "knowledge/lexical/index.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "knowledge/index_file.h"
#include "knowledge/lexical/analyser.h"
#include "knowledge/lexical/bm25_search.h"
#include "knowledge/lexical/segment_list.h"

namespace strata::knowledge {
namespace {

constexpr std::uint32_t kFileVersion = 1;

std::shared_ptr<Segment> MakeSegment(const std::map<ChunkId, AnalysedText>& texts, const Bm25& bm25) {
  std::vector<ChunkId> ids;
  std::vector<std::uint32_t> lengths;
  std::unordered_map<std::string_view, std::vector<Posting>> postings;
  for (const auto& [id, text] : texts) {
    const auto document = static_cast<std::uint32_t>(ids.size());
    ids.push_back(id);
    lengths.push_back(text.length);
    for (const TermCount& term : text.terms) postings[term.term].push_back({document, term.count});
  }
  std::vector<std::string_view> terms;
  terms.reserve(postings.size());
  for (const auto& [term, documents] : postings) terms.push_back(term);
  std::ranges::sort(terms);
  SegmentBuilder builder(std::move(ids), std::move(lengths));
  for (const std::string_view term : terms) builder.AddTerm(term, postings.at(term));
  return builder.Finish(bm25);
}

// What an index must agree on with its file.
std::string Identity(const LexicalOptions& options) {
  return fmt::format("analyser {} language {} k1 {} b {}", kAnalyserVersion, options.language, options.k1, options.b);
}

}  // namespace

struct LexicalIndex::State {
  State(LexicalOptions given, Analyser made) : options(std::move(given)), analyser(std::move(made)), segments(bm25) {}

  LexicalOptions options;
  Analyser analyser;
  Bm25 bm25{double{options.k1}, double{options.b}};
  SegmentList segments;
  Sequence sequence = 0;
};

LexicalIndex::LexicalIndex(std::unique_ptr<State> state) : state_(std::move(state)) {}
LexicalIndex::~LexicalIndex() = default;

Result<std::unique_ptr<LexicalIndex>> LexicalIndex::Create(const LexicalOptions& options) {
  if (!(options.k1 >= 0) || !(options.b >= 0 && options.b <= 1)) {
    return Fail(ErrorCode::kInvalidArgument, "BM25 with k1 = {} and b = {}: k1 is at least 0, b from 0 to 1",
                options.k1, options.b);
  }
  STRATA_TRY(Analyser analyser, Analyser::Create(options.language));
  return std::unique_ptr<LexicalIndex>(new LexicalIndex(std::make_unique<State>(options, std::move(analyser))));
}

Result<std::unique_ptr<LexicalIndex>> LexicalIndex::Load(const std::string& path, const LexicalOptions& options) {
  STRATA_TRY(auto index, Create(options));
  STRATA_TRY(IndexFile file, IndexFile::Open(path, IndexFileKind::kLexical, kFileVersion));
  STRATA_TRY(const auto identity, file.Next<char>());
  if (std::string_view(identity.data(), identity.size()) != Identity(options)) {
    return Fail(ErrorCode::kCorrupt, "{}: made with other options ({})", path,
                std::string_view(identity.data(), identity.size()));
  }
  Segments segments;
  std::vector<ChunkId> live;
  while (!file.AtEnd()) {
    STRATA_TRY(segments.emplace_back(), Segment::Read(file, index->state_->bm25));
    const Segment& segment = *segments.back();
    if (segment.live() == 0) return Fail(ErrorCode::kCorrupt, "{}: a segment without documents", path);
    for (std::uint32_t document = 0; document < segment.documents(); ++document) {
      if (segment.IsLive(document)) live.push_back(segment.ids()[document]);
    }
  }
  std::ranges::sort(live);
  if (std::ranges::adjacent_find(live) != live.end()) return Fail(ErrorCode::kCorrupt, "{}: a chunk twice", path);
  index->state_->segments.Restore(std::move(segments));
  index->state_->sequence = file.sequence();
  return index;
}

Status LexicalIndex::Save(const std::string& path, Sequence sequence) const {
  const std::string identity = Identity(state_->options);
  IndexFileWriter writer(IndexFileKind::kLexical, kFileVersion, sequence);
  writer.Add(identity);
  const auto segments = state_->segments.View();
  for (const auto& segment : *segments) segment->AddTo(writer);
  return writer.Write(path);
}

Sequence LexicalIndex::sequence() const { return state_->sequence; }

void LexicalIndex::Add(ChunkId id, std::string_view text) {
  const std::pair<ChunkId, std::string> one(id, text);
  AddAll({&one, 1});
}

void LexicalIndex::AddAll(std::span<const std::pair<ChunkId, std::string>> texts) {
  if (texts.empty()) return;
  std::map<ChunkId, AnalysedText> analysed;
  for (const auto& [id, text] : texts) {
    analysed.insert_or_assign(id, state_->analyser.Analyse(text, Analyser::Use::kText));
  }
  state_->segments.Add(MakeSegment(analysed, state_->bm25));
}

void LexicalIndex::Remove(ChunkId id) { state_->segments.Remove(id); }

Ranking LexicalIndex::Search(std::string_view query, std::size_t k, const Bitmap* allowed) const {
  const AnalysedText analysed = state_->analyser.Analyse(query, Analyser::Use::kQuery);
  return SearchSegments(*state_->segments.View(), analysed.terms, state_->bm25, k, allowed);
}

std::size_t LexicalIndex::size() const {
  std::size_t live = 0;
  for (const auto& segment : *state_->segments.View()) live += segment->live();
  return live;
}

void LexicalIndex::Compact() { state_->segments.Compact(); }

}  // namespace strata::knowledge
