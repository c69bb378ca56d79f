#include "formats/gguf.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>

namespace strata {
namespace {

using Kind = GgufArray::Kind;

constexpr std::uint32_t kMagic = 0x46554747;  // "GGUF"
constexpr std::uint64_t kDefaultAlignment = 32;
constexpr int kMaxNesting = 4;

/// Bytes of a scalar of metadata type `kind`; 0 for strings and arrays.
std::size_t ScalarBytes(Kind kind) {
  constexpr std::array<std::size_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kBytes[static_cast<std::size_t>(kind)];
}

template <class T>
T LoadAs(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

/// Calls visit with the scalar at `at` in its own type.
template <class Visit>
auto VisitScalar(Kind kind, const std::byte* at, Visit visit) {
  switch (kind) {
    case Kind::kU8:
      return visit(LoadAs<std::uint8_t>(at));
    case Kind::kI8:
      return visit(LoadAs<std::int8_t>(at));
    case Kind::kU16:
      return visit(LoadAs<std::uint16_t>(at));
    case Kind::kI16:
      return visit(LoadAs<std::int16_t>(at));
    case Kind::kU32:
      return visit(LoadAs<std::uint32_t>(at));
    case Kind::kI32:
      return visit(LoadAs<std::int32_t>(at));
    case Kind::kF32:
      return visit(LoadAs<float>(at));
    case Kind::kBool:
      return visit(LoadAs<std::uint8_t>(at) != 0);
    case Kind::kU64:
      return visit(LoadAs<std::uint64_t>(at));
    case Kind::kI64:
      return visit(LoadAs<std::int64_t>(at));
    default:
      return visit(LoadAs<double>(at));
  }
}

/// ggml's type numbers, as files hold them.
struct GgmlType {
  std::uint32_t code;
  DType dtype;
};
constexpr GgmlType kGgmlTypes[] = {
    {0, DType::kF32},    {1, DType::kF16},     {2, DType::kQ4_0},     {3, DType::kQ4_1},    {6, DType::kQ5_0},
    {7, DType::kQ5_1},   {8, DType::kQ8_0},    {10, DType::kQ2_K},    {11, DType::kQ3_K},   {12, DType::kQ4_K},
    {13, DType::kQ5_K},  {14, DType::kQ6_K},   {16, DType::kIQ2_XXS}, {17, DType::kIQ2_XS}, {18, DType::kIQ3_XXS},
    {19, DType::kIQ1_S}, {20, DType::kIQ4_NL}, {21, DType::kIQ3_S},   {22, DType::kIQ2_S},  {23, DType::kIQ4_XS},
    {24, DType::kI8},    {25, DType::kI16},    {26, DType::kI32},     {27, DType::kI64},    {28, DType::kF64},
    {29, DType::kIQ1_M}, {30, DType::kBF16},   {34, DType::kTQ1_0},   {35, DType::kTQ2_0},  {39, DType::kMXFP4}};

std::optional<DType> TensorType(std::uint32_t code) {
  const auto* const found = std::ranges::find(kGgmlTypes, code, &GgmlType::code);
  return found == std::end(kGgmlTypes) ? std::nullopt : std::optional(found->dtype);
}

/// Of types that no weight is stored in, or that are not read.
std::string_view NameOfUnread(std::uint32_t code) {
  switch (code) {
    case 9:
      return " (q8_1)";
    case 15:
      return " (q8_k)";
    case 40:
      return " (nvfp4)";
    default:
      return "";
  }
}

}  // namespace

std::uint32_t GgufTypeCode(DType type) {
  const auto* const found = std::ranges::find(kGgmlTypes, type, &GgmlType::dtype);
  assert(found != std::end(kGgmlTypes));
  return found->code;
}

std::vector<std::string_view> GgufArray::Strings() const {
  std::vector<std::string_view> out;
  if (kind != Kind::kString) return out;
  out.reserve(count);
  const std::byte* at = bytes.data();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = LoadAs<std::uint64_t>(at);
    out.emplace_back(reinterpret_cast<const char*>(at + 8), length);
    at += 8 + length;
  }
  return out;
}

template <class T>
std::vector<T> GgufArray::Numbers() const {
  std::vector<T> out;
  const std::size_t size = ScalarBytes(kind);
  if (size == 0) return out;
  out.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    out.push_back(VisitScalar(kind, bytes.data() + i * size, [](auto value) { return static_cast<T>(value); }));
  }
  return out;
}
template std::vector<float> GgufArray::Numbers<float>() const;
template std::vector<std::int32_t> GgufArray::Numbers<std::int32_t>() const;

