// Questions whose right documents are known: a base's golden set. JSON lines:
//
//   {"question": "Which licence has zlib?", "relevant": ["/usr/share/doc/zlib1g/copyright"]}
//   {"question": "How long is the notice period?", "relevant": {"upload:contract.pdf": 2, "upload:faq.md": 1}}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/evaluate/metrics.h"

namespace strata::knowledge {

struct GoldenQuestion {
  std::string question;
  Judgements relevant;  ///< by URI
};

/// A path in the place of a URI stands for its file. Errors: kInvalidArgument with the line: no JSON, no question,
/// nothing relevant, a grade that is no number above 0; no question at all. `where` stands for the text in errors.
Result<std::vector<GoldenQuestion>> ParseGoldenSet(std::string_view text, const std::string& where);

}  // namespace strata::knowledge
