// Folders of files as a base sees them: what lies in them, and what of that is not in the base yet, or no more there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

struct FolderFile {
  std::string path;           ///< absolute, links resolved
  std::int64_t modified = 0;  ///< DocumentRecord::modified
  bool operator==(const FolderFile&) const = default;
};

struct FolderListing {
  std::string folder;                   ///< absolute, links resolved
  std::vector<std::string> folders;     ///< that one and all below it
  std::vector<FolderFile> files;        ///< by path, each once
  std::vector<std::string> unreadable;  ///< folders that could not be listed
};

/// All regular files below a folder. Links to files count as what they lead to, links to folders are not followed.
/// Errors: kNotFound when there is no such folder, kIo when it cannot be listed itself.
Result<FolderListing> ListFolder(const std::string& folder);

struct FolderChanges {
  std::vector<FolderFile> changed;  ///< new ones, and those of another time than the base has read
  std::vector<std::string> gone;    ///< URIs of sources that lie there no more
};

/// What makes the base follow the folder. Nothing below a folder that could not be listed counts as gone.
Result<FolderChanges> CompareFolder(Store& store, const FolderListing& listing);

}  // namespace strata::knowledge
