#include "knowledge/lexical/index.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

#include "knowledge/index_file.h"
#include "knowledge/lexical/analyser.h"

namespace strata::knowledge {

struct LexicalIndex::State {
  State(LexicalOptions given, Analyser made) : options(std::move(given)), analyser(std::move(made)) {}

  LexicalOptions options;
  Analyser analyser;
  Sequence sequence = 0;
  mutable std::shared_mutex mutex;
  std::unordered_map<std::string, std::map<ChunkId, std::uint32_t>> postings;
  std::map<ChunkId, AnalysedText> texts;
  std::uint64_t total_length = 0;

  void Remove(ChunkId id) {
    const auto found = texts.find(id);
    if (found == texts.end()) return;
    total_length -= found->second.length;
    for (const TermCount& term : found->second.terms) {
      const auto list = postings.find(term.term);
      list->second.erase(id);
      if (list->second.empty()) postings.erase(list);
    }
    texts.erase(found);
  }

  void Add(ChunkId id, AnalysedText text) {
    Remove(id);
    total_length += text.length;
    for (const TermCount& term : text.terms) postings[term.term][id] = term.count;
    texts.emplace(id, std::move(text));
  }
};

namespace {

constexpr std::uint32_t kFileVersion = 1;

std::string OptionsText(const LexicalOptions& options) {
  return fmt::format("{} {} {} {}", kAnalyserVersion, options.language, options.k1, options.b);
}

}  // namespace

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
  STRATA_TRY(const auto made_with, file.Next<char>());
  if (std::string_view(made_with.data(), made_with.size()) != OptionsText(options)) {
    return Fail(ErrorCode::kCorrupt, "{}: made with other options", path);
  }
  STRATA_TRY(const auto ids, file.Next<ChunkId>());
  STRATA_TRY(const auto lengths, file.Next<std::uint32_t>());
  STRATA_TRY(const auto term_numbers, file.Next<std::uint32_t>());
  STRATA_TRY(const auto counts, file.Next<std::uint32_t>());
  STRATA_TRY(const auto term_bytes, file.Next<std::uint32_t>());
  STRATA_TRY(const auto words, file.Next<char>());
  std::size_t term = 0, byte = 0;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    AnalysedText text{{}, lengths.at(i)};
    for (std::uint32_t t = 0; t < term_numbers.at(i); ++t, ++term) {
      text.terms.push_back({std::string(words.data() + byte, term_bytes.at(term)), counts.at(term)});
      byte += term_bytes[term];
    }
    index->state_->Add(ids[i], std::move(text));
  }
  index->state_->sequence = file.sequence();
  return index;
}

Status LexicalIndex::Save(const std::string& path, Sequence sequence) const {
  const std::shared_lock lock(state_->mutex);
  const std::string made_with = OptionsText(state_->options);
  std::vector<std::uint32_t> ids, lengths, term_numbers, counts, term_bytes;
  std::string words;
  for (const auto& [id, text] : state_->texts) {
    ids.push_back(id);
    lengths.push_back(text.length);
    term_numbers.push_back(static_cast<std::uint32_t>(text.terms.size()));
    for (const TermCount& term : text.terms) {
      counts.push_back(term.count);
      term_bytes.push_back(static_cast<std::uint32_t>(term.term.size()));
      words += term.term;
    }
  }
  IndexFileWriter writer(IndexFileKind::kLexical, kFileVersion, sequence);
  writer.Add(made_with);
  for (const auto* section : {&ids, &lengths, &term_numbers, &counts, &term_bytes}) writer.Add(*section);
  writer.Add(words);
  return writer.Write(path);
}

Sequence LexicalIndex::sequence() const { return state_->sequence; }

void LexicalIndex::Add(ChunkId id, std::string_view text) {
  AnalysedText analysed = state_->analyser.Analyse(text, Analyser::Use::kText);
  const std::unique_lock lock(state_->mutex);
  state_->Add(id, std::move(analysed));
}

void LexicalIndex::Remove(ChunkId id) {
  const std::unique_lock lock(state_->mutex);
  state_->Remove(id);
}

Ranking LexicalIndex::Search(std::string_view query, std::size_t k, const Bitmap* allowed) const {
  const AnalysedText analysed = state_->analyser.Analyse(query, Analyser::Use::kQuery);
  const std::shared_lock lock(state_->mutex);
  const auto number = static_cast<double>(state_->texts.size());
  const double mean_length = static_cast<double>(state_->total_length) / number;
  const double k1 = double{state_->options.k1}, b = double{state_->options.b};
  std::map<ChunkId, double> scores;
  for (const TermCount& term : analysed.terms) {
    const auto list = state_->postings.find(term.term);
    if (list == state_->postings.end()) continue;
    const auto df = static_cast<double>(list->second.size());
    const double idf = std::log(1 + (number - df + 0.5) / (df + 0.5));
    for (const auto& [id, count] : list->second) {
      if (allowed != nullptr && !allowed->Has(id)) continue;
      const double length = state_->texts.at(id).length;
      scores[id] += term.count * idf * count / (count + k1 * (1 - b + b * length / mean_length));
    }
  }
  Ranking ranking;
  for (const auto& [id, score] : scores) ranking.push_back({id, static_cast<float>(score)});
  std::ranges::stable_sort(ranking, std::greater<>(), &ScoredChunk::score);
  if (ranking.size() > k) ranking.resize(k);
  return ranking;
}

std::size_t LexicalIndex::size() const {
  const std::shared_lock lock(state_->mutex);
  return state_->texts.size();
}
double LexicalIndex::waste() const { return 0; }
void LexicalIndex::Compact() {}

}  // namespace strata::knowledge
