// Writing GGUF files: the metadata of another file with other tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"

namespace strata {

struct GgufOutput {
  std::string name;
  DType dtype;
  Shape shape;
  std::function<Result<std::vector<std::byte>>()> data;  ///< called once, in the order of the list
};

/// `file_type` replaces general.file_type where `like` has one (llama_ftype: what most tensors are). Writes beside
/// `path` and then renames. Errors: kIo; data's own; kInternal where data gives another number of bytes than the shape
/// says.
Status WriteGguf(const std::string& path, const GgufFile& like, std::uint32_t file_type,
                 const std::vector<GgufOutput>& tensors);

}  // namespace strata
