#include "formats/safetensors.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include <nlohmann/json.hpp>

namespace strata {
namespace {

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kMaxDimensions = 64;  // numpy's limit: more is a hostile header, not a tensor

struct ElementType {
  std::string_view name;
  std::uint64_t bits;
  std::optional<DType> dtype;
};

/// Every element type that the format knows.
constexpr ElementType kElementTypes[] = {
    {"F32", 32, DType::kF32},         {"F16", 16, DType::kF16},     {"BF16", 16, DType::kBF16},
    {"F64", 64, DType::kF64},         {"I8", 8, DType::kI8},        {"I16", 16, DType::kI16},
    {"I32", 32, DType::kI32},         {"I64", 64, DType::kI64},     {"U8", 8, DType::kU8},
    {"BOOL", 8, DType::kBool},        {"U16", 16, std::nullopt},    {"U32", 32, std::nullopt},
    {"U64", 64, std::nullopt},        {"C64", 64, std::nullopt},    {"F8_E4M3", 8, std::nullopt},
    {"F8_E5M2", 8, std::nullopt},     {"F8_E8M0", 8, std::nullopt}, {"F8_E4M3FNUZ", 8, std::nullopt},
    {"F8_E5M2FNUZ", 8, std::nullopt}, {"F6_E2M3", 6, std::nullopt}, {"F6_E3M2", 6, std::nullopt},
    {"F4", 4, std::nullopt}};

const ElementType* FindElementType(std::string_view name) {
  const auto* const found = std::ranges::find(kElementTypes, name, &ElementType::name);
  return found == std::end(kElementTypes) ? nullptr : found;
}

/// A header entry before its data is placed.
struct Entry {
  SafetensorsTensor tensor;
  std::uint64_t begin = 0, end = 0;  // in the data section
};

/// The header's JSON has one fixed form, so it is read without a document: this takes the parser's events, refuses what
/// does not fit the form (which bounds the depth), and keeps what is at fault in `error`.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderReader(std::vector<Entry>& entries, std::map<std::string, std::string>& metadata)
      : entries_(entries), metadata_(metadata) {}

  const std::string& error() const { return error_; }
  /// Bytes of JSON before the fault; nullopt when the JSON itself is well-formed and `error` names the entry.
  std::optional<std::size_t> error_position() const { return position_; }

  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool number_integer(number_integer_t) override { return Unexpected("a negative number"); }
  bool number_float(number_float_t, const string_t& text) override { return Unexpected("the number " + text); }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (state_ == State::kShape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
        return Unexpected(fmt::format("the dimension {}", value));
      std::vector<std::int64_t>& shape = entries_.back().tensor.shape;
      if (shape.size() == kMaxDimensions) return Refuse(fmt::format("more than {} dimensions", kMaxDimensions));
      shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (state_ == State::kOffsets && offsets_ < 2) {
      (offsets_++ == 0 ? entries_.back().begin : entries_.back().end) = value;
      return true;
    }
    return Unexpected(fmt::format("the number {}", value));
  }

  bool string(string_t& text) override {
    if (state_ == State::kMetadata) {
      if (!metadata_.emplace(field_, text).second) return Refuse(fmt::format("the key {} appears twice", field_));
      return true;
    }
    if (state_ == State::kTensor && field_ == "dtype") {
      entries_.back().tensor.dtype = text;
      return true;
    }
    return Unexpected("a string");
  }

  bool start_object(std::size_t) override {
    switch (state_) {
      case State::kStart:
        state_ = State::kHeader;
        return true;
      case State::kHeader:
        if (name_ == "__metadata__") {
          if (metadata_seen_) return Refuse("appears twice");
          metadata_seen_ = true;
          state_ = State::kMetadata;
        } else {
          entries_.emplace_back().tensor.name = name_;
          seen_ = 0;
          state_ = State::kTensor;
        }
        return true;
      default:
        return Unexpected("an object");
    }
  }

  bool key(string_t& text) override {
    if (state_ == State::kHeader) {
      name_ = text;
      return true;
    }
    field_ = text;
    if (state_ == State::kMetadata) return true;
    const unsigned bit = text == "dtype" ? 1 : text == "shape" ? 2 : text == "data_offsets" ? 4 : 0;
    if (bit == 0) return Refuse(fmt::format("unknown field {}", text));
    if ((seen_ & bit) != 0) return Refuse(fmt::format("field {} appears twice", text));
    seen_ |= bit;
    return true;
  }

