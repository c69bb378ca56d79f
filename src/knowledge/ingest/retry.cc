#include "knowledge/ingest/retry.h"

#include <optional>

namespace strata::knowledge {

bool MayPass(ErrorCode code) {
  return code == ErrorCode::kIo || code == ErrorCode::kUnavailable || code == ErrorCode::kDeadlineExceeded;
}

Result<std::vector<std::int64_t>> RetryJobs(Store& store, std::span<const std::int64_t> ids) {
  std::vector<Job> again;
  for (const std::int64_t id : ids) {
    STRATA_TRY(const std::optional<Job> job, store.FindJob(id));
    if (!job) return Fail(ErrorCode::kNotFound, "there is no job {}", id);
    if (job->state != JobState::kFailed) return Fail(ErrorCode::kInvalidArgument, "job {} has not failed", id);
    if (job->kind == "add" && !job->arguments.contains("path")) {
      return Fail(ErrorCode::kInvalidArgument, "job {}: {} was uploaded and is not kept, upload it again", id,
                  job->uri);
    }
    again.push_back({.uri = job->uri, .kind = job->kind, .arguments = job->arguments});
  }
  return store.Enqueue(again);
}

}  // namespace strata::knowledge
