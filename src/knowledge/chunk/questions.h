// Which blocks are questions whose answers follow them.
#pragma once

#include "knowledge/document/document.h"

namespace strata::knowledge {

/// A heading, paragraph or item that ends with a question mark of any script, or is marked "Q:", "Question 3." and so
/// on.
bool IsQuestion(const ParsedDocument& document, const Block& block);

/// Two columns: questions and their answers.
bool IsPairTable(const ParsedDocument& document, const Block& block);

}  // namespace strata::knowledge