  bool end_object() override {
    if (state_ == State::kTensor && seen_ != 7) {
      return Refuse(fmt::format("field {} is missing", (seen_ & 1) == 0   ? "dtype"
                                                       : (seen_ & 2) == 0 ? "shape"
                                                                          : "data_offsets"));
    }
    state_ = state_ == State::kHeader ? State::kEnd : State::kHeader;
    return true;
  }

  bool start_array(std::size_t) override {
    if (state_ != State::kTensor || field_ == "dtype") return Unexpected("an array");
    offsets_ = 0;
    state_ = field_ == "shape" ? State::kShape : State::kOffsets;
    return true;
  }

  bool end_array() override {
    if (state_ == State::kOffsets && offsets_ != 2) return Refuse("data_offsets must be two numbers");
    state_ = State::kTensor;
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    position_ = position;
    error_ = error.what();
    return false;
  }

 private:
  enum class State : std::uint8_t { kStart, kHeader, kMetadata, kTensor, kShape, kOffsets, kEnd };

  bool Refuse(std::string_view what) {
    const bool entry = state_ != State::kStart && state_ != State::kEnd;
    error_ = !entry                    ? std::string(what)
             : name_ == "__metadata__" ? fmt::format("__metadata__: {}", what)
                                       : fmt::format("tensor {}: {}", name_, what);
    return false;
  }
  bool Unexpected(std::string_view what) {
    switch (state_) {
      case State::kStart:
      case State::kEnd:
        return Refuse(fmt::format("the header is {}, not an object", what));
      case State::kHeader:
        return Refuse(fmt::format("the entry is {}, not an object", what));
      case State::kMetadata:
        return Refuse(fmt::format("the value of {} is {}, not a string", field_, what));
      default:
        return Refuse(fmt::format("{} in {}", what, field_));
    }
  }

  std::vector<Entry>& entries_;
  std::map<std::string, std::string>& metadata_;
  State state_ = State::kStart;
  std::string name_, field_;
  unsigned seen_ = 0;  // of a tensor's fields: 1 dtype, 2 shape, 4 data_offsets
  int offsets_ = 0;
  bool metadata_seen_ = false;
  std::string error_;
  std::optional<std::size_t> position_;
};

}  // namespace

class SafetensorsParser {
 public:
  explicit SafetensorsParser(SafetensorsFile& out) : out_(out) {}

  Status Parse() {
    STRATA_TRY(const std::string_view header, Header());
    HeaderReader reader(entries_, out_.metadata_);
    if (!nlohmann::json::sax_parse(header.begin(), header.end(), &reader)) {
      if (const auto position = reader.error_position())
        return Corrupt(kLengthBytes + std::max<std::size_t>(*position, 1) - 1, reader.error());
      return Fail(ErrorCode::kCorrupt, "{}: {}", out_.path(), reader.error());
    }
    for (const Entry& entry : entries_) STRATA_CHECK(CheckSize(entry));
    STRATA_CHECK(CheckCover());
    for (Entry& entry : entries_) {
      entry.tensor.data = out_.bytes_.subspan(out_.header_bytes_ + entry.begin, entry.end - entry.begin);
      out_.tensors_.push_back(std::move(entry.tensor));
    }
    std::ranges::sort(out_.tensors_, {}, &SafetensorsTensor::name);
    const auto twice = std::ranges::adjacent_find(out_.tensors_, {}, &SafetensorsTensor::name);
    if (twice != out_.tensors_.end()) return Corrupt(*twice, "appears twice");
    return {};
  }

 private:
  std::unexpected<Error> Corrupt(std::uint64_t offset, std::string_view what) const {
    return Fail(ErrorCode::kCorrupt, "{}: offset {}: {}", out_.path(), offset, what);
  }
  std::unexpected<Error> Corrupt(const SafetensorsTensor& tensor, std::string_view what) const {
    return Fail(ErrorCode::kCorrupt, "{}: tensor {}: {}", out_.path(), tensor.name, what);
  }

