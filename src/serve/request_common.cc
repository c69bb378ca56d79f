#include <charconv>
#include <cmath>

#include "serve/request_fields.h"

namespace strata::serve {
namespace {

using R = GenerateRequest;
constexpr std::int64_t kMaxTokenId = INT32_MAX;
constexpr std::size_t kMaxStops = 16;
constexpr std::size_t kMaxStopBytes = 1024;

Status ReadLogitBias(const Json& value, const std::string& path, R& r) {
  if (!value.is_object()) return BadField(path, "must be an object of token id to bias, not {}", value.type_name());
  for (const auto& [key, bias] : value.items()) {
    TokenId id = 0;
    const auto parsed = std::from_chars(key.data(), key.data() + key.size(), id);
    if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size() || id < 0) {
      return BadField(path, "key \"{}\" is not a token id", key.substr(0, 40));
    }
    double number = 0;
    STRATA_CHECK(ReadReal(bias, fmt::format("{}.{}", path, key), -100, 100, number));
    r.sampling.logit_bias.emplace_back(id, static_cast<float>(number));
  }
  return {};
}

Status ReadStreamOptions(const Json& value, const std::string& path, R& r) {
  if (!value.is_object()) return BadField(path, "must be an object, not {}", value.type_name());
  for (const auto& [name, option] : value.items()) {
    const std::string option_path = path + "." + name.substr(0, 100);
    if (option.is_null()) continue;
    bool unused =
        false;  // include_obfuscation pads chunks against traffic analysis; there is nothing to pad on loopback
    bool* target = name == "include_usage"            ? &r.include_usage
                   : name == "continuous_usage_stats" ? &r.continuous_usage
                   : name == "include_obfuscation"    ? &unused
                                                      : nullptr;
    if (target == nullptr) return BadField(option_path, "unknown field");
    STRATA_CHECK(ReadBool(option, option_path, *target));
  }
  return {};
}

/// Seeds of any sign are taken, as clients send them.
Status ReadSeed(const Json& value, const std::string& path, R& r) {
  if (!value.is_number_integer()) return BadField(path, "must be an integer, not {}", value.type_name());
  r.sampling.seed =
      value.is_number_unsigned() ? value.get<std::uint64_t>() : static_cast<std::uint64_t>(value.get<std::int64_t>());
  return {};
}

Status ReadTopK(const Json& value, const std::string& path, R& r) {
  return ReadInteger(value, path, -1, kMaxTokenId, r.sampling.top_k);
}

Status ReadRequestId(const Json& value, const std::string& path, R& r) {
  STRATA_CHECK(ReadString(value, path, r.request_id));
  if (r.request_id.empty() || r.request_id.size() > 128) return BadField(path, "must have 1 to 128 characters");
  return {};
}

void AppendSampling(std::vector<Field<R>>& t) {
  const auto real = [&](std::string_view name, double low, double high, double SamplingParams::* member) {
    t.push_back(RealField<R>(name, low, high, Access(&R::sampling, member)));
  };
  real("temperature", 0, 2, &SamplingParams::temperature);
  t.push_back({"top_p", [](const Json& v, const std::string& path, R& r) -> Status {
                 STRATA_CHECK(ReadReal(v, path, 0, 1, r.sampling.top_p));
                 if (r.sampling.top_p == 0) return BadField(path, "must be greater than 0");
                 return {};
               }});
  real("min_p", 0, 1, &SamplingParams::min_p);
  real("presence_penalty", -2, 2, &SamplingParams::presence_penalty);
  real("frequency_penalty", -2, 2, &SamplingParams::frequency_penalty);
  t.push_back({"repetition_penalty", [](const Json& v, const std::string& path, R& r) -> Status {
                 STRATA_CHECK(ReadReal(v, path, 0, 1e6, r.sampling.repetition_penalty));
                 if (r.sampling.repetition_penalty == 0) return BadField(path, "must be greater than 0");
                 return {};
               }});
  t.push_back({"top_k", ReadTopK});
  t.push_back({"seed", ReadSeed});
  t.push_back({"logit_bias", ReadLogitBias});
  t.push_back({"allowed_token_ids", [](const Json& v, const std::string& path, R& r) -> Status {
                 STRATA_CHECK(ReadTokenIds(v, path, r.sampling.allowed_token_ids));
                 if (v.empty()) return BadField(path, "must not be empty");
                 return {};
               }});
  t.push_back(IntegerField<R>("min_tokens", 0, kMaxTokenId, Access(&R::sampling, &SamplingParams::min_tokens)));
  t.push_back({"stop_token_ids", [](const Json& v, const std::string& path, R& r) {
                 return ReadTokenIds(v, path, r.sampling.stop_token_ids);
               }});
  t.push_back(BoolField<R>("ignore_eos", Access(&R::sampling, &SamplingParams::ignore_eos)));
}

void AppendOutput(std::vector<Field<R>>& t) {
  t.push_back({"stop", ReadStop});
  t.push_back(BoolField<R>("include_stop_str_in_output", Access(&R::text, &TextStreamOptions::include_stop)));
  t.push_back(BoolField<R>("skip_special_tokens", Access(&R::text, &TextStreamOptions::skip_special_tokens)));
  t.push_back(IntegerField<R>("n", 1, 128, [](R& r) -> int& { return r.n; }));
  t.push_back(BoolField<R>("stream", [](R& r) -> bool& { return r.stream; }));
  t.push_back({"stream_options", ReadStreamOptions});
  t.push_back(IntegerField<R>("prompt_logprobs", 0, 20, [](R& r) -> std::optional<int>& { return r.prompt_logprobs; }));
  t.push_back({"truncate_prompt_tokens", [](const Json& v, const std::string& path, R& r) -> Status {
                 std::int64_t number = 0;
                 STRATA_CHECK(ReadInteger(v, path, -1, kMaxTokenId, number));
                 if (number == 0) return BadField(path, "must be positive, or -1 for the model's context");
                 r.truncate_prompt_tokens = number;
                 return {};
               }});
  t.push_back(BoolField<R>("return_token_ids", [](R& r) -> bool& { return r.return_token_ids; }));
  t.push_back(BoolField<R>("return_tokens_as_token_ids", [](R& r) -> bool& { return r.tokens_as_ids; }));
  t.push_back(IntegerField<R>("priority", INT32_MIN, INT32_MAX, [](R& r) -> int& { return r.priority; }));
  t.push_back({"request_id", ReadRequestId});
  t.push_back({"cache_salt", [](const Json& v, const std::string& path, R& r) -> Status {
                 STRATA_CHECK(ReadString(v, path, r.cache_salt));
                 if (r.cache_salt.empty()) return BadField(path, "must not be empty");
                 return {};
               }});
}

}  // namespace

