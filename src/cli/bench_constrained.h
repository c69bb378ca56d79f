// What a grammar costs streams that decode together.
#pragma once

#include <cstdint>
#include <memory>

#include "cli/session.h"
#include "grammar/grammar.h"

namespace strata::cli {

struct DecodeLoad {
  std::int64_t streams = 1;
  std::int64_t tokens = 128;  ///< of each stream
  bool greedy = false;        ///< else drawn at temperature 1
};

/// A list without end of records with every kind of value, as function calls and extraction have them.
Result<std::shared_ptr<grammar::Grammar>> SomeJsonGrammar(const Session& session);

/// Tokens a second over all streams, from when each has its first token until all have their last.
Result<double> MeasureStreams(Engine& engine, const DecodeLoad& load, const std::shared_ptr<grammar::Grammar>& grammar);

}  // namespace strata::cli
