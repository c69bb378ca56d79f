// What families with experts share in reading config.json.
#include "formats/hf_family.h"

namespace strata {

Result<std::int64_t> ReadIntegerOr(const JsonFields& fields, std::string_view field, std::int64_t otherwise,
                                   std::int64_t least) {
  constexpr std::int64_t kMost = 1 << 30;
  STRATA_TRY(const auto given, fields.Integer(field));
  const std::int64_t value = given.value_or(otherwise);
  if (value < least || value > kMost) return fields.Bad(ErrorCode::kCorrupt, field, "is {}", value);
  return value;
}

Status CheckExperts(const JsonFields& fields, const ExpertsConfig& experts) {
  if (experts.count % experts.groups != 0 || experts.groups_used > experts.groups) {
    return fields.Bad(ErrorCode::kCorrupt, "topk_group", "{} of {} groups of {} experts", experts.groups_used,
                      experts.groups, experts.count);
  }
  if (experts.used <= experts.count / experts.groups * experts.groups_used) return {};
  return fields.Bad(ErrorCode::kCorrupt, "num_experts_per_tok", "{} of {} experts", experts.used,
                    experts.count / experts.groups * experts.groups_used);
}

}  // namespace strata