/// One pass over the header; `at_` is what errors report.
class GgufParser {
 public:
  explicit GgufParser(GgufFile& out) : out_(out), bytes_(out.bytes_) {}

  Status Parse() {
    STRATA_TRY(const auto magic, Read<std::uint32_t>());
    if (magic != kMagic) return Corrupt(0, fmt::format("the magic is {:08x}, not \"GGUF\"", magic));
    STRATA_TRY(out_.version_, Read<std::uint32_t>());
    if (out_.version_ != 2 && out_.version_ != 3) {
      const bool swapped = std::byteswap(out_.version_) == 2 || std::byteswap(out_.version_) == 3;
      return Fail(
          ErrorCode::kUnsupported, "{}: offset 4: {}", out_.path(),
          swapped ? "the file is big-endian" : fmt::format("GGUF version {} (2 and 3 are supported)", out_.version_));
    }
    // The least that each entry takes bounds the counts before anything is allocated for them.
    STRATA_TRY(const std::uint64_t tensor_count, ReadCount(8 + 4 + 4 + 8, "tensors"));
    STRATA_TRY(const std::uint64_t entry_count, ReadCount(8 + 4 + 1, "metadata entries"));
    const std::uint64_t metadata_begin = at_;
    for (std::uint64_t i = 0; i < entry_count; ++i) STRATA_CHECK(ReadEntry());
    out_.metadata_bytes_ = bytes_.subspan(metadata_begin, at_ - metadata_begin);
    STRATA_CHECK(ReadAlignment());
    out_.tensors_.reserve(tensor_count);
    for (std::uint64_t i = 0; i < tensor_count; ++i) STRATA_CHECK(ReadTensor());
    return PlaceTensors();
  }

 private:
  struct Pending {
    std::uint64_t offset;      ///< in the data section
    std::uint64_t info_begin;  ///< of its entry in the header
  };

  std::unexpected<Error> Corrupt(std::uint64_t offset, std::string_view what) const {
    return Fail(ErrorCode::kCorrupt, "{}: offset {}: {}", out_.path(), offset, what);
  }
  std::uint64_t left() const { return bytes_.size() - at_; }

