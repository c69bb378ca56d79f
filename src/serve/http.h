// HTTP as plain data: what routing, authorisation and the handlers see, so that they run without sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/server.h"

namespace strata::serve {

/// Headers of the Model Context Protocol; empty where they are missing.
struct McpHeaders {
  std::string protocol_version;  ///< MCP-Protocol-Version
  std::string session_id;        ///< Mcp-Session-Id
  std::string method, name;      ///< Mcp-Method, Mcp-Name
};

struct HttpRequest {
  std::string method;  ///< "GET"
  std::string path;    ///< percent-decoded, without query
  std::string query;   ///< after the "?", as it came
  std::string content_type;
  std::string authorization;
  std::string origin;
  std::string accept;
  McpHeaders mcp;
  std::string request_id;         ///< X-Request-Id; only printable ASCII survives
  std::string preflight_headers;  ///< Access-Control-Request-Headers
  std::string body;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
};

enum class Route {
  kChatCompletions,
  kCompletions,
  kModels,
  kModel,  ///< /v1/models/{id}
  kResponses,
  kResponse,        ///< /v1/responses/{id}
  kDeleteResponse,  ///< the same path
  kInputItems,      ///< /v1/responses/{id}/input_items
  kMessages,
  kCountTokens,
  kEmbeddings,
  kRerank,
  kScore,
  kKnowledgeBases,
  kKnowledgeCreateBase,
  kKnowledgeBase,
  kKnowledgeDeleteBase,
  kKnowledgeDocuments,
  kKnowledgeAddDocument,
  kKnowledgeDocument,
  kKnowledgeChangeDocument,
  kKnowledgeDeleteDocument,
  kKnowledgeDocumentText,
  kKnowledgeDocumentChunks,
  kKnowledgeJobs,
  kKnowledgeJob,
  kKnowledgeCancelJob,
  kKnowledgeRetryJob,
  kKnowledgeSearch,
  kKnowledgeEvaluate,
  kKnowledgeQuestions,
  kKnowledgeAnswer,
  kMcp,
  kMcpDelete,  ///< the same path
  kTokenize,
  kDetokenize,
  kHealth,
  kVersion,
  kMetrics,
};

struct RouteMatch {
  enum class Kind { kFound, kNoSuchPath, kWrongMethod, kOptions } kind = Kind::kNoSuchPath;
  Route route = Route::kHealth;
  std::string_view handler;            ///< the pattern, for the label of http_requests_total
  std::vector<std::string> arguments;  ///< what the stars of the pattern stand for
  std::string allow;                   ///< value of Allow, for kWrongMethod and kOptions
};

/// HEAD matches where GET does.
RouteMatch FindRoute(std::string_view method, std::string_view path);
/// Whether an answer comes from the engine, and not at once.
bool Generates(Route route);
/// Whether it comes from a pooling model's engine.
bool Pools(Route route);

/// Whether it is about knowledge bases.
bool AsksKnowledge(Route route);

/// Whose errors and headers the clients of a route expect.
enum class Protocol : std::uint8_t { kOpenAi, kAnthropic, kMcp };
Protocol ProtocolOf(Route route);

/// The target of a request line without its query, percent-decoded ("%2F" too: model ids contain slashes).
std::string DecodePath(std::string_view target);
/// What follows the "?" of a target.
std::string_view QueryOf(std::string_view target);
/// The parameters of a query, in order, names and values percent-decoded.
std::vector<std::pair<std::string, std::string>> QueryParameters(std::string_view query);

/// Whose request it is: the place of its key in api_keys, from 1; 0 where no keys are needed; nothing when it brings
/// none that is known. The comparison takes the same time whichever byte differs.
std::optional<std::int32_t> TenantOf(const ServerOptions& options, std::string_view authorization);

/// Health, version and metrics are open; everything else needs a key when there are any.
bool IsAuthorized(const ServerOptions& options, Route route, std::string_view authorization);

/// The headers that let a browser of this origin read the answer; none when it may not.
std::vector<std::pair<std::string, std::string>> CorsHeaders(const ServerOptions& options, const HttpRequest& request,
                                                             bool preflight);

/// The client's id when it is fit to be echoed (1 to 128 printable ASCII characters), else a fresh one.
std::string RequestIdFor(std::string_view wanted);
/// "chatcmpl-" + 32 hexadecimal digits.
std::string MakeId(std::string_view prefix);

}  // namespace strata::serve
