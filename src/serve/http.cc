#include "serve/http.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <random>

#include <fmt/format.h>

#include "base/hex.h"

namespace strata::serve {
namespace {

struct Entry {
  std::string_view method;
  std::string_view path;  ///< "*" stands for an argument without slashes, "**" for all the rest
  Route route;
};

constexpr std::array kRoutes = {
    Entry{"POST", "/v1/chat/completions", Route::kChatCompletions},
    Entry{"POST", "/v1/completions", Route::kCompletions},
    Entry{"GET", "/v1/models", Route::kModels},
    Entry{"GET", "/v1/models/**", Route::kModel},
    Entry{"POST", "/v1/responses", Route::kResponses},
    Entry{"GET", "/v1/responses/*/input_items", Route::kInputItems},
    Entry{"GET", "/v1/responses/*", Route::kResponse},
    Entry{"DELETE", "/v1/responses/*", Route::kDeleteResponse},
    Entry{"POST", "/v1/messages", Route::kMessages},
    Entry{"POST", "/v1/messages/count_tokens", Route::kCountTokens},
    Entry{"POST", "/v1/embeddings", Route::kEmbeddings},
    Entry{"POST", "/v1/rerank", Route::kRerank},
    Entry{"POST", "/v2/rerank", Route::kRerank},
    Entry{"POST", "/rerank", Route::kRerank},
    Entry{"POST", "/v1/score", Route::kScore},
    Entry{"POST", "/score", Route::kScore},
    Entry{"GET", "/v1/knowledge/bases", Route::kKnowledgeBases},
    Entry{"POST", "/v1/knowledge/bases", Route::kKnowledgeCreateBase},
    Entry{"GET", "/v1/knowledge/bases/*", Route::kKnowledgeBase},
    Entry{"DELETE", "/v1/knowledge/bases/*", Route::kKnowledgeDeleteBase},
    Entry{"GET", "/v1/knowledge/bases/*/documents", Route::kKnowledgeDocuments},
    Entry{"POST", "/v1/knowledge/bases/*/documents", Route::kKnowledgeAddDocument},
    Entry{"GET", "/v1/knowledge/bases/*/documents/*", Route::kKnowledgeDocument},
    Entry{"PATCH", "/v1/knowledge/bases/*/documents/*", Route::kKnowledgeChangeDocument},
    Entry{"DELETE", "/v1/knowledge/bases/*/documents/*", Route::kKnowledgeDeleteDocument},
    Entry{"GET", "/v1/knowledge/bases/*/documents/*/text", Route::kKnowledgeDocumentText},
    Entry{"GET", "/v1/knowledge/bases/*/documents/*/chunks", Route::kKnowledgeDocumentChunks},
    Entry{"GET", "/v1/knowledge/bases/*/jobs", Route::kKnowledgeJobs},
    Entry{"GET", "/v1/knowledge/bases/*/jobs/*", Route::kKnowledgeJob},
    Entry{"POST", "/v1/knowledge/bases/*/jobs/*/cancel", Route::kKnowledgeCancelJob},
    Entry{"POST", "/v1/knowledge/bases/*/jobs/*/retry", Route::kKnowledgeRetryJob},
    Entry{"POST", "/v1/knowledge/bases/*/search", Route::kKnowledgeSearch},
    Entry{"POST", "/v1/knowledge/bases/*/evaluate", Route::kKnowledgeEvaluate},
    Entry{"POST", "/v1/knowledge/bases/*/questions", Route::kKnowledgeQuestions},
    Entry{"POST", "/v1/knowledge/bases/*/answer", Route::kKnowledgeAnswer},
    Entry{"POST", "/mcp", Route::kMcp},
    Entry{"DELETE", "/mcp", Route::kMcpDelete},
    Entry{"POST", "/tokenize", Route::kTokenize},
    Entry{"POST", "/detokenize", Route::kDetokenize},
    Entry{"GET", "/health", Route::kHealth},
    Entry{"GET", "/v1/health", Route::kHealth},
    Entry{"GET", "/ping", Route::kHealth},
    Entry{"GET", "/version", Route::kVersion},
    Entry{"GET", "/metrics", Route::kMetrics},
};

/// Compares without leaving early: the time depends on the lengths only.
bool ConstantTimeEqual(std::string_view given, std::string_view key) {
  unsigned difference = given.size() == key.size() ? 0U : 1U;
  for (std::size_t i = 0; i < key.size(); ++i) {
    const char other = given.empty() ? '\0' : given[i % given.size()];
    difference |= static_cast<unsigned char>(static_cast<unsigned char>(key[i]) ^ static_cast<unsigned char>(other));
  }
  return difference == 0;
}

/// Whether the pattern fits; `arguments` becomes what its stars stand for, none of it empty.
bool Matches(std::string_view pattern, std::string_view path, std::vector<std::string>& arguments) {
  arguments.clear();
  for (;;) {
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return path == pattern;
    if (!path.starts_with(pattern.substr(0, star))) return false;
    path.remove_prefix(star);
    const bool slashes = pattern.substr(star).starts_with("**");
    pattern.remove_prefix(star + (slashes ? 2 : 1));
    const std::size_t size = slashes ? path.size() : std::min(path.find('/'), path.size());
    if (size == 0) return false;
    arguments.emplace_back(path.substr(0, size));
    path.remove_prefix(size);
  }
}

}  // namespace

RouteMatch FindRoute(std::string_view method, std::string_view path) {
  RouteMatch match;
  match.handler = "none";
  for (const Entry& entry : kRoutes) {
    std::vector<std::string> arguments;
    if (!Matches(entry.path, path, arguments)) continue;
    if (match.kind == RouteMatch::Kind::kNoSuchPath) {
      match.kind = method == "OPTIONS" ? RouteMatch::Kind::kOptions : RouteMatch::Kind::kWrongMethod;
      match.handler = entry.path;
      match.route = entry.route;
      match.arguments = arguments;
    }
    if (match.handler != entry.path) continue;  // a wider pattern than the first one that fits
    if (method == entry.method || (method == "HEAD" && entry.method == "GET")) {
      match.kind = RouteMatch::Kind::kFound;
      match.route = entry.route;
    }
    match.allow += entry.method == "GET" ? "GET, HEAD, " : fmt::format("{}, ", entry.method);
  }
  if (match.kind != RouteMatch::Kind::kNoSuchPath) match.allow += "OPTIONS";
  return match;
}

bool Generates(Route route) {
  return route == Route::kChatCompletions || route == Route::kCompletions || route == Route::kResponses ||
         route == Route::kMessages || route == Route::kMcp;
}

bool Pools(Route route) { return route == Route::kEmbeddings || route == Route::kRerank || route == Route::kScore; }

Protocol ProtocolOf(Route route) {
  switch (route) {
    case Route::kMessages:
    case Route::kCountTokens:
      return Protocol::kAnthropic;
    case Route::kMcp:
    case Route::kMcpDelete:
      return Protocol::kMcp;
    default:
      return Protocol::kOpenAi;
  }
}

bool AsksKnowledge(Route route) { return route >= Route::kKnowledgeBases && route <= Route::kKnowledgeAnswer; }

std::string DecodePath(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {  // RFC 9112, 3.2.2: the absolute form
    if (!target.starts_with(scheme)) continue;
    const auto slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  return PercentDecoded(target.substr(0, target.find('?')));
}

std::string_view QueryOf(std::string_view target) {
  const auto mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

std::vector<std::pair<std::string, std::string>> QueryParameters(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> parameters;
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    if (one.empty()) continue;
    const auto equals = std::min(one.find('='), one.size());
    parameters.emplace_back(PercentDecoded(one.substr(0, equals)),
                            PercentDecoded(one.substr(std::min(equals + 1, one.size()))));
  }
  return parameters;
}

std::optional<std::int32_t> TenantOf(const ServerOptions& options, std::string_view authorization) {
  if (options.api_keys.empty()) return 0;
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) return std::nullopt;
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != kScheme[i]) return std::nullopt;
  }
  const std::string_view given = authorization.substr(kScheme.size());
  std::optional<std::int32_t> tenant;
  for (std::size_t i = 0; i < options.api_keys.size(); ++i) {
    if (ConstantTimeEqual(given, options.api_keys[i])) tenant = static_cast<std::int32_t>(i + 1);
  }
  return tenant;
}

