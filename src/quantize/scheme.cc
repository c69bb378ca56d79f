#include "quantize/scheme.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace strata::quantize {
namespace {

struct NamedBlocks {
  std::string_view name;
  BlockScheme scheme;
};
constexpr std::array kBlocks = {
    NamedBlocks{"q8_0", {DType::kQ8_0, DType::kF16, 7}},   NamedBlocks{"q6_k", {DType::kQ6_K, DType::kQ8_0, 18}},
    NamedBlocks{"q5_k", {DType::kQ5_K, DType::kQ5_1, 17}}, NamedBlocks{"q5_1", {DType::kQ5_1, DType::kF16, 9}},
    NamedBlocks{"q5_0", {DType::kQ5_0, DType::kF16, 8}},   NamedBlocks{"q4_k", {DType::kQ4_K, DType::kQ4_1, 15}},
    NamedBlocks{"q4_1", {DType::kQ4_1, DType::kF16, 3}},   NamedBlocks{"q4_0", {DType::kQ4_0, DType::kF16, 2}}};

std::optional<GroupScheme> ParseGroups(std::string_view name) {
  GroupScheme scheme;
  if (name == "fp8") return GroupScheme{.weights = {.type = LevelType::kFloat8}, .round_activations = true};
  const auto take = [&](std::string_view word) {
    if (!name.starts_with(word)) return false;
    name.remove_prefix(word.size());
    return true;
  };
  if (take("w8a8")) {
    scheme.round_activations = true;
  } else if (take("w4a16")) {
    scheme.weights = {.bits = 4, .group = 128};
  } else if (!take("w8a16")) {
    return std::nullopt;
  }
  if (!scheme.round_activations && take("-g")) {
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), scheme.weights.group);
    const std::int64_t group = scheme.weights.group;
    if (error != std::errc() || group < 32 || group > 1024 || group % 32 != 0) return std::nullopt;
    name.remove_prefix(static_cast<std::size_t>(end - name.data()));
  }
  if (take("-asym")) scheme.weights.symmetric = false;
  return name.empty() ? std::optional(scheme) : std::nullopt;
}

}  // namespace

Result<Scheme> ParseScheme(std::string_view name) {
  if (const auto groups = ParseGroups(name)) return Scheme{std::string(name), *groups};
  const auto* const blocks = std::ranges::find(kBlocks, name, &NamedBlocks::name);
  if (blocks != kBlocks.end()) return Scheme{std::string(name), blocks->scheme};
  std::string known = "fp8, w8a8, w8a16[-gN][-asym], w4a16[-gN][-asym] with N a multiple of 32 up to 1024";
  for (const NamedBlocks& one : kBlocks) known += fmt::format(", {}", one.name);
  return Fail(ErrorCode::kInvalidArgument, "no scheme {} (schemes: {})", name, known);
}

}  // namespace strata::quantize
