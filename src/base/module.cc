#include "base/module.h"

#include <filesystem>
#include <vector>

#include <dlfcn.h>
#include <unistd.h>

namespace strata {

Result<void*> ModuleFunction(const std::string& name, const char* function) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error), folder = self.parent_path();
  for (const fs::path& place : {folder, folder / "../lib/strata", fs::path(STRATA_BUILT)}) {
    const fs::path path = place / (name + ".so");
    if (::access(path.c_str(), R_OK) != 0) continue;
    void* const module = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) return Fail(ErrorCode::kUnsupported, "cannot load {}: {}", path.string(), ::dlerror());
    void* const found = ::dlsym(module, function);
    if (found == nullptr) return Fail(ErrorCode::kUnsupported, "{} is no module of this program", path.string());
    return found;
  }
  return Fail(ErrorCode::kNotFound, "the module {}.so is not beside {}", name, self.string());
}

}  // namespace strata