bool IsAuthorized(const ServerOptions& options, Route route, std::string_view authorization) {
  if (route == Route::kHealth || route == Route::kVersion || route == Route::kMetrics) return true;
  return TenantOf(options, authorization).has_value();
}

std::vector<std::pair<std::string, std::string>> CorsHeaders(const ServerOptions& options, const HttpRequest& request,
                                                             bool preflight) {
  if (request.origin.empty() || options.allowed_origins.empty()) return {};
  const bool any = std::ranges::find(options.allowed_origins, "*") != options.allowed_origins.end();
  if (!any && std::ranges::find(options.allowed_origins, request.origin) == options.allowed_origins.end()) return {};
  std::vector<std::pair<std::string, std::string>> headers = {
      {"Access-Control-Allow-Origin", any ? "*" : request.origin},
      {"Access-Control-Expose-Headers", "X-Request-Id, Mcp-Session-Id"}};
  if (!any) headers.emplace_back("Vary", "Origin");
  if (preflight) {
    headers.emplace_back("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE, OPTIONS");
    headers.emplace_back("Access-Control-Allow-Headers", request.preflight_headers.empty()
                                                             ? "Authorization, Content-Type, X-Request-Id"
                                                             : request.preflight_headers);
    headers.emplace_back("Access-Control-Max-Age", "600");
  }
  return headers;
}

std::string MakeId(std::string_view prefix) {
  // Ids need to be unique, not secret: one generator a thread, seeded by the system.
  thread_local std::mt19937_64 generator{(static_cast<std::uint64_t>(std::random_device{}()) << 32) ^
                                         std::random_device{}()};
  return fmt::format("{}{:016x}{:016x}", prefix, generator(), generator());
}

std::string RequestIdFor(std::string_view wanted) {
  const bool fit = !wanted.empty() && wanted.size() <= 128 &&
                   std::ranges::all_of(wanted, [](char c) { return c > ' ' && c < '\x7f'; });
  return fit ? std::string(wanted) : MakeId("req-");
}

}  // namespace strata::serve
