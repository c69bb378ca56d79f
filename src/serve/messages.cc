#include <algorithm>
#include <array>

#include "serve/field_table.h"
#include "serve/request.h"
#include "serve/tool_list.h"

namespace strata::serve {
namespace {

constexpr std::array<std::string_view, 5> kRoles = {"system", "developer", "user", "assistant", "tool"};
constexpr std::array<std::string_view, 9> kMessageFields = {"role",       "content",           "name",
                                                            "tool_calls", "tool_call_id",      "refusal",
                                                            "reasoning",  "reasoning_content", "annotations"};
// Clients send an answer's message back as they got it, with null for what it did not have.
constexpr std::array<std::string_view, 2> kNullFields = {"audio", "function_call"};

Status CheckPart(const Json& part, const std::string& path) {
  if (!part.is_object()) return BadField(path, "must be an object, not {}", part.type_name());
  const auto type = part.find("type");
  if (type == part.end()) return BadField(path + ".type", "is missing");
  if (!type->is_string()) return BadField(path + ".type", "must be a string, not {}", type->type_name());
  if (*type != "text" && *type != "refusal") {
    return std::unexpected(
        Error(ErrorCode::kUnsupported,
              fmt::format("{}.type: content of type {} is not supported by this model, only text", path, type->dump()))
            .WithParam(path + ".type"));
  }
  const std::string field = type->get<std::string>();
  const auto text = part.find(field);
  if (text == part.end() || !text->is_string()) return BadField(path + "." + field, "must be a string");
  return {};
}

bool IsCustom(const Json& call) {
  const auto type = call.find("type");
  return type != call.end() && *type == "custom";
}

Status CheckToolCalls(const Json& calls, const std::string& path) {
  if (!calls.is_array()) return BadField(path, "must be an array, not {}", calls.type_name());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const std::string call_path = fmt::format("{}[{}]", path, i);
    if (!calls[i].is_object()) return BadField(call_path, "must be an object");
    if (IsCustom(calls[i])) {
      const std::string custom_path = call_path + ".custom";
      if (!calls[i].contains("custom") || !calls[i]["custom"].is_object()) {
        return BadField(custom_path, "must be an object");
      }
      STRATA_CHECK(CheckMembers(calls[i]["custom"], custom_path, {"name", "input"}));
      for (const char* member : {"name", "input"}) STRATA_CHECK(StringMember(calls[i]["custom"], custom_path, member));
      continue;
    }
    const auto function = calls[i].find("function");
    if (function == calls[i].end() || !function->is_object())
      return BadField(call_path + ".function", "must be an object");
    const auto name = function->find("name");
    if (name == function->end() || !name->is_string())
      return BadField(call_path + ".function.name", "must be a string");
    const auto arguments = function->find("arguments");
    if (arguments != function->end() && !arguments->is_null() && !arguments->is_string() && !arguments->is_object()) {
      return BadField(call_path + ".function.arguments", "must be a string, not {}", arguments->type_name());
    }
  }
  return {};
}

Status CheckContent(const Json& message, const std::string& role, const std::string& path) {
  const auto content = message.find("content");
  const bool absent = content == message.end() || content->is_null();
  if (absent) {
    if (role == "assistant" && (message.contains("tool_calls") || message.contains("refusal"))) return {};
    return BadField(path, "is missing");
  }
  if (content->is_string()) return {};
  if (!content->is_array())
    return BadField(path, "must be a string or an array of parts, not {}", content->type_name());
  if (content->empty()) return BadField(path, "must not be an empty array");
  for (std::size_t i = 0; i < content->size(); ++i)
    STRATA_CHECK(CheckPart((*content)[i], fmt::format("{}[{}]", path, i)));
  return {};
}

Status CheckMessage(const Json& message, const std::string& path) {
  if (!message.is_object()) return BadField(path, "must be an object, not {}", message.type_name());
  const auto role = message.find("role");
  if (role == message.end()) return BadField(path + ".role", "is missing");
  if (!role->is_string() || std::ranges::find(kRoles, role->get<std::string>()) == kRoles.end()) {
    return BadField(path + ".role", "must be one of {}, not {}", fmt::join(kRoles, ", "), role->dump());
  }
  for (const auto& [name, value] : message.items()) {
    if (std::ranges::find(kNullFields, name) != kNullFields.end()) {
      if (value.is_null()) continue;
      return std::unexpected(
          Error(ErrorCode::kUnsupported, fmt::format("{}.{} is not supported yet (only null)", path, name))
              .WithParam(fmt::format("{}.{}", path, name)));
    }
    if (std::ranges::find(kMessageFields, name) == kMessageFields.end()) {
      return BadField(fmt::format("{}.{}", path, name.substr(0, 100)), "unknown field");
    }
    if ((name == "name" || name == "tool_call_id") && !value.is_string() && !value.is_null()) {
      return BadField(fmt::format("{}.{}", path, name), "must be a string, not {}", value.type_name());
    }
  }
  STRATA_CHECK(CheckContent(message, role->get<std::string>(), path + ".content"));
  if (const auto calls = message.find("tool_calls"); calls != message.end() && !calls->is_null()) {
    STRATA_CHECK(CheckToolCalls(*calls, path + ".tool_calls"));
  }
  return {};
}

/// Calls of custom tools as calls of the functions that they are to models.
void WriteCustomCalls(Json& message) {
  const auto calls = message.find("tool_calls");
  if (calls == message.end() || calls->is_null()) return;
  for (Json& call : *calls) {
    if (!IsCustom(call)) continue;
    const Json custom = call["custom"];
    call.erase("custom");
    call["type"] = "function";
    call["function"] = {{"name", custom["name"]}, {"arguments", CustomArguments(custom["input"].get<std::string>())}};
  }
}

}  // namespace

Result<Json> ReadMessages(Json messages) {
  if (!messages.is_array()) return BadField("messages", "must be an array, not {}", messages.type_name());
  if (messages.empty()) return BadField("messages", "must not be empty");
  for (std::size_t i = 0; i < messages.size(); ++i) {
    STRATA_CHECK(CheckMessage(messages[i], fmt::format("messages[{}]", i)));
    WriteCustomCalls(messages[i]);
  }
  return messages;
}

}  // namespace strata::serve
