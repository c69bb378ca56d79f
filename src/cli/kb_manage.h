// What keeps a knowledge base in order: jobs, access, following folders, scrubbing.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "knowledge/knowledge_base.h"

namespace strata::cli {

/// The sources that a path or URI names: itself, or those below it where it is a folder. Errors: kNotFound.
Result<std::vector<std::string>> SourcesNamed(knowledge::Store& store, const std::string& name);

/// Lists jobs, of one state where it is not empty. Errors: kInvalidArgument for a state that is none.
Status PrintJobs(knowledge::Store& store, const std::string& state, std::size_t limit);
Status CancelJobs(knowledge::Store& store, const std::vector<std::int64_t>& ids);
/// Queues failed jobs of files anew.
Status RetryJobs(knowledge::Store& store, const std::vector<std::int64_t>& ids);

Status SetAccess(knowledge::Store& store, const std::vector<std::string>& names, const knowledge::Access& access);

/// Makes SIGINT and SIGTERM wait for FollowFolders, so that a round is never left in its middle. Before any thread is
/// started: those have it from the one that starts them.
void HoldEndSignals();
/// Adds what is new or changed in the folders, removes what is gone.
Status FollowOnce(knowledge::KnowledgeBase& base, const std::vector<std::string>& folders);
/// The same whenever the kernel tells of a change, and every `interval_seconds`, until SIGINT or SIGTERM.
Status FollowFolders(knowledge::KnowledgeBase& base, const std::vector<std::string>& folders, double interval_seconds);

}  // namespace strata::cli
