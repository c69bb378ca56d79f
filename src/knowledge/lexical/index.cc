#include "knowledge/lexical/index.h"

#include <algorithm>
#include <bit>
#include <mutex>
#include <utility>

#include "knowledge/index_file.h"
#include "knowledge/lexical/analyser.h"
#include "knowledge/lexical/bm25_search.h"
#include "knowledge/lexical/segment.h"

namespace strata::knowledge {
namespace {

constexpr std::uint32_t kFileVersion = 1;

// Segments of about the same size are merged when there are so many: a text is written again log8(texts) times, and a
// search looks at no more than some fifty segments.
constexpr std::size_t kMergeFactor = 8;

using Segments = std::vector<std::shared_ptr<Segment>>;

std::size_t SizeClass(const Segment& segment) {
  static_assert(kMergeFactor == 8);
  return static_cast<std::size_t>(std::bit_width(segment.live()) - 1) / 3;
}

std::shared_ptr<Segment> MakeSegment(ChunkId id, const AnalysedText& text, const Bm25& bm25) {
  SegmentBuilder builder({id}, {text.length});
  std::vector<TermCount> terms = text.terms;
  std::ranges::sort(terms, {}, &TermCount::term);
  for (const TermCount& term : terms) builder.AddTerm(term.term, std::vector<Posting>{{0, term.count}});
  return builder.Finish(bm25);
}

// What an index must agree on with its file.
std::string Identity(const LexicalOptions& options) {
  return fmt::format("analyser {} language {} k1 {} b {}", kAnalyserVersion, options.language, options.k1, options.b);
}

}  // namespace

// Searches work on the list of segments that they find; a writer puts another list in its place.
struct LexicalIndex::State {
  State(LexicalOptions given, Analyser made)
      : options(std::move(given)), analyser(std::move(made)), bm25{double{options.k1}, double{options.b}} {}

  LexicalOptions options;
  Analyser analyser;
  Bm25 bm25;
  std::mutex write_mutex;         ///< of the writer, all the time
  mutable std::mutex view_mutex;  ///< of `view`, for as long as a pointer is copied
  std::shared_ptr<const Segments> view = std::make_shared<Segments>();
  Sequence sequence = 0;

  std::shared_ptr<const Segments> View() const {
    const std::scoped_lock lock(view_mutex);
    return view;
  }

  void Show(Segments segments) {
    auto shown = std::make_shared<const Segments>(std::move(segments));
    const std::scoped_lock lock(view_mutex);
    view.swap(shown);
  }

  // Segments whose documents are mostly removed do not stay.
  void Remove(ChunkId id) {
    Segments segments = *View();
    for (auto& segment : segments) {
      const auto document = segment->FindDocument(id);
      if (!document || !segment->IsLive(*document)) continue;
      segment->Remove(*document);
      if (segment->live() * 2 > segment->documents()) return;
      segment = Merge(std::span(&segment, 1), bm25);
      std::erase(segments, nullptr);
      Show(std::move(segments));
      return;
    }
  }

  void Add(std::shared_ptr<Segment> added) {
    Segments segments = *View();
    segments.push_back(std::move(added));
    for (std::size_t size = SizeClass(*segments.back());; ++size) {
      Segments alike;
      for (const auto& segment : segments) {
        if (SizeClass(*segment) == size) alike.push_back(segment);
      }
      if (alike.size() < kMergeFactor) break;
      std::erase_if(segments, [&](const auto& segment) { return SizeClass(*segment) == size; });
      segments.push_back(Merge(alike, bm25));
    }
    Show(std::move(segments));
  }
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
  index->state_->Show(std::move(segments));
  index->state_->sequence = file.sequence();
  return index;
}

Status LexicalIndex::Save(const std::string& path, Sequence sequence) const {
  const std::scoped_lock lock(state_->write_mutex);
  const std::string identity = Identity(state_->options);
  IndexFileWriter writer(IndexFileKind::kLexical, kFileVersion, sequence);
  writer.Add(identity);
  const auto segments = state_->View();
  for (const auto& segment : *segments) segment->AddTo(writer);
  return writer.Write(path);
}

Sequence LexicalIndex::sequence() const { return state_->sequence; }

void LexicalIndex::Add(ChunkId id, std::string_view text) {
  std::shared_ptr<Segment> segment =
      MakeSegment(id, state_->analyser.Analyse(text, Analyser::Use::kText), state_->bm25);
  const std::scoped_lock lock(state_->write_mutex);
  state_->Remove(id);
  state_->Add(std::move(segment));
}

void LexicalIndex::Remove(ChunkId id) {
  const std::scoped_lock lock(state_->write_mutex);
  state_->Remove(id);
}

Ranking LexicalIndex::Search(std::string_view query, std::size_t k, const Bitmap* allowed) const {
  const AnalysedText analysed = state_->analyser.Analyse(query, Analyser::Use::kQuery);
  return SearchSegments(*state_->View(), analysed.terms, state_->bm25, k, allowed);
}

std::size_t LexicalIndex::size() const {
  std::size_t live = 0;
  for (const auto& segment : *state_->View()) live += segment->live();
  return live;
}

double LexicalIndex::waste() const {
  std::size_t live = 0, all = 0;
  for (const auto& segment : *state_->View()) {
    live += segment->live();
    all += segment->documents();
  }
  return all == 0 ? 0 : static_cast<double>(all - live) / static_cast<double>(all);
}

void LexicalIndex::Compact() {
  const std::scoped_lock lock(state_->write_mutex);
  Segments one = {Merge(*state_->View(), state_->bm25)};
  std::erase(one, nullptr);
  state_->Show(std::move(one));
}

}  // namespace strata::knowledge
