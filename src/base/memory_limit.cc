#include "base/memory_limit.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace strata {
namespace {

std::optional<std::uint64_t> ReadNumber(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  if (file >> value) return value;
  return std::nullopt;  // missing, or "max"
}

/// A field of a "name value" list: memory.stat, /proc/meminfo ("MemTotal:  123 kB").
std::uint64_t ReadField(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  std::string key;
  std::uint64_t value = 0;
  std::string line;
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    if (fields >> key >> value && key == name) return value;
  }
  return 0;
}

struct Hierarchy {
  std::string mount;  ///< where the controller's files are
  std::string path;   ///< of this process below it
  const char* limit_file;
  const char* usage_file;
  const char* cache_field;  ///< of memory.stat: pages the kernel gives back for the asking
  const char* label;
};

/// The process's memory hierarchies by /proc/self/cgroup ("0::/a/b" for v2, "5:memory:/a/b" for v1).
std::vector<Hierarchy> Hierarchies(const std::string& root) {
  std::vector<Hierarchy> found;
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string path = line.substr(second + 1);
    if (controllers == ",,") {
      const std::string unified = root + "/sys/fs/cgroup/unified";
      const std::string mount = std::filesystem::exists(unified) ? unified : root + "/sys/fs/cgroup";
      found.push_back({mount, path, "memory.max", "memory.current", "inactive_file", "cgroup v2"});
    } else if (controllers.find(",memory,") != std::string::npos) {
      found.push_back({root + "/sys/fs/cgroup/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes",
                       "total_inactive_file", "cgroup v1"});
    }
  }
  return found;
}

}  // namespace

MemoryLimit ReadMemoryLimit(const std::string& root) {
  const std::string meminfo = root + "/proc/meminfo";
  MemoryLimit limit{ReadField(meminfo, "MemTotal:") * 1024, ReadField(meminfo, "MemAvailable:") * 1024, "machine"};
  for (const Hierarchy& hierarchy : Hierarchies(root)) {
    // A container sees its own cgroup as the mount's root, so a path that does not exist ends at the mount itself.
    std::filesystem::path below = hierarchy.path;
    for (;;) {
      const std::string directory = hierarchy.mount + (below == "/" ? "" : below.string());
      const std::string file = directory + "/" + hierarchy.limit_file;
      if (const auto bytes = ReadNumber(file)) {
        const std::uint64_t used = ReadNumber(directory + "/" + hierarchy.usage_file).value_or(0);
        const std::uint64_t cache = ReadField(directory + "/memory.stat", hierarchy.cache_field);
        const std::uint64_t held = used > cache ? used - cache : 0;
        const std::uint64_t available = *bytes > held ? *bytes - held : 0;
        limit.available_bytes = std::min(limit.available_bytes, available);
        if (*bytes < limit.total_bytes) {
          limit.total_bytes = *bytes;
          limit.source = std::string(hierarchy.label) + " " + file;
        }
      }
      if (below == "/" || below.empty()) break;
      below = below.parent_path();
    }
  }
  return limit;
}

MemoryLimit ReadMemoryLimit() { return ReadMemoryLimit(""); }

}  // namespace strata
