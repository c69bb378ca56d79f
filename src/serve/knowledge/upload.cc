#include "serve/knowledge/upload.h"

#include <algorithm>
#include <string>
#include <utility>

#include <boost/beast/core/string.hpp>

#include "serve/field_table.h"
#include "serve/knowledge/multipart.h"
#include "serve/knowledge/principal.h"
#include "serve/request.h"

namespace strata::serve::knowledge {
namespace {

using strata::knowledge::DocumentSource;
using Sources = std::vector<DocumentSource>;

Status ReadMetadata(const Json& json, const std::string& path, DocumentSource& source) {
  if (!json.is_object()) return BadField(path, "must be an object, not {}", json.type_name());
  source.metadata = json;
  return {};
}

Status ReadAccessOf(const Json& json, const std::string& path, DocumentSource& source) {
  STRATA_TRY(source.access, ReadAccess(json, path));
  return {};
}

Result<Sources> ReadText(std::string_view body) {
  static const std::vector<Field<DocumentSource>> table = {
      {"text",
       [](const Json& v, const std::string& path, DocumentSource& s) { return ReadString(v, path, s.content); }},
      {"name", [](const Json& v, const std::string& path, DocumentSource& s) { return ReadString(v, path, s.name); }},
      {"uri", [](const Json& v, const std::string& path, DocumentSource& s) { return ReadString(v, path, s.uri); }},
      {"metadata", ReadMetadata},
      {"access", ReadAccessOf}};
  STRATA_TRY(const Json json, ParseJsonObject(body));
  DocumentSource source;
  STRATA_CHECK(ReadFields(json, table, source));
  if (source.content.empty()) return BadField("text", "is missing");
  if (source.name.empty()) return BadField("name", "is missing (\"notes.md\": it tells what kind of text it is)");
  return Sources{std::move(source)};
}

/// What is JSON inside a form.
Result<Json> JsonPart(const FormPart& part) {
  Result<Json> json = ParseJsonObject(part.content);
  if (!json) return BadField(part.name, "{}", json.error().message());
  return json;
}

Result<Sources> ReadForm(const HttpRequest& http) {
  STRATA_TRY(const std::vector<FormPart> parts, ParseMultipart(http.content_type, http.body));
  DocumentSource common;
  Sources sources;
  for (const FormPart& part : parts) {
    if (part.name == "file") {
      if (part.filename.empty()) return BadField("file", "needs a file name");
      sources.push_back({.content = std::string(part.content), .name = part.filename});
    } else if (part.name == "metadata") {
      STRATA_TRY(const Json json, JsonPart(part));
      STRATA_CHECK(ReadMetadata(json, part.name, common));
    } else if (part.name == "access") {
      STRATA_TRY(const Json json, JsonPart(part));
      STRATA_CHECK(ReadAccessOf(json, part.name, common));
    } else if (part.name == "uri") {
      common.uri = part.content;
    } else {
      return BadField(part.name.substr(0, 100), "unknown part");
    }
  }
  if (sources.empty()) return BadField("file", "is missing");
  if (!common.uri.empty() && sources.size() > 1) return BadField("uri", "is for one file only");
  for (DocumentSource& source : sources) {
    source.uri = common.uri;
    source.metadata = common.metadata;
    source.access = common.access;
  }
  return sources;
}

Result<Sources> ReadFile(const HttpRequest& http) {
  DocumentSource source{.content = http.body};
  for (auto& [name, value] : QueryParameters(http.query)) {
    if (name == "name") {
      source.name = std::move(value);
    } else if (name == "uri") {
      source.uri = std::move(value);
    } else {
      return BadField(name.substr(0, 100), "unknown parameter");
    }
  }
  if (source.name.empty()) return BadField("name", "is missing: ?name=report.pdf tells what the body is");
  if (source.content.empty()) return BadField("body", "is empty");
  return Sources{std::move(source)};
}

Result<Sources> Read(const HttpRequest& http) {
  const std::string_view type = std::string_view(http.content_type).substr(0, http.content_type.find(';'));
  if (boost::beast::iequals(type, "multipart/form-data")) return ReadForm(http);
  if (boost::beast::iequals(type, "application/json") && http.query.empty()) {
    return ReadText(http.body);
  }
  return ReadFile(http);
}

}  // namespace

std::expected<Sources, ApiError> ReadUpload(const HttpRequest& http) {
  Result<Sources> sources = Read(http);
  if (!sources) return std::unexpected(ToApiError(sources.error()));
  return std::move(*sources);
}

}  // namespace strata::serve::knowledge
