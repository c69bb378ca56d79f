// Whether calls are the right ones: BFCL's AST match (bfcl_eval/eval_checker/ast_eval), verdict for verdict. So it has
// the original's limits too: dicts are looked into one level deep, "" among the answers is an empty list to a list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "eval/bfcl_case.h"

namespace strata::eval {

struct Call {
  std::string name;                  ///< of the tool (ToolName)
  nlohmann::ordered_json arguments;  ///< an object
};

struct Verdict {
  bool right = false;
  std::string_view kind = {};  ///< of the fault: "wrong_count", "wrong_name", "wrong_type", "wrong_value", …
  std::string detail = {};     ///< for people
};

/// `calls` are all that the model made; one that cannot be read must not be among them.
Verdict MatchCalls(const BfclCase& test_case, const std::vector<Call>& calls);

}  // namespace strata::eval
