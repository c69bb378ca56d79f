// GGUF v2/v3 files (ggml's docs/gguf.md): metadata, and tensors as views of the map. Nothing in a file is trusted:
// every count and offset is checked against the file's size before it is used.
//
//   STRATA_TRY(GgufFile file, GgufFile::Open("model.gguf"));
//   STRATA_TRY(std::string_view architecture, file.Get<std::string_view>("general.architecture"));
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "tensor/tensor_view.h"

namespace strata {

struct GgufArray;

/// A metadata value: integers widened to 64 bits, strings and arrays as views of the file.
using GgufValue = std::variant<std::int64_t, std::uint64_t, double, bool, std::string_view, GgufArray>;

struct GgufArray {
  enum class Kind : std::uint8_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };
  Kind kind = Kind::kU8;
  std::uint64_t count = 0;
  std::span<const std::byte> bytes;  ///< the elements as the file holds them (scalars: count * size bytes, unaligned)

  /// Strings in order; empty unless kind is kString.
  std::vector<std::string_view> Strings() const;
  /// Numbers converted; empty for strings and arrays.
  template <class T>
  std::vector<T> Numbers() const;
};

struct GgufTensor {
  std::string_view name;
  TensorView view;
};

/// ggml's number of a type that files may have (assert).
std::uint32_t GgufTypeCode(DType type);

class GgufFile {
 public:
  /// Errors: kNotFound, kIo; kCorrupt "PATH: offset N: ..." ; kUnsupported for big-endian files, other versions and
  /// tensor types.
  static Result<GgufFile> Open(const std::string& path);
  /// The same from memory, which must outlive the result; `name` stands for the path in errors.
  static Result<GgufFile> Parse(std::span<const std::byte> bytes, std::string name);

  const std::string& path() const { return path_; }
  std::span<const std::byte> bytes() const { return bytes_; }
  /// MappedFile::modified; 0 for memory.
  std::int64_t modified() const { return file_.modified(); }
  std::uint32_t version() const { return version_; }
  const std::map<std::string_view, GgufValue>& metadata() const { return metadata_; }
  const std::vector<GgufTensor>& tensors() const { return tensors_; }

  /// All metadata as the file holds them, without the counts before.
  std::span<const std::byte> metadata_bytes() const { return metadata_bytes_; }

  bool Has(std::string_view key) const { return metadata_.contains(key); }
  /// T: std::int64_t, double, bool, std::string_view or GgufArray. Errors: kCorrupt naming the key when it is missing
  /// or of another type. Integers convert to double and between each other where they fit.
  template <class T>
  Result<T> Get(std::string_view key) const;
  /// nullopt when missing; errors as Get when it has another type.
  template <class T>
  Result<std::optional<T>> Find(std::string_view key) const;

 private:
  friend class GgufParser;
  MappedFile file_;  // empty when the bytes are someone else's
  std::string path_;
  std::span<const std::byte> bytes_;
  std::span<const std::byte> metadata_bytes_;
  std::uint32_t version_ = 0;
  std::map<std::string_view, GgufValue> metadata_;
  std::vector<GgufTensor> tensors_;
};

}  // namespace strata
