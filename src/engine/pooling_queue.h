// Inside engine: who of the pooling engine's requests is served next, and with which of its texts. Not thread-safe.
//
//   queue.Add(std::move(job));
//   while (PoolingQueue::Pick pick = queue.Next(room)) ...   // texts of one step
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "engine/pooling_engine.h"
#include "engine/tenants.h"

namespace strata {

/// A request on its way.
struct PoolingJob {
  RequestId id = 0;
  PoolingRequest request;
  PooledRows rows;
  std::vector<std::size_t> by_length;  ///< inputs that are not computed yet, the shortest first
  std::size_t under_way = 0;           ///< inputs in the step that runs
  double virtual_time = 0;             ///< tokens computed, from that of the least served when it came

  bool complete() const { return by_length.empty() && under_way == 0; }
};

class PoolingQueue {
 public:
  explicit PoolingQueue(std::vector<double> tenant_weights) : ledger_(std::move(tenant_weights)) {}

  void Add(std::unique_ptr<PoolingJob> job);

  struct Pick {
    PoolingJob* job = nullptr;  ///< null: nothing fits
    std::size_t input = 0;
    explicit operator bool() const { return job != nullptr; }
  };
  /// Of the job served least of the tenant served least that has a text of at most `room` tokens, the longest such. The
  /// text counts as under way, and the tenant is charged for it.
  Pick Next(std::int64_t room);

  /// Takes out all jobs of which `which(job)` holds, in the order of their arrival.
  template <class Which>
  std::vector<std::unique_ptr<PoolingJob>> Remove(const Which& which) {
    std::vector<std::unique_ptr<PoolingJob>> removed;
    for (auto at = jobs_.begin(); at != jobs_.end();) {
      if (!which(**at)) {
        ++at;
        continue;
      }
      ledger_.Leave((*at)->request.tenant);
      removed.push_back(std::move(*at));
      at = jobs_.erase(at);
    }
    return removed;
  }

  bool empty() const { return jobs_.empty(); }
  std::int64_t size() const { return static_cast<std::int64_t>(jobs_.size()); }
  std::int64_t inputs() const;  ///< not computed yet

 private:
  double TenantTime(const PoolingJob& job) const;

  std::list<std::unique_ptr<PoolingJob>> jobs_;  ///< in the order of their arrival
  TenantLedger ledger_;
};

}  // namespace strata
