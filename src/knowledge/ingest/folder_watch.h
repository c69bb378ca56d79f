// What the kernel tells of folders (inotify(7)): only that something changed; what it was is read from the folders.
#pragma once

#include <chrono>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"

namespace strata::knowledge {

class FolderWatch {
 public:
  /// Errors: kIo where the kernel gives no further watcher (fs.inotify.max_user_instances).
  static Result<FolderWatch> Open();

  struct Added {
    bool any_new = false;  ///< what happened in these before is not told
    bool refused = false;  ///< the kernel watches no more folders (fs.inotify.max_user_watches)
  };
  /// Watches each folder itself, not what lies in the folders below it. Folders that went meanwhile, and those that may
  /// not be read, are left out.
  Added Add(const std::vector<std::string>& folders);

  enum class Woken { kChange, kTimeout, kOther };
  /// Until something changed and then nothing more for a moment, the time is over, or `other`, a descriptor, is
  /// readable.
  Woken Wait(std::chrono::milliseconds timeout, int other);

 private:
  explicit FolderWatch(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  /// Takes what the kernel has told.
  void Drain();

  Descriptor descriptor_;
  std::unordered_set<int> watched_;  ///< the kernel's numbers of the folders
};

}  // namespace strata::knowledge
