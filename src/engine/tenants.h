// How much each tenant was served: the virtual time of fair scheduling. As the Virtual Token Counter (Sheng et al.,
// "Fairness in Serving Large Language Models", OSDI 2024), with weights.
//
//   TenantLedger ledger(weights);
//   ledger.Arrive(tenant);            // a request came
//   ledger.Serve(tenant, tokens);     // some of it was computed
//   ledger.Leave(tenant);             // it ended
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace strata {

class TenantLedger {
 public:
  /// `weights` by tenant, each > 0; tenants beyond have weight 1.
  explicit TenantLedger(std::vector<double> weights) : weights_(std::move(weights)) {}

  /// A tenant that comes back starts no earlier than the least served of those that stayed: being away saves nothing
  /// up, else it could shut the others out afterwards.
  void Arrive(std::int32_t tenant);
  void Leave(std::int32_t tenant);
  void Serve(std::int32_t tenant, std::int64_t tokens);

  /// Tokens served over weight, by tenant.
  const std::vector<double>& virtual_time() const { return virtual_time_; }

 private:
  std::size_t Slot(std::int32_t tenant);

  std::vector<double> weights_;
  std::vector<double> virtual_time_;
  std::vector<std::int64_t> requests_;  ///< waiting or running
  double last_ = 0;                     ///< virtual time of the tenant that left last
};

}  // namespace strata
