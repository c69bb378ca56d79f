#include "knowledge/base_options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace strata::knowledge {
namespace {

constexpr std::array<std::pair<std::string_view, ChunkMethod>, 3> kMethods = {
    {{"auto", ChunkMethod::kAuto},
     {"parent_child", ChunkMethod::kParentChild},
     {"questions", ChunkMethod::kQuestions}}};
constexpr std::array<std::pair<std::string_view, VectorStorage>, 3> kStorages = {
    {{"f32", VectorStorage::kF32}, {"f16", VectorStorage::kF16}, {"int8", VectorStorage::kInt8}}};

template <class Names, class Value>
std::string_view NameOf(const Names& names, Value value) {
  return std::ranges::find(names, value, [](const auto& entry) { return entry.second; })->first;
}

template <class Names>
auto ValueOf(const Names& names, const std::string& name) -> Result<decltype(names.front().second)> {
  const auto found = std::ranges::find(names, name, [](const auto& entry) { return entry.first; });
  if (found == names.end()) return Fail(ErrorCode::kUnsupported, "the base was made with {:?}, unknown here", name);
  return found->second;
}

}  // namespace

bool IsBaseName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() != '.' && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
}

nlohmann::json ToJson(const BaseOptions& options) {
  return {{"embedding_model", options.embedding_model},    {"language", options.language},
          {"storage", NameOf(kStorages, options.storage)}, {"chunk_method", NameOf(kMethods, options.chunks.method)},
          {"chunk_tokens", options.chunks.max_tokens},     {"overlap_tokens", options.chunks.overlap_tokens},
          {"parent_tokens", options.chunks.parent_tokens}};
}

Result<BaseOptions> BaseOptionsOf(const nlohmann::json& json) {
  if (!json.is_object()) return Fail(ErrorCode::kCorrupt, "the base was not made to its end");
  BaseOptions options;
  try {
    options.embedding_model = json.at("embedding_model").get<std::string>();
    options.language = json.at("language").get<std::string>();
    STRATA_TRY(options.storage, ValueOf(kStorages, json.at("storage").get<std::string>()));
    STRATA_TRY(options.chunks.method, ValueOf(kMethods, json.at("chunk_method").get<std::string>()));
    options.chunks.max_tokens = json.at("chunk_tokens").get<std::int64_t>();
    options.chunks.overlap_tokens = json.at("overlap_tokens").get<std::int64_t>();
    options.chunks.parent_tokens = json.at("parent_tokens").get<std::int64_t>();
  } catch (const nlohmann::json::exception& error) {
    return Fail(ErrorCode::kCorrupt, "the options of the base: {}", error.what());
  }
  return options;
}

}  // namespace strata::knowledge
