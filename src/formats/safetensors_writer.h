// Writing safetensors files: tensors are made one after another, so that a file may be larger than memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace strata {

struct SafetensorsOutput {
  std::string name;
  std::string dtype;                                     ///< as the format writes it: "F32", "BF16", "I8"
  std::vector<std::int64_t> shape;                       ///< outermost first
  std::size_t bytes;                                     ///< of the data
  std::function<Result<std::vector<std::byte>>()> data;  ///< called once, in the order of the list
};

/// Writes beside `path` and then renames, so that what has the name is whole. Errors: kIo; data's own; kInternal where
/// data gives another number of bytes than was said.
Status WriteSafetensors(const std::string& path, const std::vector<SafetensorsOutput>& tensors,
                        const std::map<std::string, std::string>& metadata);

}  // namespace strata
