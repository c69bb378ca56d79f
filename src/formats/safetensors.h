// safetensors files (the format page of the safetensors project): eight bytes of header length, a JSON header, tensor
// data. Nothing in a file is trusted: every length, shape and offset is checked against the file's size before it is
// used, and the tensors must cover the data exactly, as the format demands.
//
//   STRATA_TRY(SafetensorsFile file, SafetensorsFile::Open("model.safetensors"));
//   const SafetensorsTensor* weight = file.Find("model.norm.weight");
//   STRATA_TRY(TensorView view, file.View(*weight));
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "tensor/tensor_view.h"

namespace strata {

struct SafetensorsTensor {
  std::string name;
  std::string dtype;                ///< as the file writes it: "F32", "BF16", "F8_E4M3"
  std::vector<std::int64_t> shape;  ///< outermost first; may be empty (a scalar) and may hold zeros
  std::span<const std::byte> data;  ///< row-major, of any alignment
};

class SafetensorsFile {
 public:
  /// The format's own bound on the header, bytes.
  static constexpr std::uint64_t kMaxHeader = 100'000'000;

  /// Errors: kNotFound, kIo; kCorrupt "PATH: offset N: ..." or "PATH: tensor NAME: ...".
  static Result<SafetensorsFile> Open(const std::string& path);
  /// The same from memory, which must outlive the result; `name` stands for the path in errors.
  static Result<SafetensorsFile> Parse(std::span<const std::byte> bytes, std::string name);

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// MappedFile::modified; 0 for memory.
  std::int64_t modified() const { return file_.modified(); }
  /// Length field and header: where the data begins.
  std::uint64_t header_bytes() const { return header_bytes_; }
  /// Sorted by name.
  const std::vector<SafetensorsTensor>& tensors() const { return tensors_; }
  const SafetensorsTensor* Find(std::string_view name) const;
  /// The header's __metadata__.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The tensor in strata's terms. Errors: kUnsupported naming file and tensor, for element types that strata has not
  /// (such a tensor does no harm until someone wants it), more than four dimensions, or a dimension of 0.
  Result<TensorView> View(const SafetensorsTensor& tensor) const;

 private:
  friend class SafetensorsParser;
  MappedFile file_;  // empty when the bytes are someone else's
  std::string path_;
  std::span<const std::byte> bytes_;
  std::uint64_t header_bytes_ = 0;
  std::vector<SafetensorsTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

}  // namespace strata
