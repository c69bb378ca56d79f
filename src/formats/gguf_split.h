// Inside formats: models split over several GGUF files, as llama.cpp's gguf-split writes them: NAME-00001-of-00003.gguf
// and so on. The first has the metadata, each has split.no, split.count and split.tensors.count.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/gguf.h"

namespace strata {

/// What a part is called: "dir/NAME" and number 2 of 3 for "dir/NAME-00002-of-00003.gguf".
struct GgufPartName {
  std::string base;
  int number = 0;  ///< from 1
  int count = 0;

  static std::optional<GgufPartName> Parse(std::string_view path);
  std::string ToString() const;
  bool operator==(const GgufPartName&) const = default;
};

/// The files of a model, the first part first; `path` may be any of them. One file that is not split is a model as
/// well. Errors: those of GgufFile; kNotFound for a part that is not there; kCorrupt naming file and key when a part is
/// not what its name says.
Result<std::vector<GgufFile>> OpenGgufParts(const std::string& path);

/// Whether these are all parts of one model, in order. Errors: kCorrupt naming file and key.
Status CheckGgufParts(std::span<const GgufFile> parts);

}  // namespace strata
