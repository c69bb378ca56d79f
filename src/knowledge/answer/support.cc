#include "knowledge/answer/support.h"

#include <algorithm>
#include <utility>

#include "knowledge/chunk/sentences.h"

namespace strata::knowledge {
namespace {

constexpr std::size_t kWindowSentences = 3;
// Words alone decide above this, and below that a source has too little in common to be the one.
constexpr double kSurelyAttributed = .7, kPerhapsAttributed = .3;
constexpr std::size_t kCompared = 3;  // sources whose vectors are compared

bool IsNumber(std::string_view word) { return !word.empty() && word.front() >= '0' && word.front() <= '9'; }

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/// Text with each run of white space as one space, and where each of its bytes was.
struct Folded {
  std::string text;
  std::vector<std::size_t> from;

  explicit Folded(std::string_view original) {
    for (std::size_t i = 0; i < original.size(); ++i) {
      const bool space = IsSpace(original[i]);
      if (space && (text.empty() || text.back() == ' ')) continue;
      text += space ? ' ' : original[i];
      from.push_back(i);
    }
    while (text.ends_with(' ')) text.pop_back();
  }
};

}  // namespace

SupportChecker::SupportChecker(std::span<const Source> sources, const Analyser& analyser, Embedder& embedder)
    : sources_(sources), analyser_(analyser), embedder_(embedder) {
  for (const Source& source : sources_) {
    std::vector<Sentence>& sentences = sentences_.emplace_back();
    const Passage& passage = source.passage;
    for (std::size_t i = 0; i < passage.pieces.size(); ++i) {
      for (const Span span : SplitSentences(passage.text, {passage.pieces[i].begin, passage.pieces[i].end})) {
        Sentence& sentence = sentences.emplace_back(Sentence{.piece = i, .span = span, .words = {}});
        const std::string_view text = std::string_view(passage.text).substr(span.begin, span.size());
        for (TermCount& term : analyser_.Analyse(text, Analyser::Use::kText).terms) {
          sentence.words.insert(std::move(term.term));
        }
      }
    }
  }
}

std::vector<std::string> SupportChecker::ContentWords(std::string_view text) const {
  std::vector<std::string> words;
  for (TermCount& term : analyser_.Analyse(text, Analyser::Use::kQuery).terms) words.push_back(std::move(term.term));
  return words;
}

Window SupportChecker::BestWindow(int number, std::span<const std::string> words) const {
  const std::vector<Sentence>& sentences = sentences_[static_cast<std::size_t>(number - 1)];
  Window best;
  for (std::size_t first = 0; first < sentences.size(); ++first) {
    std::vector<bool> has(words.size());
    for (std::size_t last = first; last < std::min(first + kWindowSentences, sentences.size()); ++last) {
      if (sentences[last].piece != sentences[first].piece) break;
      for (std::size_t i = 0; i < words.size(); ++i) has[i] = has[i] || sentences[last].words.contains(words[i]);
      Window window{.piece = sentences[first].piece, .span = {sentences[first].span.begin, sentences[last].span.end}};
      if (!words.empty()) {
        window.coverage = static_cast<double>(std::ranges::count(has, true)) / static_cast<double>(words.size());
      }
      for (std::size_t i = 0; i < words.size(); ++i) window.numbers = window.numbers && (has[i] || !IsNumber(words[i]));
      const bool better = best.span.size() == 0 || window.coverage > best.coverage ||
                          (window.coverage == best.coverage && window.span.size() < best.span.size());
      if (better) best = window;
    }
  }
  return best;
}

Result<std::optional<int>> SupportChecker::Attribute(std::string_view statement,
                                                     std::span<const std::string> words) const {
  if (words.empty()) return std::nullopt;
  std::vector<std::pair<int, Window>> candidates;
  for (const Source& source : sources_) {
    const Window window = BestWindow(source.number, words);
    if (window.numbers && window.coverage >= kPerhapsAttributed) candidates.emplace_back(source.number, window);
  }
  if (candidates.empty()) return std::nullopt;
  std::ranges::stable_sort(candidates, std::greater(), [](const auto& candidate) { return candidate.second.coverage; });
  if (candidates.front().second.coverage >= kSurelyAttributed) return candidates.front().first;
  if (candidates.size() > kCompared) candidates.resize(kCompared);
  std::vector<std::string> texts = {std::string(statement)};
  for (const auto& [number, window] : candidates) {
    const Passage& passage = sources_[static_cast<std::size_t>(number - 1)].passage;
    texts.push_back(passage.text.substr(window.span.begin, window.span.size()));
  }
  STRATA_TRY(const std::vector<float> vectors, embedder_.Embed(texts, Embedder::Use::kPassage),
             "while attributing a statement");
  const std::size_t width = vectors.size() / texts.size();
  std::optional<int> best;
  double best_strength = kSupported;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    double cosine = 0;
    for (std::size_t k = 0; k < width; ++k) {
      cosine += static_cast<double>(vectors[k]) * static_cast<double>(vectors[(i + 1) * width + k]);
    }
    const double strength = (candidates[i].second.coverage + cosine) / 2;
    if (strength >= best_strength) best = candidates[i].first, best_strength = strength;
  }
  return best;
}

std::optional<Citation> SupportChecker::FindQuote(std::string_view quote, std::span<const int> preferred) const {
  // Without a full stop that belongs to the sentence around it.
  std::string wanted = Folded(quote).text;
  while (!wanted.empty() && std::string_view(".,;:").contains(wanted.back())) wanted.pop_back();
  if (wanted.empty()) return std::nullopt;
  std::vector<int> order(preferred.begin(), preferred.end());
  for (const Source& source : sources_) order.push_back(source.number);
  for (const int number : order) {
    if (!IsSource(number)) continue;
    const Passage& passage = sources_[static_cast<std::size_t>(number - 1)].passage;
    const Folded text(passage.text);
    const std::size_t at = text.text.find(wanted);
    if (at == std::string::npos) continue;
    const Span span{text.from[at], text.from[at + wanted.size() - 1] + 1};
    for (std::size_t i = 0; i < passage.pieces.size(); ++i) {
      if (span.begin < passage.pieces[i].begin || span.begin >= passage.pieces[i].end) continue;
      Citation citation = CiteSpan(number, i, span);
      citation.support = 1;
      return citation;
    }
  }
  return std::nullopt;
}

Citation SupportChecker::Cite(int number, const Window& window) const {
  Citation citation = CiteSpan(number, window.piece, window.span);
  citation.support = window.coverage;
  return citation;
}

Citation SupportChecker::CiteSpan(int number, std::size_t piece_number, Span span) const {
  const Passage& passage = sources_[static_cast<std::size_t>(number - 1)].passage;
  const PassagePiece& piece = passage.pieces[piece_number];
  Citation citation{.source = number,
                    .chunk = piece.chunk.id,
                    .document = passage.document->id,
                    .version = passage.version,
                    .uri = passage.document->uri,
                    .title = passage.document->title,
                    .place = piece.chunk.chunk.place,
                    .span = piece.chunk.chunk.span};
  if (piece.source && span.size() > 0) {
    const std::size_t begin = *piece.source + (span.begin - piece.begin);
    // A quotation may go on in the next chunk, which follows in the document as well.
    citation.span = {begin, begin + span.size()};
  }
  return citation;
}

}  // namespace strata::knowledge
