// Parts of the program that bring many libraries with them are modules, shared libraries that are loaded when they are
// needed: a start without them is faster and takes less memory.
#pragma once

#include <string>

#include "base/result.h"

namespace strata {

/// `function` of NAME.so, which stands beside the program, in ../lib/strata, or where the build left it, and stays
/// loaded as long as the process lives. Errors: kNotFound where no such file is, kUnsupported with the loader's words.
Result<void*> ModuleFunction(const std::string& name, const char* function);

}  // namespace strata
