// Which obligations have a value at all. A schema may ask for itself without end, so this is a least fixed point: an
// obligation has a value once a value of it can be built from those that have been found to have one.
#pragma once

#include <vector>

#include "base/result.h"
#include "grammar/json_schema/expander.h"
#include "grammar/json_schema/json_schema.h"

namespace strata::grammar {

class Inhabitants {
 public:
  /// Expands everything that is reachable from `root`. Errors: those of expansion; kUnsupported where there is too
  /// much, or where a minimum of properties cannot be counted.
  static Result<Inhabitants> Explore(Expander& expander, ObligationId root, KeyOrder order);

  bool Has(ObligationId id) const { return id < has_value_.size() && has_value_[id]; }

 private:
  std::vector<bool> has_value_;
};

}  // namespace strata::grammar
