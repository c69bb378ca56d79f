// A model's text, as it comes, in statements: sentences and lines, each with the markers behind it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

namespace strata::knowledge {

class StatementSplitter {
 public:
  /// Gets a statement with the white space before it; all of them together are the text.
  using OnStatement = std::function<void(std::string_view)>;
  explicit StatementSplitter(OnStatement on_statement) : on_statement_(std::move(on_statement)) {}

  void Push(std::string_view text);
  void Finish();  ///< gives the rest

 private:
  /// Bytes of the first statement of held_; 0: it may go on.
  std::size_t CompleteStatement(bool last) const;

  OnStatement on_statement_;
  std::string held_;
};

}  // namespace strata::knowledge
