#include "engine/tenants.h"

#include <algorithm>
#include <limits>

namespace strata {

std::size_t TenantLedger::Slot(std::int32_t tenant) {
  const auto slot = static_cast<std::size_t>(tenant);
  if (slot >= requests_.size()) {
    requests_.resize(slot + 1);
    virtual_time_.resize(slot + 1);
  }
  return slot;
}

void TenantLedger::Arrive(std::int32_t tenant) {
  const std::size_t slot = Slot(tenant);
  if (requests_[slot]++ > 0) return;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (i != slot && requests_[i] > 0) least = std::min(least, virtual_time_[i]);
  }
  virtual_time_[slot] = std::max(virtual_time_[slot], least < std::numeric_limits<double>::infinity() ? least : last_);
}

void TenantLedger::Leave(std::int32_t tenant) {
  const std::size_t slot = Slot(tenant);
  if (--requests_[slot] == 0) last_ = virtual_time_[slot];
}

void TenantLedger::Serve(std::int32_t tenant, std::int64_t tokens) {
  const std::size_t slot = Slot(tenant);
  virtual_time_[slot] += static_cast<double>(tokens) / (slot < weights_.size() ? weights_[slot] : 1);
}

}  // namespace strata
