// A model's text, checked statement by statement while it comes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "knowledge/answer/answerer.h"
#include "knowledge/answer/statements.h"
#include "knowledge/answer/support.h"

namespace strata::knowledge {

class CheckedAnswer {
 public:
  /// `answer` has the sources; all outlive it.
  CheckedAnswer(const AnswerRequest& request, const SupportChecker& checker, Answer& answer);

  /// False: the model need not go on.
  bool Push(std::string_view text);
  /// Makes an answer of which nothing is held by a source an abstention. Errors: the embedder's.
  Status Finish();

 private:
  struct Pending {
    Statement statement;  ///< spans are of `text`
    std::string text;
  };

  void OnStatement(std::string_view raw);
  /// It says what was said before, and nothing else.
  bool Repeats(std::string_view raw);
  Result<Pending> Check(std::string_view raw);
  std::string ReadMarkers(std::string_view text, std::vector<int>& numbers);
  void FindQuotes(const std::string& text, std::span<const int> numbers, Statement& statement);
  bool KnownUrl(std::string_view url) const;
  void Show(Pending pending);

  const AnswerRequest& request_;
  const SupportChecker& checker_;
  Answer& answer_;
  StatementSplitter splitter_;
  std::vector<Pending> pending_;          ///< before the first statement that is held
  std::unordered_set<std::string> said_;  ///< words of each statement
  int repeated_ = 0;                      ///< of the last statements, without one that is new
  bool held_ = false;
  bool last_supported_ = false;
  bool stopped_ = false;
  bool abstained_ = false;
  std::optional<Error> error_;
};

}  // namespace strata::knowledge
