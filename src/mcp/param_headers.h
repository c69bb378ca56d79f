// Arguments of a tool as HTTP headers (protocol 2026-07-28, Streamable HTTP, "Custom Headers from Tool Parameters"):
// a property of the input schema with "x-mcp-header": NAME is sent as Mcp-Param-NAME too.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::mcp {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// A token of RFC 9110, section 5.6.2.
bool IsHeaderName(std::string_view name);
/// Visible ASCII, spaces and tabs.
bool IsHeaderValue(std::string_view value);

/// `value` as the protocol writes it in Mcp-Name and Mcp-Param-NAME: as it is, or =?base64?…?= where a header could not
/// carry it or it looks like that itself.
std::string EncodeHeaderValue(std::string_view value);

/// Whether each annotation of the schema is one that the protocol permits: a header's name, given once, of a string,
/// an integer or a boolean that properties alone lead to. Errors: kCorrupt, which names the annotation.
Status CheckParamHeaders(const nlohmann::ordered_json& input_schema);

/// The headers of a call with these arguments; those that are missing or null have none.
/// `input_schema` has passed CheckParamHeaders.
Headers ParamHeaders(const nlohmann::ordered_json& input_schema, const nlohmann::ordered_json& arguments);

}  // namespace strata::mcp
