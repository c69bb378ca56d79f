#include "knowledge/lexical/analyser.h"

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include <fmt/ranges.h>
#include <libstemmer.h>

#include "base/unicode.h"
#include "knowledge/lexical/scanner.h"
#include "knowledge/lexical/stop_words.h"

namespace strata::knowledge {
namespace {

/// Longer words (encoded data, mostly) are known by their beginning, and wholes of joined words are none.
constexpr std::size_t kMaxTermBytes = 128;

struct DeleteStemmer {
  void operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }
};
using Stemmer = std::unique_ptr<sb_stemmer, DeleteStemmer>;

bool IsAscii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string Fold(std::string_view word) {
  if (!IsAscii(word)) return FoldCase(word);
  std::string folded(word);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return folded;
}

std::string_view Truncate(std::string_view word) {
  if (word.size() <= kMaxTermBytes) return word;
  return word.substr(0, CompleteUtf8Prefix(word.substr(0, kMaxTermBytes)));
}

// Counts terms in the order in which they first come.
class Counter {
 public:
  void Add(std::string term) {
    const auto [entry, added] = places_.try_emplace(std::move(term), static_cast<std::uint32_t>(terms_.size()));
    if (added) terms_.push_back({entry->first, 0});
    ++terms_[entry->second].count;
  }
  std::vector<TermCount> Take() { return std::move(terms_); }

 private:
  std::unordered_map<std::string, std::uint32_t> places_;
  std::vector<TermCount> terms_;
};

}  // namespace

// Stemmers keep the word that they work on, so that each analysis borrows one.
struct Analyser::State {
  std::string language;
  std::unordered_set<std::string_view> stop_words;
  std::mutex mutex;
  std::vector<Stemmer> idle;

  Stemmer Borrow() {
    if (language == "none") return nullptr;
    const std::scoped_lock lock(mutex);
    if (idle.empty()) return Stemmer(sb_stemmer_new(language.c_str(), nullptr));
    Stemmer stemmer = std::move(idle.back());
    idle.pop_back();
    return stemmer;
  }
  void GiveBack(Stemmer stemmer) {
    if (stemmer == nullptr) return;
    const std::scoped_lock lock(mutex);
    idle.push_back(std::move(stemmer));
  }
};

namespace {

// One text's analysis.
class Analysis {
 public:
  Analysis(std::string_view text, bool query, const std::unordered_set<std::string_view>& stop_words,
           sb_stemmer* stemmer)
      : text_(text), query_(query), stop_words_(stop_words), stemmer_(stemmer) {}

  AnalysedText Run() {
    const std::vector<ScannedWord> words = ScanWords(text_);
    for (std::size_t i = 0; i < words.size();) {
      if (words[i].kind == ScannedWord::Kind::kSpaceless) {
        AddSpaceless(text_.substr(words[i].begin, words[i].end - words[i].begin));
        ++i;
        continue;
      }
      std::size_t end = i + 1;
      while (end < words.size() && words[end].joined) ++end;
      for (std::size_t word = i; word < end; ++word) AddWord(words[word]);
      const std::size_t bytes = words[end - 1].end - words[i].begin;
      if (end - i > 1 && bytes <= kMaxTermBytes) counter_.Add(Fold(text_.substr(words[i].begin, bytes)));
      i = end;
    }
    return {counter_.Take(), length_};
  }

 private:
  void AddWord(const ScannedWord& scanned) {
    const std::string_view word = text_.substr(scanned.begin, scanned.end - scanned.begin);
    if (AddTerm(word, scanned.has_digit)) ++length_;
    if (word.size() > kMaxTermBytes) return;
    const std::vector<std::size_t> ends = PieceEnds(word);
    if (ends.size() == 1) return;
    std::size_t begin = 0;
    for (const std::size_t end : ends) {
      const std::string_view piece = word.substr(begin, end - begin);
      begin = end;
      if (CountCodePoints(piece) < 2) continue;
      AddTerm(piece, IsNumber(DecodeUtf8(piece).code_point));
    }
  }

  // Whether the word gives a term.
  bool AddTerm(std::string_view word, bool has_digit) {
    std::string term = Fold(Truncate(word));
    if (has_digit) {
      std::erase(term, ',');
    } else {
      for (std::size_t at; (at = term.find("\u2019")) != std::string::npos;) term.replace(at, 3, "'");
      if (stop_words_.contains(term)) return false;
      if (stemmer_ != nullptr) term = Stem(term);
    }
    if (term.empty()) return false;
    counter_.Add(std::move(term));
    return true;
  }

  std::string Stem(const std::string& word) {
    const auto* stem =
        sb_stemmer_stem(stemmer_, reinterpret_cast<const sb_symbol*>(word.data()), static_cast<int>(word.size()));
    return {reinterpret_cast<const char*>(stem), static_cast<std::size_t>(sb_stemmer_length(stemmer_))};
  }

  void AddSpaceless(std::string_view run) {
    std::vector<std::string_view> characters;
    while (!run.empty()) {
      const std::size_t length = DecodeUtf8(run).length;
      characters.push_back(run.substr(0, length));
      run.remove_prefix(length);
    }
    if (characters.size() == 1 || !query_) {
      for (const std::string_view character : characters) counter_.Add(Fold(character));
    }
    for (std::size_t i = 0; i + 1 < characters.size(); ++i) {
      counter_.Add(Fold({characters[i].data(), characters[i].size() + characters[i + 1].size()}));
    }
    length_ += static_cast<std::uint32_t>(std::max<std::size_t>(1, characters.size() - 1));
  }

  std::string_view text_;
  bool query_;
  const std::unordered_set<std::string_view>& stop_words_;
  sb_stemmer* stemmer_;
  Counter counter_;
  std::uint32_t length_ = 0;
};

}  // namespace

Result<Analyser> Analyser::Create(const std::string& language) {
  auto state = std::make_unique<State>();
  state->language = language;
  Stemmer stemmer = state->Borrow();
  if (language != "none" && stemmer == nullptr) {
    std::vector<std::string_view> names;
    for (const char* const* name = sb_stemmer_list(); *name != nullptr; ++name) names.emplace_back(*name);
    return Fail(ErrorCode::kInvalidArgument, "no stemmer for language \"{}\"; there are: none, {}", language,
                fmt::join(names, ", "));
  }
  state->GiveBack(std::move(stemmer));
  std::string_view words = StopWords(language);
  while (!words.empty()) {
    const std::size_t end = std::min(words.find(' '), words.size());
    state->stop_words.insert(words.substr(0, end));
    words.remove_prefix(std::min(end + 1, words.size()));
  }
  return Analyser(std::move(state));
}

Analyser::Analyser(std::unique_ptr<State> state) : state_(std::move(state)) {}
Analyser::Analyser(Analyser&&) noexcept = default;
Analyser& Analyser::operator=(Analyser&&) noexcept = default;
Analyser::~Analyser() = default;

AnalysedText Analyser::Analyse(std::string_view text, Use use) const {
  std::string normal;
  if (!IsAscii(text)) text = normal = Normalize(text, NormalizationForm::kNfkc);
  Stemmer stemmer = state_->Borrow();
  AnalysedText analysed = Analysis(text, use == Use::kQuery, state_->stop_words, stemmer.get()).Run();
  state_->GiveBack(std::move(stemmer));
  return analysed;
}

}  // namespace strata::knowledge