  /// The JSON text, its length checked.
  Result<std::string_view> Header() {
    const std::span<const std::byte> bytes = out_.bytes_;
    if (bytes.size() < kLengthBytes)
      return Corrupt(0, fmt::format("{} bytes; a header length takes {}", bytes.size(), kLengthBytes));
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < kLengthBytes; ++i) length |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
    if (length > SafetensorsFile::kMaxHeader) {
      return Corrupt(0,
                     fmt::format("a header of {} bytes; at most {} are allowed", length, SafetensorsFile::kMaxHeader));
    }
    if (length > bytes.size() - kLengthBytes) {
      return Corrupt(0, fmt::format("a header of {} bytes; the file has {} more", length, bytes.size() - kLengthBytes));
    }
    out_.header_bytes_ = kLengthBytes + length;
    const std::string_view header(reinterpret_cast<const char*>(bytes.data() + kLengthBytes), length);
    if (!header.starts_with('{')) return Corrupt(kLengthBytes, "the header does not begin with {");
    // JSON has no place for it, but the parser takes it for the end of its input.
    if (const auto zero = header.find('\0'); zero != std::string_view::npos)
      return Corrupt(kLengthBytes + zero, "a zero byte in the header");
    return header;
  }

  Status CheckSize(const Entry& entry) const {
    const std::uint64_t available = out_.bytes_.size() - out_.header_bytes_;
    if (entry.begin > entry.end || entry.end > available) {
      return Corrupt(entry.tensor,
                     fmt::format("bytes {} to {} of a data section of {}", entry.begin, entry.end, available));
    }
    // A type of tomorrow has no size to check; View refuses it.
    const ElementType* type = FindElementType(entry.tensor.dtype);
    if (type == nullptr) return {};
    std::uint64_t bits = type->bits;
    for (const std::int64_t dim : entry.tensor.shape) {
      if (__builtin_mul_overflow(bits, static_cast<std::uint64_t>(dim), &bits))
        return Corrupt(entry.tensor, fmt::format("the shape [{}] overflows", fmt::join(entry.tensor.shape, ", ")));
    }
    if (bits % 8 != 0 || bits / 8 != entry.end - entry.begin) {
      return Corrupt(entry.tensor,
                     fmt::format("{} [{}] takes {} bytes, bytes {} to {} were given", entry.tensor.dtype,
                                 fmt::join(entry.tensor.shape, ", "), (bits + 7) / 8, entry.begin, entry.end));
    }
    return {};
  }

  /// In order of their data the tensors follow each other from the first byte to the last.
  Status CheckCover() const {
    std::vector<const Entry*> order;
    order.reserve(entries_.size());
    for (const Entry& entry : entries_) order.push_back(&entry);
    std::ranges::sort(order, {}, [](const Entry* entry) { return std::pair(entry->begin, entry->end); });
    std::uint64_t covered = 0;
    const Entry* before = nullptr;
    for (const Entry* entry : order) {
      if (entry->begin < covered)
        return Corrupt(entry->tensor, fmt::format("begins at byte {}, inside tensor {}, which ends at {}", entry->begin,
                                                  before->tensor.name, covered));
      if (entry->begin > covered)
        return Corrupt(entry->tensor, fmt::format("begins at byte {}, leaving {} bytes from {} on to no tensor",
                                                  entry->begin, entry->begin - covered, covered));
      covered = entry->end;
      before = entry;
    }
    const std::uint64_t available = out_.bytes_.size() - out_.header_bytes_;
    if (covered != available) {
      return Corrupt(out_.header_bytes_ + covered,
                     fmt::format("{} bytes after the last tensor belong to none", available - covered));
    }
    return {};
  }

  SafetensorsFile& out_;
  std::vector<Entry> entries_;
};

Result<SafetensorsFile> SafetensorsFile::Parse(std::span<const std::byte> bytes, std::string name) {
  SafetensorsFile out;
  out.path_ = std::move(name);
  out.bytes_ = bytes;
  STRATA_CHECK(SafetensorsParser(out).Parse());
  return out;
}

Result<SafetensorsFile> SafetensorsFile::Open(const std::string& path) {
  STRATA_TRY(MappedFile file, MappedFile::Open(path));
  STRATA_TRY(SafetensorsFile out, Parse(file.bytes(), path));
  out.file_ = std::move(file);
  return out;
}

const SafetensorsTensor* SafetensorsFile::Find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(tensors_, name, {}, &SafetensorsTensor::name);
  return found == tensors_.end() || found->name != name ? nullptr : &*found;
}

Result<TensorView> SafetensorsFile::View(const SafetensorsTensor& tensor) const {
  const ElementType* type = FindElementType(tensor.dtype);
  if (type == nullptr || !type->dtype) {
    return Fail(ErrorCode::kUnsupported, "{}: tensor {}: elements of type {} are not supported", path(), tensor.name,
                tensor.dtype);
  }
  if (tensor.shape.size() > Shape::kMaxRank || std::ranges::find(tensor.shape, 0) != tensor.shape.end()) {
    return Fail(ErrorCode::kUnsupported, "{}: tensor {}: the shape [{}] is not supported", path(), tensor.name,
                fmt::join(tensor.shape, ", "));
  }
  return TensorView{*type->dtype, Shape(std::span<const std::int64_t>(tensor.shape)), tensor.data};
}

}  // namespace strata
