// What is left to do for a knowledge base when its files are read: vectors, here or in the background.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "knowledge/knowledge_base.h"

namespace strata::cli {

/// Waits until all passages have their vectors, or so long, with a bar on the terminal. True: all have.
Result<bool> WaitForVectors(const knowledge::KnowledgeBase& base, std::optional<std::chrono::duration<double>> at_most);
/// Works on what is queued and missing until nothing is, or the base is to be deleted.
Status WorkOnBase(const std::string& name, const LoadOptions& load);
/// `strata kb work NAME` in a process of its own, of low priority, that outlives this one. It tells its troubles in a
/// file, which is returned.
Result<std::string> WorkInBackground(const std::string& name, const LoadOptions& load);
/// Says on stderr when some passages cannot be found by their meaning yet.
Status TellOfMissingVectors(knowledge::Store& store);

}  // namespace strata::cli
