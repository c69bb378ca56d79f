#include "serve/responses/stored.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "serve/response_json.h"

namespace strata::serve::responses {
namespace {

using Json = nlohmann::ordered_json;

std::unexpected<ApiError> NotFound(const std::string& id) {
  return std::unexpected(ApiError{.status = 404,
                                  .message = fmt::format("Response with id '{}' not found.", id.substr(0, 100)),
                                  .code = "not_found"});
}

std::unexpected<ApiError> BadParameter(const std::string& name, std::string_view what) {
  return std::unexpected(
      ApiError{.message = fmt::format("{}: {}", name.substr(0, 100), what), .param = name.substr(0, 100)});
}

/// More to show, of what there is nothing.
bool IsInclude(std::string_view name) {
  return name == "include" || name == "include[]" || name == "include_obfuscation";
}

struct Page {
  std::size_t limit = 20;
  bool ascending = false;
  std::string after;
};

std::expected<Page, ApiError> ReadPage(std::string_view query) {
  Page page;
  for (const auto& [name, value] : QueryParameters(query)) {
    if (name == "limit") {
      const auto read = std::from_chars(value.data(), value.data() + value.size(), page.limit);
      if (read.ec != std::errc() || read.ptr != value.data() + value.size() || page.limit < 1 || page.limit > 100) {
        return BadParameter(name, "must be between 1 and 100");
      }
    } else if (name == "order") {
      if (value != "asc" && value != "desc") return BadParameter(name, "must be asc or desc");
      page.ascending = value == "asc";
    } else if (name == "after") {
      page.after = value;
    } else if (!IsInclude(name)) {
      return BadParameter(name, "unknown parameter");
    }
  }
  return page;
}

}  // namespace

Answer GetResponse(ResponseStore& store, std::int32_t tenant, const std::string& id, std::string_view query) {
  for (const auto& [name, value] : QueryParameters(query)) {
    if (name == "stream" && value == "false") continue;
    if (!IsInclude(name)) return BadParameter(name, "is not supported: stored responses are not streamed");
  }
  const auto stored = store.Get(tenant, id);
  if (!stored) return NotFound(id);
  return HttpResponse{.body = stored->response};
}

Answer DeleteResponse(ResponseStore& store, std::int32_t tenant, const std::string& id) {
  if (!store.Remove(tenant, id)) return NotFound(id);
  return HttpResponse{.body = Dump({{"id", id}, {"object", "response"}, {"deleted", true}})};
}

Answer ListInputItems(ResponseStore& store, std::int32_t tenant, const std::string& id, std::string_view query) {
  const auto page = ReadPage(query);
  if (!page) return std::unexpected(page.error());
  const auto stored = store.Get(tenant, id);
  if (!stored) return NotFound(id);
  Json items = Json::parse(stored->input);
  if (!page->ascending) std::ranges::reverse(items);
  auto begin = items.begin();
  if (!page->after.empty()) {
    begin = std::ranges::find_if(items, [&](const Json& item) { return item.at("id") == page->after; });
    if (begin == items.end()) return BadParameter("after", "there is no item of this id");
    ++begin;
  }
  Json data = Json::array();
  for (; begin != items.end() && data.size() < page->limit; ++begin) data.push_back(std::move(*begin));
  const Json first = data.empty() ? Json() : data.front().at("id"), last = data.empty() ? Json() : data.back().at("id");
  return HttpResponse{.body = Dump({{"object", "list"},
                                    {"data", std::move(data)},
                                    {"first_id", first},
                                    {"last_id", last},
                                    {"has_more", begin != items.end()}})};
}

}  // namespace strata::serve::responses
