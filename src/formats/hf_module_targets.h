// Inside formats: which modules a group of compressed-tensors' config_groups is for.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "formats/hf_json.h"
#include "formats/tokenizer/pattern.h"

namespace strata {

/// A yes or no of modules, said by groups. A module's own name counts most, then expressions, then its class, as in
/// compressed-tensors' match_targets; of equals the first.
class ModuleTargets {
 public:
  /// `group` has "targets": modules' names, "re:" and an expression that names begin with, or classes of modules.
  /// Without them it is for all linears. Errors, with the JSON pointer: kCorrupt; kUnsupported for an expression.
  Status Add(const JsonFields& group, bool value);

  /// No: also where no group is for it.
  bool Of(std::string_view module) const;

 private:
  std::map<std::string, bool, std::less<>> names_;  ///< of modules and of classes
  std::vector<std::pair<std::shared_ptr<const tokenizer::Pattern>, bool>> expressions_;
};

}  // namespace strata
