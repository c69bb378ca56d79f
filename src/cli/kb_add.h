// Files and folders into a knowledge base.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "knowledge/knowledge_base.h"

namespace strata::cli {

struct FoundFiles {
  std::vector<std::string> files;  ///< absolute, in order
  std::set<std::string> named;     ///< those among them that were given as files, not found in a folder
};

/// The files among the paths, and those below the folders; links to folders are not followed. Errors: kNotFound, kIo.
Result<FoundFiles> FindFiles(const std::vector<std::string>& paths);

/// Adds the files and waits for them, with a bar on the terminal. One that cannot be read is told on stderr; what a
/// folder has of formats without text is only counted. Errors: where a named file could not be read, or no file at all.
Status AddFiles(knowledge::KnowledgeBase& base, const FoundFiles& found, const knowledge::Access& access);

}  // namespace strata::cli
