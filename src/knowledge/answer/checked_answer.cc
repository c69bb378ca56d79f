#include "knowledge/answer/checked_answer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <utility>

#include "knowledge/answer/links.h"
#include "knowledge/answer/markers.h"

namespace strata::knowledge {
namespace {

struct QuoteMarks {
  std::string_view open, close;
};
constexpr std::array<QuoteMarks, 4> kQuoteMarks = {{{"\"", "\""}, {"“", "”"}, {"«", "»"}, {"「", "」"}}};
// A shorter one is a name or a word that is talked about.
constexpr std::size_t kShortestQuote = 12;

// A model that says so many known things in a row says nothing else any more.
constexpr int kMostRepeated = 3;

/// Letters only, to compare what a model wrote with what it was told to write.
std::string Letters(std::string_view text) {
  std::string letters;
  for (const char c : text) {
    if (c >= 'A' && c <= 'Z') letters += static_cast<char>(c + 32);
    if (c >= 'a' && c <= 'z') letters += c;
  }
  return letters;
}

}  // namespace

CheckedAnswer::CheckedAnswer(const AnswerRequest& request, const SupportChecker& checker, Answer& answer)
    : request_(request),
      checker_(checker),
      answer_(answer),
      splitter_([this](std::string_view raw) { OnStatement(raw); }) {}

bool CheckedAnswer::Push(std::string_view text) {
  if (!stopped_ && !text.empty()) splitter_.Push(text);
  return !stopped_;
}

Status CheckedAnswer::Finish() {
  if (!stopped_) splitter_.Finish();
  if (error_) return std::unexpected(*error_);
  if (held_) return {};
  answer_.abstained = abstained_ ? Abstention::kModel : Abstention::kUnsupported;
  answer_.text = kAbstention;
  answer_.statements.clear();
  return {};
}

void CheckedAnswer::OnStatement(std::string_view raw) {
  if (stopped_) return;
  // What follows a refusal is an excuse, and what it comes after has been shown.
  if (Letters(raw).starts_with(Letters(kAbstention))) {
    abstained_ = stopped_ = true;
    return;
  }
  if (Repeats(raw)) {
    ++answer_.dropped_repetitions;
    answer_.stopped = stopped_ = ++repeated_ >= kMostRepeated;
    return;
  }
  repeated_ = 0;
  Result<Pending> checked = Check(raw);
  if (!checked) {
    error_ = checked.error();
    stopped_ = true;
    return;
  }
  const Statement& statement = checked->statement;
  held_ = held_ || (!statement.citations.empty() && (statement.supported || !request_.require_support));
  pending_.push_back(std::move(*checked));
  if (!held_) return;
  for (Pending& pending : pending_) Show(std::move(pending));
  pending_.clear();
}

bool CheckedAnswer::Repeats(std::string_view raw) {
  std::string words;
  for (const char c : WithoutMarkerText(raw)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 || std::isalnum(byte) != 0) words += static_cast<char>(std::tolower(byte));
  }
  return !words.empty() && !said_.insert(std::move(words)).second;
}

std::string CheckedAnswer::ReadMarkers(std::string_view text, std::vector<int>& numbers) {
  std::string clean;
  while (!text.empty()) {
    const auto marker = ReadMarker(text);
    if (!marker) {
      clean += text.front();
      text.remove_prefix(1);
      continue;
    }
    text.remove_prefix(marker->bytes);
    std::string kept;
    for (const int number : marker->numbers) {
      if (!checker_.IsSource(number)) {
        ++answer_.dropped_markers;
        continue;
      }
      if (std::ranges::find(numbers, number) == numbers.end()) numbers.push_back(number);
      kept += fmt::format("[{}]", number);
    }
    if (kept.empty() && clean.ends_with(' ')) clean.pop_back();
    clean += kept;
  }
  return clean;
}

Result<CheckedAnswer::Pending> CheckedAnswer::Check(std::string_view raw) {
  std::vector<int> numbers;
  Pending pending;
  // Links first: what a marker's brackets are part of is no marker.
  const std::string unlinked =
      WithoutForeignLinks(raw, [&](std::string_view url) { return KnownUrl(url); }, answer_.dropped_links);
  pending.text = ReadMarkers(unlinked, numbers);
  Statement& statement = pending.statement;
  const std::string words_of = WithoutMarkerText(pending.text);
  const std::vector<std::string> words = checker_.ContentWords(words_of);
  bool attributed = false;
  if (numbers.empty()) {
    STRATA_TRY(const std::optional<int> found, checker_.Attribute(words_of, words));
    if (found) {
      numbers.push_back(*found);
      attributed = true;
      pending.text += fmt::format(" [{}]", *found);
    }
  }
  double support = 0;
  bool has_numbers = numbers.empty();
  for (const int number : numbers) {
    const Window window = checker_.BestWindow(number, words);
    Citation citation = checker_.Cite(number, window);
    citation.attributed = attributed;
    support = std::max(support, window.coverage);
    has_numbers = has_numbers || window.numbers;
    statement.citations.push_back(std::move(citation));
  }
  FindQuotes(pending.text, numbers, statement);
  const bool quotes =
      std::ranges::all_of(statement.quotes, [](const Quote& quote) { return quote.citation.has_value(); });
  // An attribution was measured already, by more than words.
  const bool covered = attributed || support >= SupportChecker::kSupported;
  statement.supported = quotes && (words.empty() ? last_supported_ : !numbers.empty() && covered && has_numbers);
  last_supported_ = statement.supported;
  return pending;
}

void CheckedAnswer::FindQuotes(const std::string& text, std::span<const int> numbers, Statement& statement) {
  for (const auto& [open, close] : kQuoteMarks) {
    for (std::size_t at = text.find(open); at != std::string::npos;) {
      const std::size_t begin = at + open.size(), end = text.find(close, begin);
      if (end == std::string::npos) break;
      if (end - begin >= kShortestQuote) {
        statement.quotes.push_back(
            {.span = {begin, end},
             .citation = checker_.FindQuote(std::string_view(text).substr(begin, end - begin), numbers)});
      }
      at = text.find(open, end + close.size());
    }
  }
}

bool CheckedAnswer::KnownUrl(std::string_view url) const {
  return url.starts_with("http") &&
         std::ranges::any_of(answer_.sources, [&](const Source& source) { return source.passage.text.contains(url); });
}

void CheckedAnswer::Show(Pending pending) {
  if (stopped_) return;
  const std::size_t offset = answer_.text.size();
  const std::size_t begin = std::min(pending.text.find_first_not_of(" \t\r\n"), pending.text.size());
  std::string_view text = pending.text;
  if (offset == 0) text.remove_prefix(begin);  // no answer begins with white space
  const std::size_t shift = offset - (pending.text.size() - text.size());
  pending.statement.span = {begin + shift, pending.text.size() + shift};
  for (Quote& quote : pending.statement.quotes) quote.span = {quote.span.begin + shift, quote.span.end + shift};
  answer_.text += text;
  answer_.statements.push_back(pending.statement);
  if (request_.on_statement && !request_.on_statement(pending.statement, text)) {
    answer_.stopped = true;
    stopped_ = true;
  }
}

}  // namespace strata::knowledge