  template <class T>
  Result<T> Read() {
    if (left() < sizeof(T))
      return Corrupt(at_, fmt::format("the file ends here; {} more bytes were expected", sizeof(T) - left()));
    const T value = LoadAs<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  Result<std::uint64_t> ReadCount(std::uint64_t least_bytes, std::string_view what) {
    const std::uint64_t begin = at_;
    STRATA_TRY(const auto count, Read<std::uint64_t>());
    if (count > left() / least_bytes)
      return Corrupt(begin, fmt::format("{} {} do not fit the {} bytes left", count, what, left()));
    return count;
  }

  Result<std::string_view> ReadString() {
    const std::uint64_t begin = at_;
    STRATA_TRY(const auto length, Read<std::uint64_t>());
    if (length > left()) return Corrupt(begin, fmt::format("a string of {} bytes; {} are left", length, left()));
    const std::string_view text(reinterpret_cast<const char*>(bytes_.data() + at_), length);
    at_ += length;
    return text;
  }

  Result<Kind> ReadKind() {
    const std::uint64_t begin = at_;
    STRATA_TRY(const auto code, Read<std::uint32_t>());
    if (code > static_cast<std::uint32_t>(Kind::kF64)) return Corrupt(begin, fmt::format("metadata type {}", code));
    return static_cast<Kind>(code);
  }

  Result<GgufArray> ReadArray(int depth) {
    if (depth > kMaxNesting) return Corrupt(at_, fmt::format("arrays nested deeper than {}", kMaxNesting));
    GgufArray array;
    STRATA_TRY(array.kind, ReadKind());
    const std::size_t size = ScalarBytes(array.kind);
    STRATA_TRY(array.count, ReadCount(size != 0 ? size : array.kind == Kind::kString ? 8 : 12, "array elements"));
    const std::uint64_t begin = at_;
    if (size != 0) {
      at_ += array.count * size;
    } else {
      for (std::uint64_t i = 0; i < array.count; ++i) {
        if (array.kind == Kind::kString) {
          STRATA_CHECK(ReadString());
        } else {
          STRATA_CHECK(ReadArray(depth + 1));
        }
      }
    }
    array.bytes = bytes_.subspan(begin, at_ - begin);
    return array;
  }

  Result<GgufValue> ReadValue(Kind kind) {
    if (kind == Kind::kString) {
      STRATA_TRY(const std::string_view text, ReadString());
      return GgufValue(text);
    }
    if (kind == Kind::kArray) {
      STRATA_TRY(const GgufArray array, ReadArray(1));
      return GgufValue(array);
    }
    if (left() < ScalarBytes(kind)) return Corrupt(at_, "the file ends inside a value");
    const std::byte* value_at = bytes_.data() + at_;
    at_ += ScalarBytes(kind);
    return VisitScalar(kind, value_at, [](auto value) -> GgufValue {
      using T = decltype(value);
      if constexpr (std::is_same_v<T, bool>) {
        return value;
      } else if constexpr (std::is_floating_point_v<T>) {
        return static_cast<double>(value);
      } else if constexpr (std::is_signed_v<T>) {
        return static_cast<std::int64_t>(value);
      } else {
        return static_cast<std::uint64_t>(value);
      }
    });
  }

  Status ReadEntry() {
    const std::uint64_t begin = at_;
    STRATA_TRY(const std::string_view key, ReadString());
    STRATA_TRY(const Kind kind, ReadKind());
    STRATA_TRY(const GgufValue value, ReadValue(kind));
    if (!out_.metadata_.emplace(key, value).second)
      return Corrupt(begin, fmt::format("metadata key {} appears twice", key));
    return {};
  }

  Status ReadAlignment() {
    if (!out_.Has("general.alignment")) return {};
    STRATA_TRY(const auto alignment, out_.Get<std::int64_t>("general.alignment"));
    if (alignment <= 0 || alignment > (1 << 20) || !std::has_single_bit(static_cast<std::uint64_t>(alignment))) {
      return Corrupt(0, fmt::format("general.alignment is {}, not a power of two up to 2^20", alignment));
    }
    alignment_ = static_cast<std::uint64_t>(alignment);
    return {};
  }

  Status ReadTensor() {
    const std::uint64_t begin = at_;
    GgufTensor tensor;
    STRATA_TRY(tensor.name, ReadString());
    STRATA_TRY(const auto rank, Read<std::uint32_t>());
    if (rank == 0 || rank > Shape::kMaxRank)
      return Corrupt(begin, fmt::format("tensor {} has {} dimensions (1 to 4 are possible)", tensor.name, rank));
    std::vector<std::int64_t> dims(rank);
    std::uint64_t elements = 1;
    for (std::uint32_t i = 0; i < rank; ++i) {
      STRATA_TRY(const auto dim, Read<std::uint64_t>());
      if (dim == 0 || dim > (1ULL << 40) || elements > (1ULL << 50) / dim)
        return Corrupt(begin, fmt::format("tensor {} has an impossible dimension {}", tensor.name, dim));
      elements *= dim;
      dims[rank - 1 - i] = static_cast<std::int64_t>(dim);  // files list the innermost first
    }
    tensor.view.shape = Shape{std::span<const std::int64_t>(dims)};
    STRATA_TRY(const auto code, Read<std::uint32_t>());
    const auto dtype = TensorType(code);
    if (!dtype)
      return Fail(ErrorCode::kUnsupported, "{}: offset {}: tensor {} has ggml type {}{}", out_.path(), begin,
                  tensor.name, code, NameOfUnread(code));
    tensor.view.dtype = *dtype;
    if (static_cast<std::uint64_t>(dims.back()) % Info(*dtype).block_elements != 0) {
      return Corrupt(begin, fmt::format("tensor {}: rows of {} are not whole blocks of {}", tensor.name, dims.back(),
                                        Info(*dtype).name));
    }
    STRATA_TRY(const auto offset, Read<std::uint64_t>());
    if (offset % alignment_ != 0)
      return Corrupt(begin, fmt::format("tensor {} begins at {}, not a multiple of the alignment {}", tensor.name,
                                        offset, alignment_));
    pending_.push_back({offset, begin});
    out_.tensors_.push_back(tensor);
    return {};
  }

  Status PlaceTensors() {
    const std::uint64_t data_begin = (at_ + alignment_ - 1) / alignment_ * alignment_;
    const std::uint64_t available = bytes_.size() > data_begin ? bytes_.size() - data_begin : 0;
    std::vector<std::size_t> order(pending_.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      order[i] = i;
      TensorView& view = out_.tensors_[i].view;
      const std::uint64_t size = BytesOf(view.dtype, static_cast<std::size_t>(view.shape.elements()));
      if (pending_[i].offset > available || size > available - pending_[i].offset) {
        return Corrupt(pending_[i].info_begin,
                       fmt::format("tensor {} needs bytes {} to {} of a data section of {}", out_.tensors_[i].name,
                                   pending_[i].offset, pending_[i].offset + size, available));
      }
      view.data = bytes_.subspan(data_begin + pending_[i].offset, size);
    }
    std::ranges::sort(order, {}, [&](std::size_t i) { return pending_[i].offset; });
    for (std::size_t i = 1; i < order.size(); ++i) {
      const GgufTensor& before = out_.tensors_[order[i - 1]];
      const GgufTensor& after = out_.tensors_[order[i]];
      if (before.view.data.data() + before.view.data.size() > after.view.data.data()) {
        return Corrupt(pending_[order[i]].info_begin, fmt::format("tensor {} overlaps {}", after.name, before.name));
      }
    }
    std::vector<std::string_view> names;
    names.reserve(out_.tensors_.size());
    for (const GgufTensor& tensor : out_.tensors_) names.push_back(tensor.name);
    std::ranges::sort(names);
    if (const auto twice = std::ranges::adjacent_find(names); twice != names.end())
      return Corrupt(0, fmt::format("two tensors are called {}", *twice));
    return {};
  }

  GgufFile& out_;
  std::span<const std::byte> bytes_;
  std::uint64_t at_ = 0;
  std::uint64_t alignment_ = kDefaultAlignment;
  std::vector<Pending> pending_;
};

Result<GgufFile> GgufFile::Parse(std::span<const std::byte> bytes, std::string name) {
  GgufFile out;
  out.path_ = std::move(name);
  out.bytes_ = bytes;
  STRATA_CHECK(GgufParser(out).Parse());
  return out;
}

Result<GgufFile> GgufFile::Open(const std::string& path) {
  STRATA_TRY(MappedFile file, MappedFile::Open(path));
  STRATA_TRY(GgufFile out, Parse(file.bytes(), path));
  out.file_ = std::move(file);
  return out;
}

namespace {

/// The value as T, if its type and range allow.
template <class T>
std::optional<T> Convert(const GgufValue& value) {
  if (const auto* exact = std::get_if<T>(&value)) return *exact;
  if constexpr (std::is_same_v<T, std::int64_t>) {
    const auto* big = std::get_if<std::uint64_t>(&value);
    if (big != nullptr && *big <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return static_cast<std::int64_t>(*big);
  }
  if constexpr (std::is_same_v<T, double>) {
    if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
    if (const auto* integer = std::get_if<std::uint64_t>(&value)) return static_cast<double>(*integer);
  }
  return std::nullopt;
}

}  // namespace

template <class T>
Result<std::optional<T>> GgufFile::Find(std::string_view key) const {
  const auto found = metadata_.find(key);
  if (found == metadata_.end()) return std::optional<T>();
  const std::optional<T> value = Convert<T>(found->second);
  if (!value) return Fail(ErrorCode::kCorrupt, "{}: metadata key {} has an unexpected type", path(), key);
  return value;
}

template <class T>
Result<T> GgufFile::Get(std::string_view key) const {
  STRATA_TRY(const std::optional<T> value, Find<T>(key));
  if (!value) return Fail(ErrorCode::kCorrupt, "{}: metadata key {} is missing", path(), key);
  return *value;
}

// NOLINTBEGIN(bugprone-macro-parentheses): T is a type.
#define STRATA_INSTANTIATE(T)                                  \
  template Result<T> GgufFile::Get<T>(std::string_view) const; \
  template Result<std::optional<T>> GgufFile::Find<T>(std::string_view) const;
STRATA_INSTANTIATE(std::int64_t)
STRATA_INSTANTIATE(double)
STRATA_INSTANTIATE(bool)
STRATA_INSTANTIATE(std::string_view)
STRATA_INSTANTIATE(GgufArray)
#undef STRATA_INSTANTIATE
// NOLINTEND(bugprone-macro-parentheses)

}  // namespace strata
