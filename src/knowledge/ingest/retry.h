// What failed, tried again.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

/// Whether what failed for that reason may go through later.
bool MayPass(ErrorCode code);

/// Queues failed jobs anew, all or none, and returns the numbers of the new ones; whoever works on jobs sees them
/// within a fraction of a second. The old ones stay as they are, with their reasons. Errors: kNotFound for a job that
/// is none (any more); kInvalidArgument for one that has not failed, and for a file that was sent rather than read: it
/// went with its job, and is to be sent again.
Result<std::vector<std::int64_t>> RetryJobs(Store& store, std::span<const std::int64_t> ids);

}  // namespace strata::knowledge
