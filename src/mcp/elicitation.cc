#include <algorithm>

#include "mcp/client.h"

namespace strata::mcp {

asio::awaitable<Result<Json>> AcceptDefaults(Json params) {
  Json content = Json::object();
  const Json none = Json::object();
  const auto member = [&none](const Json& json, const char* name) -> const Json& {
    const auto found = json.is_object() ? json.find(name) : json.end();
    return found == json.end() ? none : *found;
  };
  const Json& schema = member(params, "requestedSchema");
  for (const auto& [name, property] : member(schema, "properties").items()) {
    if (property.is_object() && property.contains("default")) content[name] = property["default"];
  }
  const Json& required = member(schema, "required");
  const bool complete = std::ranges::all_of(required, [&](const Json& name) {
    return name.is_string() && content.contains(name.get_ref<const std::string&>());
  });
  if (!complete) co_return Json{{"action", "decline"}};
  co_return Json{{"action", "accept"}, {"content", std::move(content)}};
}

}  // namespace strata::mcp
