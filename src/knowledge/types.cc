#include "knowledge/types.h"

#include <algorithm>

namespace strata::knowledge {
namespace {

bool Has(const std::vector<std::string>& list, const std::string& name) {
  return std::ranges::find(list, name) != list.end();
}

}  // namespace

bool MaySee(const Principal& principal, const Access& access) {
  if (principal.sees_everything) return true;
  if (!std::ranges::all_of(access.labels, [&](const std::string& label) { return Has(principal.labels, label); })) {
    return false;
  }
  if (access.users.empty() && access.groups.empty()) return true;
  if (!principal.user.empty() && Has(access.users, principal.user)) return true;
  return std::ranges::any_of(access.groups, [&](const std::string& group) { return Has(principal.groups, group); });
}

}  // namespace strata::knowledge
