#pragma once

#include "knowledge/document/builder.h"

namespace strata::knowledge {

/// Whether the first row names the columns: its cells are words and differ from each other, and below them there are
/// numbers, dates or at least other texts.
bool LooksLikeHeader(const TableRows& rows);

}  // namespace strata::knowledge
