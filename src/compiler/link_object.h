// From an ELF object to an image: sections laid out one behind the other, references between them filled in.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "compiler/code_image.h"

namespace strata::compiler {

/// `object` is what a compiler has just made, for x86-64; `names` are those of the functions, in the order of
/// CodeImage::functions. Errors: kInternal, naming what the object has that an image cannot: other references than
/// those relative to their own place, or to what the object does not define.
Result<CodeImage> LinkObject(std::string_view object, const std::vector<std::string>& names);

}  // namespace strata::compiler
