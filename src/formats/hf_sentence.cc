#include "formats/hf_sentence.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "formats/hf_templates.h"

namespace strata {
namespace {

/// Calls read(fields) where the file is there.
template <class Read>
Status WithFile(const std::string& path, const Read& read) {
  STRATA_TRY(const std::string text, ReadFileIfAny(path));
  if (text.empty()) return {};
  STRATA_TRY(const nlohmann::json document, ParseJsonFile(text, path));
  return read(JsonFields(document, path));
}

/// "Pooling" of "sentence_transformers.models.Pooling".
std::string_view LastPart(std::string_view dotted) { return dotted.substr(dotted.rfind('.') + 1); }

struct Mode {
  std::string_view field, name;  ///< of files from before and since "pooling_mode" is one field
  std::optional<Pooling> pooling;
};
constexpr Mode kModes[] = {{"pooling_mode_cls_token", "cls", Pooling::kFirst},
                           {"pooling_mode_mean_tokens", "mean", Pooling::kMean},
                           {"pooling_mode_lasttoken", "lasttoken", Pooling::kLast},
                           {"pooling_mode_max_tokens", "max", std::nullopt},
                           {"pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", std::nullopt},
                           {"pooling_mode_weightedmean_tokens", "weightedmean", std::nullopt}};

Status ReadPooling(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto name, fields.String("pooling_mode"));
  const Mode* chosen = nullptr;
  for (const Mode& mode : kModes) {
    STRATA_TRY(const auto flag, fields.Boolean(mode.field));
    if (name ? mode.name != *name : !flag.value_or(false)) continue;
    if (chosen != nullptr) {
      return fields.Bad(ErrorCode::kUnsupported, mode.field, "beside {} is not supported", chosen->field);
    }
    chosen = &mode;
  }
  if (chosen == nullptr || !chosen->pooling) {
    const std::string_view field = name || chosen == nullptr ? "pooling_mode" : chosen->field;
    return fields.Bad(ErrorCode::kUnsupported, field, "only mean, cls and lasttoken are supported");
  }
  STRATA_TRY(const auto with_prompt, fields.Boolean("include_prompt"));
  if (!with_prompt.value_or(true))
    return fields.Bad(ErrorCode::kUnsupported, "include_prompt", "false is not supported");
  config.pooling.pooling = *chosen->pooling;
  return {};
}

/// modules.json is a list: the transformer, then what is done to its rows.
Status ReadModules(const std::string& folder, ModelConfig& config) {
  const std::string path = folder + "/modules.json";
  STRATA_TRY(const std::string text, ReadFileIfAny(path));
  if (text.empty()) return {};
  const nlohmann::json document = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_array()) return Fail(ErrorCode::kCorrupt, "{}: must be a list of modules", path);
  for (std::size_t i = 0; i < document.size(); ++i) {
    const std::string place = fmt::format("/{}", i);
    if (!document[i].is_object()) return Fail(ErrorCode::kCorrupt, "{}: {}: must be an object", path, place);
    const JsonFields module(document[i], path, place);
    STRATA_TRY(const auto type, module.String("type"));
    STRATA_TRY(const auto where, module.String("path"));
    const std::string kind(LastPart(type.value_or("")));
    // A module lies inside the folder: a path could point anywhere.
    if (where.value_or("").starts_with('/') || where.value_or("").find("..") != std::string::npos)
      return module.Bad(ErrorCode::kCorrupt, "path", "{} is not a folder of the model's", *where);
    if (kind == "Transformer" && where.value_or("").empty()) continue;
    if (kind == "Pooling" && config.task != ModelTask::kClassify) {
      config.task = ModelTask::kEmbed;
      STRATA_CHECK(WithFile(fmt::format("{}/{}/config.json", folder, where.value_or("")),
                            [&](const JsonFields& fields) { return ReadPooling(fields, config); }));
    } else if (kind == "Normalize" && config.task == ModelTask::kEmbed) {
      config.pooling.normalize = true;
    } else {
      return module.Bad(ErrorCode::kUnsupported, "type", "{} is not supported", type.value_or("(none)"));
    }
  }
  return {};
}

Status ReadPrompts(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto prompts, fields.Object("prompts"));
  if (prompts) {
    for (const auto& [name, value] : prompts->json().items()) {
      if (!value.is_string()) return prompts->Bad(ErrorCode::kCorrupt, name, "must be a string");
      config.pooling.prompts[name] = value.get<std::string>();
    }
  }
  STRATA_TRY(const auto otherwise, fields.String("default_prompt_name"));
  config.pooling.default_prompt = otherwise.value_or("");
  if (otherwise && !config.pooling.prompts.contains(*otherwise)) {
    return fields.Bad(ErrorCode::kCorrupt, "default_prompt_name", "there is no prompt {}", *otherwise);
  }
  STRATA_TRY(const auto similarity, fields.String("similarity_fn_name"));
  if (similarity && *similarity != "cosine" && *similarity != "dot") {
    return fields.Bad(ErrorCode::kUnsupported, "similarity_fn_name", "{} is not supported", *similarity);
  }
  return {};
}

Status ReadActivation(const JsonFields& fields, std::string_view field, ModelConfig& config) {
  STRATA_TRY(const auto given, fields.String(field));
  if (!given) return {};
  const std::string_view name = LastPart(*given);
  if (name != "Identity" && name != "Sigmoid")
    return fields.Bad(ErrorCode::kUnsupported, field, "{} is not supported", *given);
  config.pooling.sigmoid = name == "Sigmoid";
  return {};
}

}  // namespace

Status ReadLabels(const JsonFields& fields, ModelConfig& config) {
  STRATA_TRY(const auto labels, fields.Object("id2label"));
  STRATA_TRY(const auto count, fields.Integer("num_labels"));
  // transformers assumes two where nothing is said.
  config.pooling.labels = labels ? static_cast<std::int64_t>(labels->json().size()) : count.value_or(2);
  if (config.pooling.labels < 1) return fields.Bad(ErrorCode::kCorrupt, "id2label", "there are no labels");
  config.pooling.sigmoid = config.pooling.labels == 1;
  STRATA_CHECK(ReadActivation(fields, "sbert_ce_default_activation_function", config));
  STRATA_TRY(const auto own, fields.Object("sentence_transformers"));
  return own ? ReadActivation(*own, "activation_fn", config) : Status();
}

Status ReadSentenceTransformers(const std::string& folder, ModelConfig& config) {
  STRATA_CHECK(ReadModules(folder, config));
  if (config.task == ModelTask::kGenerate) return {};
  STRATA_CHECK(WithFile(folder + "/config_sentence_transformers.json", [&](const JsonFields& fields) -> Status {
    if (config.task == ModelTask::kClassify) STRATA_CHECK(ReadActivation(fields, "activation_fn", config));
    return ReadPrompts(fields, config);
  }));
  return WithFile(folder + "/sentence_bert_config.json", [&](const JsonFields& fields) -> Status {
    STRATA_TRY(const auto longest, fields.Integer("max_seq_length"));
    if (longest && *longest < 1) return fields.Bad(ErrorCode::kCorrupt, "max_seq_length", "is {}", *longest);
    config.max_positions = std::min(config.max_positions, longest.value_or(config.max_positions));
    return {};
  });
}

}  // namespace strata
