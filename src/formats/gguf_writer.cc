#include "formats/gguf_writer.h"

#include <algorithm>
#include <cstring>

#include "base/new_file.h"

namespace strata {
namespace {

class Bytes {
 public:
  template <class T>
  void Put(T value) {
    const auto* begin = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), begin, begin + sizeof value);
  }
  void PutBytes(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  void PutString(std::string_view text) {
    Put(static_cast<std::uint64_t>(text.size()));
    PutBytes(std::as_bytes(std::span(text)));
  }
  void Align(std::uint64_t alignment) { bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment); }
  std::vector<std::byte>& get() { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

/// The metadata as they are, but for the value of general.file_type.
std::vector<std::byte> Metadata(const GgufFile& like, std::uint32_t file_type) {
  const std::span<const std::byte> bytes = like.metadata_bytes();
  std::vector<std::byte> out(bytes.begin(), bytes.end());
  const auto entry = like.metadata().find("general.file_type");
  if (entry == like.metadata().end() || !std::holds_alternative<std::uint64_t>(entry->second)) return out;
  // Behind the key stands the kind, then the value; of unsigned kinds the low bytes come first.
  const std::string_view key = entry->first;
  const auto at = reinterpret_cast<const std::byte*>(key.data() + key.size()) - bytes.data();
  std::memcpy(out.data() + at + 4, &file_type, 1);
  return out;
}

}  // namespace

Status WriteGguf(const std::string& path, const GgufFile& like, std::uint32_t file_type,
                 const std::vector<GgufOutput>& tensors) {
  std::uint64_t alignment = 32;
  STRATA_TRY(const auto asked, like.Find<std::int64_t>("general.alignment"));
  if (asked) alignment = static_cast<std::uint64_t>(*asked);
  Bytes header;
  header.Put(std::uint32_t{0x46554747});  // "GGUF"
  header.Put(std::uint32_t{3});
  header.Put(static_cast<std::uint64_t>(tensors.size()));
  header.Put(static_cast<std::uint64_t>(like.metadata().size()));
  header.PutBytes(Metadata(like, file_type));
  std::uint64_t offset = 0;
  const auto bytes_of = [](const GgufOutput& tensor) {
    return BytesOf(tensor.dtype, static_cast<std::size_t>(tensor.shape.elements()));
  };
  for (const GgufOutput& tensor : tensors) {
    header.PutString(tensor.name);
    header.Put(static_cast<std::uint32_t>(tensor.shape.rank()));
    for (std::size_t axis = tensor.shape.rank(); axis-- > 0;)  // the innermost first
      header.Put(static_cast<std::uint64_t>(tensor.shape[axis]));
    header.Put(GgufTypeCode(tensor.dtype));
    header.Put(offset);
    offset = (offset + bytes_of(tensor) + alignment - 1) / alignment * alignment;
  }
  header.Align(alignment);

  STRATA_TRY(NewFile file, NewFile::Create(path));
  STRATA_CHECK(file.Write(header.get()));
  for (const GgufOutput& tensor : tensors) {
    STRATA_TRY(std::vector<std::byte> data, tensor.data());
    if (data.size() != bytes_of(tensor)) {
      return Fail(ErrorCode::kInternal, "{}: tensor {} has {} bytes, its shape says {}", path, tensor.name, data.size(),
                  bytes_of(tensor));
    }
    data.resize((data.size() + alignment - 1) / alignment * alignment);
    STRATA_CHECK(file.Write(data));
  }
  return file.Finish();
}

}  // namespace strata
