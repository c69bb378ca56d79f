// Which build of strata this is: part of the key of whatever is kept on disk in a layout that another build may read
// otherwise.
#pragma once

#include <string>

namespace strata {

/// The linker's build id of the module that this code is in, in hexadecimal; empty if it was linked without one.
std::string BuildId();

}  // namespace strata
