// Routing, authorisation, CORS, framing and errors, as plain data.
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/api_error.h"
#include "serve/api_keys.h"
#include "serve/http.h"
#include "serve/sse.h"
#include "serve/wire.h"

namespace strata::serve {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using Kind = RouteMatch::Kind;

TEST(Router, FindsByMethodAndPath) {
  EXPECT_EQ(FindRoute("POST", "/v1/chat/completions").route, Route::kChatCompletions);
  EXPECT_EQ(FindRoute("POST", "/v1/completions").route, Route::kCompletions);
  for (const char* path : {"/health", "/v1/health", "/ping"}) {
    EXPECT_EQ(FindRoute("GET", path).route, Route::kHealth) << path;
    EXPECT_EQ(FindRoute("HEAD", path).kind, Kind::kFound) << path;
  }
  EXPECT_EQ(FindRoute("GET", "/v1/nothing").kind, Kind::kNoSuchPath);
  EXPECT_EQ(FindRoute("GET", "/v1/models/").kind, Kind::kNoSuchPath);
  EXPECT_EQ(FindRoute("GET", "/v1/chat/completions").kind, Kind::kWrongMethod);
  EXPECT_EQ(FindRoute("GET", "/v1/chat/completions").allow, "POST, OPTIONS");
  EXPECT_EQ(FindRoute("DELETE", "/v1/models").allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(FindRoute("OPTIONS", "/tokenize").kind, Kind::kOptions);
  EXPECT_EQ(FindRoute("HEAD", "/tokenize").kind, Kind::kWrongMethod);
}

TEST(Router, ModelIdsMayHaveSlashes) {
  const RouteMatch match = FindRoute("GET", DecodePath("/v1/models/org%2Fname/x?y=1"));
  EXPECT_EQ(match.route, Route::kModel);
  EXPECT_THAT(match.arguments, ElementsAre("org/name/x"));
  EXPECT_EQ(match.handler, "/v1/models/**");  // an id is no label
}

TEST(Router, APathMayTakeSeveralMethods) {
  const RouteMatch get = FindRoute("GET", "/v1/responses/resp_1");
  EXPECT_EQ(get.route, Route::kResponse);
  EXPECT_THAT(get.arguments, ElementsAre("resp_1"));
  const RouteMatch remove = FindRoute("DELETE", "/v1/responses/resp_1");
  EXPECT_EQ(remove.route, Route::kDeleteResponse);
  EXPECT_THAT(remove.arguments, ElementsAre("resp_1"));
  const RouteMatch wrong = FindRoute("POST", "/v1/responses/resp_1");
  EXPECT_EQ(wrong.kind, Kind::kWrongMethod);
  EXPECT_EQ(wrong.allow, "GET, HEAD, DELETE, OPTIONS");
}

TEST(Router, TheNarrowerPatternComesFirst) {
  const RouteMatch items = FindRoute("GET", "/v1/responses/resp_1/input_items");
  EXPECT_EQ(items.route, Route::kInputItems);
  EXPECT_THAT(items.arguments, ElementsAre("resp_1"));
  EXPECT_EQ(items.handler, "/v1/responses/*/input_items");
  const RouteMatch wrong = FindRoute("DELETE", "/v1/responses/resp_1/input_items");
  EXPECT_EQ(wrong.kind, Kind::kWrongMethod);
  EXPECT_EQ(wrong.allow, "GET, HEAD, OPTIONS");
  EXPECT_EQ(FindRoute("POST", "/v1/messages").route, Route::kMessages);
  EXPECT_EQ(FindRoute("POST", "/v1/messages/count_tokens").route, Route::kCountTokens);
}

TEST(Router, PathsMayHaveSeveralArguments) {
  const RouteMatch cancel = FindRoute("POST", "/v1/knowledge/bases/handbook/jobs/7/cancel");
  EXPECT_EQ(cancel.route, Route::kKnowledgeCancelJob);
  EXPECT_THAT(cancel.arguments, ElementsAre("handbook", "7"));
  EXPECT_EQ(cancel.handler, "/v1/knowledge/bases/*/jobs/*/cancel");
  // An argument has no slash in it and is not empty.
  EXPECT_EQ(FindRoute("POST", "/v1/knowledge/bases/handbook/jobs/7/8/cancel").kind, Kind::kNoSuchPath);
  EXPECT_EQ(FindRoute("POST", "/v1/knowledge/bases/handbook/jobs//cancel").kind, Kind::kNoSuchPath);
  EXPECT_EQ(FindRoute("PATCH", "/v1/knowledge/bases/handbook/documents/3").route, Route::kKnowledgeChangeDocument);
  EXPECT_EQ(FindRoute("PUT", "/v1/knowledge/bases/handbook/documents/3").allow, "GET, HEAD, PATCH, DELETE, OPTIONS");
}

TEST(Router, ReadsQueries) {
  EXPECT_EQ(QueryOf("/a?b=c"), "b=c");
  EXPECT_EQ(QueryOf("/a"), "");
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(QueryParameters("a=1&&include[]=x%26y&b&c="),
            (Parameters{{"a", "1"}, {"include[]", "x&y"}, {"b", ""}, {"c", ""}}));
  EXPECT_EQ(QueryParameters(""), Parameters());
}

TEST(Router, DecodesTargets) {
  EXPECT_EQ(DecodePath("/a%20b%2"), "/a b%2");
  EXPECT_EQ(DecodePath("/a%zz"), "/a%zz");
  EXPECT_EQ(DecodePath("http://host:80/health?x"), "/health");
  EXPECT_EQ(DecodePath("http://host"), "/");
}

TEST(Access, KeysOpenWhatIsClosed) {
  ServerOptions options;
  EXPECT_TRUE(IsAuthorized(options, Route::kChatCompletions, ""));
  options.api_keys = {"one", "two"};
  EXPECT_TRUE(IsAuthorized(options, Route::kHealth, ""));
  EXPECT_TRUE(IsAuthorized(options, Route::kMetrics, ""));
  EXPECT_TRUE(IsAuthorized(options, Route::kVersion, ""));
  EXPECT_EQ(TenantOf(options, "Bearer one"), 1);
  EXPECT_EQ(TenantOf(options, "Bearer two"), 2);
  EXPECT_EQ(TenantOf(options, "Bearer three"), std::nullopt);
  EXPECT_EQ(TenantOf(ServerOptions(), ""), 0);
  for (const char* right : {"Bearer one", "bearer two", "BEARER one"}) {
    EXPECT_TRUE(IsAuthorized(options, Route::kModels, right)) << right;
  }
  for (const char* wrong : {"", "Bearer", "Bearer ", "one", "Basic one", "Bearer on", "Bearer onee", "Bearer one ",
                            "Bearer One", "Bearer oneone"}) {
    EXPECT_FALSE(IsAuthorized(options, Route::kModels, wrong)) << wrong;
    EXPECT_FALSE(IsAuthorized(options, Route::kTokenize, wrong)) << wrong;
  }
}

TEST(Cors, OpensToTheNamedOriginsOnly) {
  ServerOptions options;
  HttpRequest request;
  request.origin = "https://a.example";
  EXPECT_THAT(CorsHeaders(options, request, true), IsEmpty());
  options.allowed_origins = {"https://a.example"};
  const auto headers = CorsHeaders(options, request, false);
  EXPECT_THAT(headers, Contains(Pair("Access-Control-Allow-Origin", "https://a.example")));
  EXPECT_THAT(headers, Contains(Pair("Vary", "Origin")));
  EXPECT_THAT(headers, Not(Contains(Pair("Access-Control-Allow-Methods", testing::_))));
  request.preflight_headers = "x-stainless-os";
  EXPECT_THAT(CorsHeaders(options, request, true), Contains(Pair("Access-Control-Allow-Headers", "x-stainless-os")));
  request.origin = "https://b.example";
  EXPECT_THAT(CorsHeaders(options, request, false), IsEmpty());
  options.allowed_origins = {"*"};
  EXPECT_THAT(CorsHeaders(options, request, false), Contains(Pair("Access-Control-Allow-Origin", "*")));
  request.origin = "";
  EXPECT_THAT(CorsHeaders(options, request, false), IsEmpty());
}

TEST(Ids, AreEchoedWhenFitAndNeverTheSame) {
  EXPECT_EQ(RequestIdFor("client-7"), "client-7");
  for (const std::string& unfit : {std::string(), std::string("a b"), std::string("a\r\nb"), std::string(129, 'a')}) {
    EXPECT_TRUE(RequestIdFor(unfit).starts_with("req-")) << unfit;
  }
  EXPECT_NE(MakeId("x"), MakeId("x"));
  EXPECT_EQ(MakeId("chatcmpl-").size(), 9U + 32U);
}

TEST(Wire, HeadsFrameTheirBodies) {
  const HttpResponse response{.status = 200, .body = "{}", .headers = {{"X-Request-Id", "r"}}};
  EXPECT_EQ(ResponseHead(response, BodyFraming::kLength, true, 784111777),
            "HTTP/1.1 200 OK\r\nServer: strata\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\nX-Request-Id: r\r\n"
            "Connection: keep-alive\r\n\r\n");
  EXPECT_THAT(ResponseHead(response, BodyFraming::kChunked, true, 0), HasSubstr("Transfer-Encoding: chunked\r\n"));
  const std::string until_close = ResponseHead(response, BodyFraming::kClose, true, 0);
  EXPECT_THAT(until_close, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(until_close, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(ResponseHead({.status = 204}, BodyFraming::kLength, true, 0), Not(HasSubstr("Content-")));
  EXPECT_EQ(Chunk("0123456789abcdef"), "10\r\n0123456789abcdef\r\n");
}

TEST(Sse, IsOneLineOfDataAndAnEmptyOne) { EXPECT_EQ(SseEvent("{\"a\":1}"), "data: {\"a\":1}\n\n"); }

struct ErrorCase {
  ErrorCode code;
  int status;
  const char* type;
  bool retry;
};
void PrintTo(const ErrorCase& one, std::ostream* out) { *out << ToString(one.code); }

class Errors : public testing::TestWithParam<ErrorCase> {};
TEST_P(Errors, HaveTheirStatus) {
  const ApiError error = ToApiError(Error(GetParam().code, "why").WithParam("field"));
  EXPECT_EQ(error.status, GetParam().status);
  EXPECT_EQ(error.type, GetParam().type);
  const HttpResponse response = ErrorResponse(error);
  const auto json = nlohmann::json::parse(response.body);
  EXPECT_EQ(json["error"]["message"], "why");
  EXPECT_EQ(json["error"]["param"], "field");
  EXPECT_EQ(!response.headers.empty(), GetParam().retry);
}
INSTANTIATE_TEST_SUITE_P(Codes, Errors,
                         testing::Values(ErrorCase{ErrorCode::kInvalidArgument, 400, "invalid_request_error", false},
                                         ErrorCase{ErrorCode::kUnsupported, 400, "invalid_request_error", false},
                                         ErrorCase{ErrorCode::kNotFound, 404, "invalid_request_error", false},
                                         ErrorCase{ErrorCode::kDeadlineExceeded, 408, "timeout_error", false},
                                         // When to come back, who knows the queue adds.
                                         ErrorCase{ErrorCode::kResourceExhausted, 429, "rate_limit_error", false},
                                         ErrorCase{ErrorCode::kUnavailable, 503, "unavailable_error", true},
                                         ErrorCase{ErrorCode::kCorrupt, 500, "server_error", false},
                                         ErrorCase{ErrorCode::kIo, 500, "server_error", false},
                                         ErrorCase{ErrorCode::kInternal, 500, "server_error", false}));

TEST(Errors, EmptyFieldsAreNullAndBadTextIsReplaced) {
  const auto json = nlohmann::json::parse(ErrorJson({.message = "a\xff"}));
  EXPECT_TRUE(json["error"]["param"].is_null());
  EXPECT_TRUE(json["error"]["code"].is_null());
  EXPECT_EQ(json["error"]["message"], "a\xEF\xBF\xBD");
}

TEST(ApiKeys, CarryTheirWeights) {
  const auto keys = ParseApiKeys("one\n\n  two 2.5 \r\nthree\t0.001\n");
  ASSERT_TRUE(keys) << keys.error().ToString();
  EXPECT_EQ(*keys, (std::vector<ApiKey>{{"one", 1}, {"two", 2.5}, {"three", 0.001}}));
}

TEST(ApiKeys, SayWhoseTheyAre) {
  const auto keys = ParseApiKeys("one 2 user=ann group=law group=it label=secret\ntwo label=eu\nthree\n");
  ASSERT_TRUE(keys) << keys.error().ToString();
  const strata::knowledge::Principal ann{.user = "ann", .groups = {"law", "it"}, .labels = {"secret"}};
  EXPECT_EQ(*keys, (std::vector<ApiKey>{
                       {"one", 2, ann}, {"two", 1, strata::knowledge::Principal{.labels = {"eu"}}}, {"three"}}));
}

TEST(ApiKeys, AreRefusedByLine) {
  for (const char* weight : {"0", "-1", "0.0009", "1001", "nan", "inf", "2x", "x", "1 2", "user=a 2", "user=", "=a",
                             "user=a user=b", "role=a"}) {
    const auto keys = ParseApiKeys(fmt::format("one 3\n\ntwo {}\n", weight));
    ASSERT_FALSE(keys) << weight;
    EXPECT_EQ(keys.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_TRUE(keys.error().message().starts_with("line 3: ")) << keys.error().message();
  }
  for (const char* text : {"", " \n\n"}) EXPECT_FALSE(ParseApiKeys(text)) << "a server that is open to all";
}

}  // namespace
}  // namespace strata::serve
