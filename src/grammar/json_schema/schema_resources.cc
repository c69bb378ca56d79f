#include "grammar/json_schema/schema_resources.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/json_pointer.h"
#include "grammar/json_schema/uri_reference.h"

namespace strata::grammar {
namespace {

/// Schemas are walked by recursion. Real ones stay below 40.
constexpr std::uint32_t kMaxDepth = 256;

/// Keywords whose value is a schema, a list of schemas, or either.
constexpr std::array<std::string_view, 17> kSchemaKeywords = {"items",
                                                              "prefixItems",
                                                              "additionalItems",
                                                              "unevaluatedItems",
                                                              "contains",
                                                              "additionalProperties",
                                                              "allOf",
                                                              "anyOf",
                                                              "oneOf",
                                                              "unevaluatedProperties",
                                                              "not",
                                                              "propertyNames",
                                                              "if",
                                                              "then",
                                                              "else",
                                                              "extends",
                                                              "contentSchema"};
/// Keywords whose value is an object of schemas.
constexpr std::array<std::string_view, 6> kSchemaMapKeywords = {"properties", "patternProperties", "definitions",
                                                                "$defs",      "dependentSchemas",  "dependencies"};

Draft ReadDraft(const Json& schema, Draft inherited) {
  const auto it = schema.find("$schema");
  if (it == schema.end() || !it->is_string()) return inherited;
  const std::string_view uri = it->get_ref<const std::string&>();
  if (uri.find("draft-03") != std::string_view::npos || uri.find("draft-04") != std::string_view::npos) {
    return Draft::kDraft4;
  }
  if (uri.find("draft-06") != std::string_view::npos) return Draft::kDraft6;
  if (uri.find("draft-07") != std::string_view::npos) return Draft::kDraft7;
  if (uri.find("2019-09") != std::string_view::npos) return Draft::kDraft2019;
  if (uri.find("2020-12") != std::string_view::npos) return Draft::kDraft2020;
  return inherited;
}

std::optional<std::string_view> StringMember(const Json& schema, std::string_view name) {
  const auto it = schema.find(name);
  if (it == schema.end() || !it->is_string()) return std::nullopt;
  return std::string_view(it->get_ref<const std::string&>());
}

/// `$id`, or draft 4's `id`.
std::optional<std::string_view> Identifier(const Json& schema, Draft draft) {
  if (const auto id = StringMember(schema, "$id")) return id;
  if (draft == Draft::kDraft4 || draft == Draft::kUnsaid) return StringMember(schema, "id");
  return std::nullopt;
}

/// Up to draft 7, what stands beside `$ref` is not there.
bool RefHidesSiblings(const Json& schema, Draft draft) { return draft <= Draft::kDraft7 && schema.contains("$ref"); }

}  // namespace

Result<ResourceIndex> ResourceIndex::Build(const Json& root) {
  ResourceIndex index;
  SchemaResource whole;
  whole.place = {.json = &root, .resource = 0, .pointer = ""};
  if (root.is_object()) {
    whole.draft = ReadDraft(root, Draft::kUnsaid);
    if (const auto id = Identifier(root, whole.draft)) whole.uri = ResolveUri("", *id);
  }
  index.by_root_.emplace(&root, 0);
  index.by_uri_.emplace(whole.uri, 0);
  index.resources_.push_back(std::move(whole));
  STRATA_CHECK(index.Walk({.json = &root, .resource = 0, .pointer = ""}, 0));
  return index;
}

Status ResourceIndex::Walk(const SchemaPlace& place, std::uint32_t depth) {
  const Json& schema = *place.json;
  if (!schema.is_object()) return {};
  if (depth > kMaxDepth) {
    return std::unexpected(Error(ErrorCode::kUnsupported, fmt::format("{}: schemas nested more than {} deep",
                                                                      place.pointer.substr(0, 100), kMaxDepth))
                               .WithParam(place.pointer.substr(0, 100)));
  }
  SchemaPlace here = place;
  const SchemaResource& outer = resources_[place.resource];
  const Draft draft = ReadDraft(schema, outer.draft);
  const auto id = Identifier(schema, draft);
  if (id && place.json != outer.place.json && !id->starts_with('#') && !RefHidesSiblings(schema, draft)) {
    SchemaResource inner;
    inner.uri = ResolveUri(outer.uri, *id);
    inner.draft = draft;
    here.resource = static_cast<std::uint32_t>(resources_.size());
    inner.place = here;
    by_root_.emplace(place.json, here.resource);
    by_uri_.emplace(inner.uri, here.resource);
    resources_.push_back(std::move(inner));
  }
  ReadAnchors(here);
  return WalkChildren(here, depth);
}

void ResourceIndex::ReadAnchors(const SchemaPlace& place) {
  const Json& schema = *place.json;
  SchemaResource& resource = resources_[place.resource];
  const auto id = Identifier(schema, resource.draft);
  if (id && id->starts_with('#') && id->size() > 1 && !RefHidesSiblings(schema, resource.draft)) {
    resource.anchors.emplace(id->substr(1), place);
  }
  if (const auto anchor = StringMember(schema, "$anchor")) resource.anchors.emplace(*anchor, place);
  if (const auto anchor = StringMember(schema, "$dynamicAnchor")) {
    resource.anchors.emplace(*anchor, place);
    resource.dynamic_anchors.emplace(*anchor, place);
    has_dynamic_anchors_ = true;
  }
  const auto recursive = schema.find("$recursiveAnchor");
  if (recursive != schema.end() && recursive->is_boolean() && recursive->get<bool>() &&
      place.json == resource.place.json) {
    resource.dynamic_anchors.emplace("", place);
    has_dynamic_anchors_ = true;
  }
}

Status ResourceIndex::WalkChildren(const SchemaPlace& place, std::uint32_t depth) {
  for (const auto& [name, value] : place.json->items()) {
    const bool one = std::ranges::find(kSchemaKeywords, name) != kSchemaKeywords.end();
    const bool map = !one && std::ranges::find(kSchemaMapKeywords, name) != kSchemaMapKeywords.end();
    if (!one && !map) continue;
    const std::string pointer = place.pointer + PointerToken(name);
    if (one && value.is_object()) {
      STRATA_CHECK(Walk({&value, place.resource, pointer}, depth + 1));
    } else if (one && value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        STRATA_CHECK(Walk({&value[i], place.resource, fmt::format("{}/{}", pointer, i)}, depth + 1));
      }
    } else if (map && value.is_object()) {
      for (const auto& [key, schema] : value.items()) {
        STRATA_CHECK(Walk({&schema, place.resource, pointer + PointerToken(key)}, depth + 1));
      }
    }
  }
  return {};
}

