#include "engine/pooling_queue.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace strata {
namespace {

std::int64_t LengthOf(const PoolingJob& job, std::size_t input) {
  return static_cast<std::int64_t>(job.request.inputs[input].tokens.size());
}

}  // namespace

void PoolingQueue::Add(std::unique_ptr<PoolingJob> job) {
  job->by_length.resize(job->request.inputs.size());
  for (std::size_t i = 0; i < job->by_length.size(); ++i) job->by_length[i] = i;
  std::ranges::stable_sort(job->by_length, {}, [&](std::size_t input) { return LengthOf(*job, input); });
  // Whoever comes starts where the least served of its tenant stands: it neither waits for a large one to end, nor do
  // many small ones keep that from going on.
  double least = std::numeric_limits<double>::infinity();
  for (const auto& other : jobs_) {
    if (other->request.tenant == job->request.tenant) least = std::min(least, other->virtual_time);
  }
  job->virtual_time = least < std::numeric_limits<double>::infinity() ? least : 0;
  ledger_.Arrive(job->request.tenant);
  jobs_.push_back(std::move(job));
}

double PoolingQueue::TenantTime(const PoolingJob& job) const {
  return ledger_.virtual_time()[static_cast<std::size_t>(job.request.tenant)];
}

PoolingQueue::Pick PoolingQueue::Next(std::int64_t room) {
  const auto key = [&](const PoolingJob& job) { return std::tuple(TenantTime(job), job.virtual_time); };
  PoolingJob* next = nullptr;
  for (const auto& job : jobs_) {
    if (job->by_length.empty() || LengthOf(*job, job->by_length.front()) > room) continue;
    if (next == nullptr || key(*job) < key(*next)) next = job.get();
  }
  if (next == nullptr) return {};
  const auto beyond =
      std::ranges::partition_point(next->by_length, [&](std::size_t input) { return LengthOf(*next, input) <= room; });
  const std::size_t input = *(beyond - 1);
  next->by_length.erase(beyond - 1);
  ++next->under_way;
  const std::int64_t tokens = LengthOf(*next, input);
  next->virtual_time += static_cast<double>(tokens);
  ledger_.Serve(next->request.tenant, tokens);
  return {next, input};
}

std::int64_t PoolingQueue::inputs() const {
  std::int64_t count = 0;
  for (const auto& job : jobs_) count += static_cast<std::int64_t>(job->by_length.size() + job->under_way);
  return count;
}

}  // namespace strata
