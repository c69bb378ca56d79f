// Where sentences and their parts end.
#pragma once

#include <string_view>
#include <vector>

#include "knowledge/types.h"

namespace strata::knowledge {

/// The sentences of text[span], without the white space around them. They end at the full stops of any script, with the
/// quotes and brackets that close behind them: CJK's at once, others' where a space and no lower-case letter follows
/// and the stop is none of an abbreviation ("e.g.", "Dr.", "J."), and before a blank line.
std::vector<Span> SplitSentences(std::string_view text, Span span);

/// How finely text is cut where a sentence is too long.
enum class CutLevel { kLine, kClause, kWord };

/// The parts of text[span] that end at each cut of `level`, without the white space around them.
std::vector<Span> SplitAt(std::string_view text, Span span, CutLevel level);

/// Without white space at its ends.
Span TrimSpan(std::string_view text, Span span);

}  // namespace strata::knowledge
