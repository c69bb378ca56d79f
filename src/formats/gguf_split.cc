#include "formats/gguf_split.h"

#include <charconv>

namespace strata {
namespace {

constexpr std::string_view kEnding = ".gguf";
constexpr std::size_t kDigits = 5;

/// Five digits before `end`, which then ends before them.
std::optional<int> TakeDigits(std::string_view& text) {
  if (text.size() < kDigits) return std::nullopt;
  int number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(end - kDigits, end, number);
  if (error != std::errc() || stop != end || number < 1) return std::nullopt;
  text.remove_suffix(kDigits);
  return number;
}

bool TakeEnding(std::string_view& text, std::string_view ending) {
  if (!text.ends_with(ending)) return false;
  text.remove_suffix(ending.size());
  return true;
}

Result<std::int64_t> PartCount(const GgufFile& file) {
  STRATA_TRY(const auto count, file.Find<std::int64_t>("split.count"));
  return count.value_or(1);
}

Status CheckKey(const GgufFile& file, std::string_view key, std::int64_t expected) {
  STRATA_TRY(const auto value, file.Get<std::int64_t>(key));
  if (value == expected) return {};
  return Fail(ErrorCode::kCorrupt, "{}: {} is {}, it should be {}", file.path(), key, value, expected);
}

}  // namespace

std::optional<GgufPartName> GgufPartName::Parse(std::string_view path) {
  if (!TakeEnding(path, kEnding)) return std::nullopt;
  const auto count = TakeDigits(path);
  if (!count || !TakeEnding(path, "-of-")) return std::nullopt;
  const auto number = TakeDigits(path);
  if (!number || *number > *count || !TakeEnding(path, "-")) return std::nullopt;
  return GgufPartName{std::string(path), *number, *count};
}

std::string GgufPartName::ToString() const { return fmt::format("{}-{:05}-of-{:05}{}", base, number, count, kEnding); }

Result<std::vector<GgufFile>> OpenGgufParts(const std::string& path) {
  std::vector<GgufFile> parts;
  STRATA_TRY(GgufFile given, GgufFile::Open(path));
  STRATA_TRY(const std::int64_t count, PartCount(given));
  if (count <= 1) {
    parts.push_back(std::move(given));
    return parts;
  }
  auto name = GgufPartName::Parse(path);
  if (!name || name->count != count) {
    return Fail(ErrorCode::kCorrupt,
                "{}: split.count is {}: the other parts are found by names that end in -00001-of-{:05}.gguf", path,
                count, count);
  }
  const int number = name->number;
  for (name->number = 1; name->number <= name->count; ++name->number) {
    if (name->number == number) {
      parts.push_back(std::move(given));
      continue;
    }
    STRATA_TRY(GgufFile part, GgufFile::Open(name->ToString()), "{} is part {} of {}", path, number, count);
    parts.push_back(std::move(part));
  }
  return parts;
}

Status CheckGgufParts(std::span<const GgufFile> parts) {
  STRATA_TRY(const std::int64_t count, PartCount(parts.front()));
  const auto given = static_cast<std::int64_t>(parts.size());
  if (count != given) {
    return Fail(ErrorCode::kCorrupt, "{}: split.count is {}; there is {}", parts.front().path(), count,
                given == 1 ? "this part only" : fmt::format("a set of {}", given));
  }
  if (count == 1) return {};
  std::size_t tensors = 0;
  for (const GgufFile& part : parts) tensors += part.tensors().size();
  for (std::size_t i = 0; i < parts.size(); ++i) {
    STRATA_CHECK(CheckKey(parts[i], "split.count", count));
    STRATA_CHECK(CheckKey(parts[i], "split.no", static_cast<std::int64_t>(i)));
    STRATA_CHECK(CheckKey(parts[i], "split.tensors.count", static_cast<std::int64_t>(tensors)));
  }
  return {};
}

}  // namespace strata
