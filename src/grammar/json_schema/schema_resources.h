// The schema resources of one document (JSON Schema core, section 8.2): which URIs, anchors and dialects its parts
// have, and where a reference leads.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::grammar {

using Json = nlohmann::ordered_json;

/// Schemas that do not say are read as 2020-12, with the keywords of older drafts that mean nothing else there.
enum class Draft : std::uint8_t { kDraft4, kDraft6, kDraft7, kDraft2019, kUnsaid, kDraft2020 };

/// A subschema and the resource that it belongs to.
struct SchemaPlace {
  const Json* json = nullptr;
  std::uint32_t resource = 0;
  std::string pointer;  ///< RFC 6901, from the document's root
};

struct SchemaResource {
  std::string uri;
  SchemaPlace place;
  Draft draft = Draft::kUnsaid;
  std::unordered_map<std::string, SchemaPlace> anchors;  ///< dynamic ones, too
  std::map<std::string, SchemaPlace> dynamic_anchors;    ///< "" for 2019-09's $recursiveAnchor
};

class ResourceIndex {
 public:
  /// `root` must outlive the index. Errors: kUnsupported where nested too deeply.
  static Result<ResourceIndex> Build(const Json& root);

  struct Target {
    SchemaPlace place;
    std::string dynamic_anchor;  ///< the fragment, where it names a dynamic anchor
  };
  /// Where `reference`, in a schema of `resource`, leads. Errors: kUnsupported for other documents, kInvalidArgument
  /// for what is not in this one.
  Result<Target> Resolve(std::string_view reference, std::uint32_t resource) const;

  /// The resource that the schema `json` begins, or `outer`.
  std::uint32_t ResourceAt(const Json* json, std::uint32_t outer) const;
  const SchemaResource& resource(std::uint32_t index) const { return resources_[index]; }
  bool has_dynamic_anchors() const { return has_dynamic_anchors_; }

 private:
  Status Walk(const SchemaPlace& place, std::uint32_t depth);
  Status WalkChildren(const SchemaPlace& place, std::uint32_t depth);
  void ReadAnchors(const SchemaPlace& place);
  Result<SchemaPlace> FollowPointer(SchemaPlace place, std::string_view pointer) const;

  std::vector<SchemaResource> resources_;
  std::unordered_map<const Json*, std::uint32_t> by_root_;
  std::unordered_map<std::string, std::uint32_t> by_uri_;
  bool has_dynamic_anchors_ = false;
};

}  // namespace strata::grammar