Status ReadStop(const Json& value, const std::string& path, R& r) {
  const auto add = [&](const Json& item, const std::string& item_path) -> Status {
    std::string text;
    STRATA_CHECK(ReadString(item, item_path, text));
    if (text.empty()) return BadField(item_path, "must not be empty");
    if (text.size() > kMaxStopBytes) return BadField(item_path, "must not be longer than {} bytes", kMaxStopBytes);
    r.text.stop.push_back(std::move(text));
    return {};
  };
  if (value.is_string()) return add(value, path);
  if (!value.is_array()) return BadField(path, "must be a string or an array of strings, not {}", value.type_name());
  if (value.size() > kMaxStops) return BadField(path, "must not have more than {} strings", kMaxStops);
  for (std::size_t i = 0; i < value.size(); ++i) STRATA_CHECK(add(value[i], fmt::format("{}[{}]", path, i)));
  return {};
}

Status ReadTokenIds(const Json& value, const std::string& path, std::vector<TokenId>& out) {
  if (!value.is_array()) return BadField(path, "must be an array of token ids, not {}", value.type_name());
  out.reserve(value.size());
  for (std::size_t i = 0; i < value.size(); ++i) {
    const Json& item = value[i];
    if (!item.is_number_integer())
      return BadField(fmt::format("{}[{}]", path, i), "must be a token id, not {}", item.type_name());
    TokenId id = 0;
    STRATA_CHECK(ReadInteger(item, fmt::format("{}[{}]", path, i), 0, kMaxTokenId, id));
    out.push_back(id);
  }
  return {};
}

