// How much memory this process may use: the least of the machine's and every cgroup's limit above it (v1 and v2).
#pragma once

#include <cstdint>
#include <string>

namespace strata {

struct MemoryLimit {
  std::uint64_t total_bytes = 0;  ///< the limit that binds
  std::uint64_t available_bytes =
      0;               ///< what can still be had without reclaiming our own pages (page cache counts as free)
  std::string source;  ///< "machine", "cgroup v2 /sys/fs/cgroup/x/memory.max", ...
};

MemoryLimit ReadMemoryLimit();

/// The same over a file system laid out below `root` ("" = the real one): proc/meminfo, proc/self/cgroup,
/// sys/fs/cgroup.
MemoryLimit ReadMemoryLimit(const std::string& root);

}  // namespace strata
