// What documents are called by: RFC 3986, so that every name of a file has one spelling and '#' parts a file from what
// is in it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace strata::knowledge {

/// "file:///srv/a%20b.pdf" of an absolute path.
std::string FileUri(std::string_view path);
/// "upload:a.pdf".
std::string UploadUri(std::string_view name);
/// "SOURCE#inner/c.txt".
std::string MemberUri(std::string_view source, std::string_view name);
/// The path of a file's URI, without what stands behind '#'; nothing for other URIs.
std::optional<std::string> PathOf(std::string_view uri);
/// The URI of the file that a document came from.
std::string_view SourceOf(std::string_view uri);

}  // namespace strata::knowledge