Status ReadPromptInputs(const Json& value, const std::string& path, std::size_t most, std::vector<PromptInput>& out) {
  if (value.is_string()) {
    out.emplace_back(value.get<std::string>());
    return {};
  }
  if (!value.is_array())
    return BadField(path, "must be a string, an array of strings, token ids or arrays of token ids");
  if (value.empty()) return BadField(path, "must not be empty");
  if (value[0].is_number()) {
    std::vector<TokenId> ids;
    STRATA_CHECK(ReadTokenIds(value, path, ids));
    out.emplace_back(std::move(ids));
    return {};
  }
  if (value.size() > most) return BadField(path, "must not have more than {} entries", most);
  for (std::size_t i = 0; i < value.size(); ++i) {
    const std::string item_path = fmt::format("{}[{}]", path, i);
    if (value[i].is_string() && value[0].is_string()) {
      out.emplace_back(value[i].get<std::string>());
    } else if (value[i].is_array() && value[0].is_array()) {
      std::vector<TokenId> ids;
      STRATA_CHECK(ReadTokenIds(value[i], item_path, ids));
      if (ids.empty()) return BadField(item_path, "must not be empty");
      out.emplace_back(std::move(ids));
    } else {
      return BadField(item_path, "must be of one kind with the others: strings, or arrays of token ids");
    }
  }
  return {};
}

void AppendCommonFields(std::vector<Field<R>>& t) {
  t.push_back({"model", [](const Json& v, const std::string& path, R& r) { return ReadString(v, path, r.model); }});
  AppendSampling(t);
  AppendOutput(t);
  AppendConstraintFields(t);
  for (const std::string_view name :
       {"user", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "session_id"}) {
    t.push_back(AcceptedField<R>(name, JsonType::kString));
  }
  t.push_back(AcceptedField<R>("metadata", JsonType::kObject));
  t.push_back(AcceptedField<R>("prompt_cache_options", JsonType::kObject));
  t.push_back(AcceptedField<R>("spaces_between_special_tokens", JsonType::kBool));
  t.push_back(RefusedField<R>("use_beam_search", {"false"}));
  t.push_back(RefusedField<R>("length_penalty", {"1"}));
  t.push_back(RefusedField<R>("truncation_side", {"\"left\""}));
  t.push_back(RefusedField<R>("stream_interval", {"1"}));
  t.push_back(RefusedField<R>("return_prompt_text", {"false"}));
  for (const std::string_view name :
       {"kv_transfer_params", "vllm_xargs", "repetition_detection", "logprob_token_ids"}) {
    t.push_back(RefusedField<R>(name));
  }
  t.push_back(RefusedField<R>("bad_words", {"[]"}));
}

Status CheckTogether(const Json& body, const GenerateRequest& r) {
  if (const auto options = body.find("stream_options"); options != body.end() && !options->is_null() && !r.stream) {
    return BadField("stream_options", "is only allowed when stream is true");
  }
  if (r.stream && r.prompt_logprobs) return BadField("prompt_logprobs", "is not available when stream is true");
  if (r.max_tokens && r.sampling.min_tokens > *r.max_tokens) {
    return BadField("min_tokens", "must not exceed max_tokens ({})", *r.max_tokens);
  }
  if (r.max_tokens && *r.max_tokens == 0 && !r.echo && !r.prompt_logprobs) {
    return BadField("max_tokens", "must be at least 1 (0 is for echo or prompt_logprobs)");
  }
  return {};
}

}  // namespace strata::serve
