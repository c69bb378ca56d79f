// What starting child processes needs each time: posix_spawn's objects.
#pragma once

#include <spawn.h>

namespace strata {

/// For posix_spawn: the child leads a process group of its own, blocks no signal and has the default action of each.
/// Add to `actions` what its descriptors are.
class SpawnSetup {
 public:
  SpawnSetup();
  ~SpawnSetup();
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace strata
