#include "serve/knowledge/principal.h"

#include <utility>
#include <vector>

#include "serve/field_table.h"

namespace strata::serve::knowledge {
namespace {

constexpr std::size_t kMaxNames = 1000;

Status ReadNames(const Json& json, const std::string& path, std::vector<std::string>& names) {
  if (!json.is_array()) return BadField(path, "must be an array, not {}", json.type_name());
  if (json.size() > kMaxNames) return BadField(path, "has more than {} names", kMaxNames);
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string item = fmt::format("{}[{}]", path, i);
    STRATA_CHECK(ReadString(json[i], item, names.emplace_back()));
    if (names.back().empty()) return BadField(item, "must not be empty");
  }
  return {};
}

Status CheckObject(const Json& json, const std::string& path) {
  if (!json.is_object()) return BadField(path, "must be an object, not {}", json.type_name());
  return {};
}

template <class Owner>
Field<Owner> NamesField(std::string_view name, std::vector<std::string> Owner::* member) {
  return {name,
          [member](const Json& v, const std::string& path, Owner& owner) { return ReadNames(v, path, owner.*member); }};
}

Result<Principal> ReadPrincipal(const Json& json, const std::string& path) {
  static const std::vector<Field<Principal>> table = {
      {"user", [](const Json& v, const std::string& where, Principal& p) { return ReadString(v, where, p.user); }},
      NamesField("groups", &Principal::groups),
      NamesField("labels", &Principal::labels)};
  STRATA_CHECK(CheckObject(json, path));
  Principal principal;
  STRATA_CHECK(ReadFields(json, table, principal, path + "."));
  return principal;
}

}  // namespace

Principal PrincipalOf(const ServerOptions& options, std::int32_t tenant) {
  const std::size_t key = static_cast<std::size_t>(tenant) - 1;
  if (tenant > 0 && key < options.principals.size() && options.principals[key]) return *options.principals[key];
  return {.sees_everything = true};
}

std::expected<Principal, ApiError> ActingAs(const Principal& key, const Json& asked, const std::string& path) {
  if (asked.is_null()) return key;
  if (!key.sees_everything) {
    return std::unexpected(ApiError{.status = 403,
                                    .message = path + ": this API key is somebody's, and cannot ask as anybody else",
                                    .type = "permission_error",
                                    .param = path,
                                    .code = "not_allowed"});
  }
  Result<Principal> principal = ReadPrincipal(asked, path);
  if (!principal) return std::unexpected(ToApiError(principal.error()));
  return std::move(*principal);
}

Result<Access> ReadAccess(const Json& json, const std::string& path) {
  static const std::vector<Field<Access>> table = {NamesField("users", &Access::users),
                                                   NamesField("groups", &Access::groups),
                                                   NamesField("labels", &Access::labels)};
  STRATA_CHECK(CheckObject(json, path));
  Access access;
  STRATA_CHECK(ReadFields(json, table, access, path + "."));
  return access;
}

Json AccessJson(const Access& access) {
  return {{"users", access.users}, {"groups", access.groups}, {"labels", access.labels}};
}

}  // namespace strata::serve::knowledge
