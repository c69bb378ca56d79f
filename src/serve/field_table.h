// The table that a request parser is: one row a field. Included by the parsers' .cc files only, since it needs all of
// nlohmann/json.hpp.
#pragma once

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::serve {

using Json = nlohmann::ordered_json;

template <class Request>
struct Field {
  std::string_view name;
  /// Checks type and range, then stores. Not called for null, which means "absent" as in OpenAI's schema.
  std::function<Status(const Json& value, const std::string& path, Request& request)> read;
};

template <class... Args>
std::unexpected<Error> BadField(const std::string& path, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected<Error>(
      Error(ErrorCode::kInvalidArgument, path + ": " + fmt::format(format, std::forward<Args>(args)...))
          .WithParam(path));
}

/// `prefix` is what the paths of the body's members begin with ("tools[0].").
template <class Request>
Status ReadFields(const Json& body, const std::vector<Field<Request>>& table, Request& request,
                  const std::string& prefix = "") {
  for (const auto& [name, value] : body.items()) {
    const Field<Request>* field = nullptr;
    for (const Field<Request>& candidate : table) {
      if (candidate.name == name) field = &candidate;
    }
    if (field == nullptr) {
      const std::string path = prefix + name.substr(0, 100);
      return std::unexpected(
          Error(ErrorCode::kInvalidArgument, fmt::format("unknown field: {}", path)).WithParam(path));
    }
    if (!value.is_null()) STRATA_CHECK(field->read(value, prefix + name, request));
  }
  return {};
}

/// No members but `known`; null means "absent" here too.
inline Status CheckMembers(const Json& object, const std::string& path, std::initializer_list<std::string_view> known) {
  for (const auto& [name, value] : object.items()) {
    if (!value.is_null() && std::ranges::find(known, name) == known.end()) {
      return BadField(path + "." + name.substr(0, 100), "unknown field");
    }
  }
  return {};
}

/// Readers of single values.
inline Status ReadBool(const Json& value, const std::string& path, bool& out) {
  if (!value.is_boolean()) return BadField(path, "must be a boolean, not {}", value.type_name());
  out = value.get<bool>();
  return {};
}
inline Status ReadString(const Json& value, const std::string& path, std::string& out) {
  if (!value.is_string()) return BadField(path, "must be a string, not {}", value.type_name());
  out = value.get<std::string>();
  return {};
}
/// The member `name` of the object at `path`, which must be there.
inline Result<std::string> StringMember(const Json& object, const std::string& path, const char* name) {
  const auto member = object.find(name);
  const std::string member_path = path + "." + name;
  if (member == object.end()) return BadField(member_path, "is missing");
  std::string text;
  STRATA_CHECK(ReadString(*member, member_path, text));
  return text;
}
template <class Integer>
Status ReadInteger(const Json& value, const std::string& path, std::int64_t low, std::int64_t high, Integer& out) {
  if (!value.is_number_integer())
    return BadField(path, "must be an integer, not {}", value.is_number() ? "a fraction" : value.type_name());
  const bool too_large =
      value.is_number_unsigned() && value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t number = too_large ? 0 : value.get<std::int64_t>();
  if (too_large || number < low || number > high) {
    return BadField(path, "must be between {} and {}, not {}", low, high, value.dump());
  }
  out = static_cast<Integer>(number);
  return {};
}
inline Status ReadReal(const Json& value, const std::string& path, double low, double high, double& out) {
  if (!value.is_number()) return BadField(path, "must be a number, not {}", value.type_name());
  const double number = value.get<double>();
  if (!(number >= low && number <= high))
    return BadField(path, "must be between {} and {}, not {}", low, high, value.dump());
  out = number;
  return {};
}

/// Rows that need no code of their own.
template <class Request, class Owner, class Member>
auto Access(Owner Request::* owner, Member Owner::* member) {
  return [=](Request& r) -> Member& { return r.*owner.*member; };
}
template <class Request, class Get>
Field<Request> BoolField(std::string_view name, Get get) {
  return {name, [get](const Json& v, const std::string& path, Request& r) { return ReadBool(v, path, get(r)); }};
}
template <class Request, class Get>
Field<Request> RealField(std::string_view name, double low, double high, Get get) {
  return {name,
          [=](const Json& v, const std::string& path, Request& r) { return ReadReal(v, path, low, high, get(r)); }};
}
template <class Request, class Get>
Field<Request> IntegerField(std::string_view name, std::int64_t low, std::int64_t high, Get get) {
  return {name, [=](const Json& v, const std::string& path, Request& r) -> Status {
            std::int64_t number = 0;
            STRATA_CHECK(ReadInteger(v, path, low, high, number));
            using Target = std::remove_cvref_t<decltype(get(r))>;
            if constexpr (requires(Target t) {
                            typename Target::value_type;
                            t.has_value();
                          }) {
              get(r) = static_cast<typename Target::value_type>(number);
            } else {
              get(r) = static_cast<Target>(number);
            }
            return {};
          }};
}

enum class JsonType { kString, kBool, kObject, kArray, kAny };
/// Cannot change the answer: checked for its type, then ignored. docs/api.md says so for each.
template <class Request>
Field<Request> AcceptedField(std::string_view name, JsonType type) {
  return {name, [type](const Json& v, const std::string& path, Request&) -> Status {
            const bool fits = type == JsonType::kAny || (type == JsonType::kString && v.is_string()) ||
                              (type == JsonType::kBool && v.is_boolean()) ||
                              (type == JsonType::kObject && v.is_object()) ||
                              (type == JsonType::kArray && v.is_array());
            if (!fits) return BadField(path, "has the wrong type ({})", v.type_name());
            return {};
          }};
}
/// Would change the answer and is not there: refused unless the value is one of the `neutral` ones (JSON texts).
template <class Request>
Field<Request> RefusedField(std::string_view name, const std::vector<std::string>& neutral = {}) {
  return {name, [neutral](const Json& v, const std::string& path, Request&) -> Status {
            for (const std::string& text : neutral) {
              if (v == Json::parse(text)) return {};
            }
            return std::unexpected(
                Error(ErrorCode::kUnsupported,
                      fmt::format("{} is not supported yet{}", path,
                                  neutral.empty() ? "" : fmt::format(" (only {})", fmt::join(neutral, ", "))))
                    .WithParam(path));
          }};
}

}  // namespace strata::serve
