#include "grammar/json_schema/uri_reference.h"

#include <vector>

#include "base/hex.h"

namespace strata::grammar {
namespace {

struct UriParts {
  std::string_view scheme;     ///< with its ':'
  std::string_view authority;  ///< with its "//"
  std::string_view path;
  std::string_view query;  ///< with its '?'
};

UriParts Split(std::string_view uri) {
  UriParts parts;
  uri = uri.substr(0, uri.find('#'));
  const std::size_t colon = uri.find(':');
  if (colon != std::string_view::npos && colon > 0 &&
      uri.substr(0, colon).find_first_of("/?") == std::string_view::npos) {
    parts.scheme = uri.substr(0, colon + 1);
    uri.remove_prefix(colon + 1);
  }
  if (uri.starts_with("//")) {
    parts.authority = uri.substr(0, uri.find_first_of("/?", 2));
    uri.remove_prefix(parts.authority.size());
  }
  const std::size_t question = uri.find('?');
  parts.path = uri.substr(0, question);
  if (question != std::string_view::npos) parts.query = uri.substr(question);
  return parts;
}

std::string RemoveDotSegments(std::string_view path) {
  const bool absolute = path.starts_with('/');
  std::vector<std::string_view> segments;
  bool directory = false;  // the path ends in a '/', written or implied
  if (absolute) path.remove_prefix(1);
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    directory = segment == "." || segment == "..";
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (segment != ".") {
      segments.push_back(segment);
    }
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  std::string result = absolute ? "/" : "";
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (i > 0) result += '/';
    result += segments[i];
  }
  if (directory && !segments.empty()) result += '/';
  return result;
}

}  // namespace

std::string ResolveUri(std::string_view base, std::string_view reference) {
  const UriParts from = Split(base);
  const UriParts to = Split(reference);
  const auto join = [](std::string_view scheme, std::string_view authority, std::string_view path,
                       std::string_view query) {
    std::string uri(scheme);
    uri += authority;
    // An opaque path, as a URN's, has no segments.
    uri += scheme.empty() || !authority.empty() || path.starts_with('/') ? RemoveDotSegments(path) : std::string(path);
    uri += query;
    return uri;
  };
  if (!to.scheme.empty()) return join(to.scheme, to.authority, to.path, to.query);
  if (!to.authority.empty()) return join(from.scheme, to.authority, to.path, to.query);
  if (to.path.empty()) return join(from.scheme, from.authority, from.path, to.query.empty() ? from.query : to.query);
  if (to.path.starts_with('/')) return join(from.scheme, from.authority, to.path, to.query);
  const std::size_t slash = from.path.rfind('/');
  std::string merged;
  if (slash != std::string_view::npos) {
    merged = std::string(from.path.substr(0, slash + 1));
  } else if (!from.authority.empty()) {
    merged = "/";
  }
  merged += to.path;
  return join(from.scheme, from.authority, merged, to.query);
}

std::string UriFragment(std::string_view reference) {
  const std::size_t hash = reference.find('#');
  return hash == std::string_view::npos ? "" : PercentDecoded(reference.substr(hash + 1));
}

}  // namespace strata::grammar
