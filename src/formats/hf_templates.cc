#include "formats/hf_templates.h"

#include <filesystem>

#include "base/mapped_file.h"
#include "formats/hf_json.h"

namespace strata {
namespace {

namespace fs = std::filesystem;
using Templates = std::map<std::string, std::string>;

Result<Templates> FromTokenizerConfig(const std::string& folder) {
  const std::string path = folder + "/tokenizer_config.json";
  Templates templates;
  STRATA_TRY(const std::string text, ReadFileIfAny(path));
  if (text.empty()) return templates;
  STRATA_TRY(const nlohmann::json document, ParseJsonFile(text, path));
  const JsonFields fields(document, path);
  const nlohmann::json* value = fields.Find("chat_template");
  if (value == nullptr) return templates;
  if (value->is_string()) {
    templates["default"] = value->get<std::string>();
    return templates;
  }
  if (!value->is_array()) return fields.Bad(ErrorCode::kCorrupt, "chat_template", "must be a string or a list");
  for (std::size_t i = 0; i < value->size(); ++i) {
    const nlohmann::json& entry = (*value)[i];
    if (!entry.is_object())
      return fields.Bad(ErrorCode::kCorrupt, fmt::format("chat_template/{}", i), "must be an object");
    const JsonFields named(entry, path, fmt::format("/chat_template/{}", i));
    STRATA_TRY(const auto name, named.String("name"));
    STRATA_TRY(const auto source, named.String("template"));
    if (!name || !source) return named.Bad(ErrorCode::kCorrupt, name ? "template" : "name", "is missing");
    templates[*name] = *source;
  }
  return templates;
}

}  // namespace

Result<std::string> ReadFileIfAny(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error)) return std::string();
  return ReadFile(path);
}

Result<Templates> ReadChatTemplates(const std::string& folder) {
  Templates templates;
  std::error_code error;
  if (const std::string path = folder + "/chat_template.jinja"; fs::exists(path, error)) {
    STRATA_TRY(templates["default"], ReadFile(path));
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(folder + "/additional_chat_templates", error)) {
    if (entry.path().extension() != ".jinja") continue;
    STRATA_TRY(templates[entry.path().stem().string()], ReadFile(entry.path().string()));
  }
  return templates.empty() ? FromTokenizerConfig(folder) : templates;
}

}  // namespace strata
