#include "formats/chat_template.h"

#include <algorithm>

#include "formats/jinja/interpreter.h"

namespace strata {
namespace {

using jinja::TemplateError;
using jinja::Value;

Error ToError(const TemplateError& error) {
  const bool plain = error.from_template || error.line == 0;
  return Error(error.code, plain ? error.message : fmt::format("line {}: {}", error.line, error.message));
}

Value FromJson(const nlohmann::ordered_json& json) {
  switch (json.type()) {
    case nlohmann::json::value_t::boolean:
      return Value::Bool(json.get<bool>());
    case nlohmann::json::value_t::number_integer:
      return Value::Int(json.get<std::int64_t>());
    case nlohmann::json::value_t::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      return number <= INT64_MAX ? Value::Int(static_cast<std::int64_t>(number))
                                 : Value::Float(static_cast<double>(number));
    }
    case nlohmann::json::value_t::number_float:
      return Value::Float(json.get<double>());
    case nlohmann::json::value_t::string:
      return Value::String(json.get<std::string>());
    case nlohmann::json::value_t::array: {
      std::vector<Value> items;
      for (const auto& item : json) items.push_back(FromJson(item));
      return Value::List(std::move(items));
    }
    case nlohmann::json::value_t::object: {
      std::vector<std::pair<Value, Value>> items;
      for (const auto& [key, item] : json.items()) items.emplace_back(Value::String(key), FromJson(item));
      return jinja::MakeDict(std::move(items));
    }
    default:
      return Value::None();
  }
}

}  // namespace

struct ChatTemplate::Program {
  jinja::Program program;
};

Result<ChatTemplate> ChatTemplate::Parse(std::string_view source) {
  try {
    ChatTemplate made;
    made.program_ = std::make_shared<const Program>(Program{jinja::ParseTemplate(source)});
    return made;
  } catch (const TemplateError& error) {
    return std::unexpected(ToError(error));
  }
}

Result<std::string> ChatTemplate::Render(const nlohmann::ordered_json& variables, std::int64_t now_unix_seconds,
                                         const TemplateLimits& limits) const {
  try {
    jinja::Interpreter interpreter(program_->program, limits, now_unix_seconds);
    for (const auto& [name, value] : variables.items()) interpreter.SetGlobal(name, FromJson(value));
    return interpreter.Render();
  } catch (const TemplateError& error) {
    return std::unexpected(ToError(error));
  }
}

bool ChatTemplate::Mentions(std::string_view name) const {
  return std::ranges::find(program_->program.names, name) != program_->program.names.end();
}

}  // namespace strata