std::uint32_t ResourceIndex::ResourceAt(const Json* json, std::uint32_t outer) const {
  const auto it = by_root_.find(json);
  return it == by_root_.end() ? outer : it->second;
}

Result<SchemaPlace> ResourceIndex::FollowPointer(SchemaPlace place, std::string_view pointer) const {
  while (!pointer.empty()) {
    pointer.remove_prefix(1);
    const std::string_view raw = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(raw.size());
    std::string token;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] == '~' && i + 1 < raw.size() && (raw[i + 1] == '0' || raw[i + 1] == '1')) {
        token += raw[++i] == '0' ? '~' : '/';
      } else {
        token += raw[i];
      }
    }
    const Json* child = nullptr;
    if (place.json->is_object()) {
      const auto it = place.json->find(token);
      if (it != place.json->end()) child = &*it;
    } else if (place.json->is_array()) {
      std::size_t i = 0;
      const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), i);
      if (error == std::errc() && end == token.data() + token.size() && i < place.json->size()) {
        child = &(*place.json)[i];
      }
    }
    if (child == nullptr) return Fail(ErrorCode::kInvalidArgument, "leads to nothing in this schema");
    place.json = child;
    place.pointer += PointerToken(token);
    place.resource = ResourceAt(child, place.resource);
  }
  return place;
}

Result<ResourceIndex::Target> ResourceIndex::Resolve(std::string_view reference, std::uint32_t resource) const {
  const std::string fragment = UriFragment(reference);
  std::uint32_t target = resource;
  if (!reference.empty() && !reference.starts_with('#')) {
    const std::string uri = ResolveUri(resources_[resource].uri, reference);
    const auto it = by_uri_.find(uri);
    if (it == by_uri_.end()) {
      return Fail(ErrorCode::kUnsupported, "refers to another document ({})", uri.substr(0, 200));
    }
    target = it->second;
  }
  const SchemaResource& found = resources_[target];
  if (fragment.empty()) return Target{found.place, ""};
  if (fragment.starts_with('/')) {
    auto place = FollowPointer(found.place, fragment);
    // Schemas before 2019-09 often give a subschema an `id` that is a mere label, and go on to point from the root.
    if (!place && target != 0 && found.draft != Draft::kDraft2019 && found.draft != Draft::kDraft2020) {
      place = FollowPointer(resources_[0].place, fragment);
    }
    if (!place) return std::unexpected(std::move(place).error());
    return Target{std::move(place).value(), ""};
  }
  const auto it = found.anchors.find(fragment);
  if (it == found.anchors.end()) {
    return Fail(ErrorCode::kInvalidArgument, "names no anchor of this schema ({})", fragment.substr(0, 200));
  }
  return Target{it->second, found.dynamic_anchors.contains(fragment) ? fragment : ""};
}

}  // namespace strata::grammar
