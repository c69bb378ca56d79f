// The parts of the MCP client that need no server: messages, events, URLs, headers, lists and results of tools.
#include <chrono>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcp/client.h"
#include "mcp/message.h"
#include "mcp/param_headers.h"
#include "mcp/protocol.h"
#include "mcp/sse_parser.h"
#include "mcp/tool_list.h"
#include "mcp/url.h"

namespace strata::mcp {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TEST(Message, TellsRequestsNotificationsResultsAndErrorsApart) {
  const auto request = ParseMessages(R"({"jsonrpc":"2.0","id":"a","method":"ping"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->front().kind, Message::Kind::kRequest);
  EXPECT_EQ(request->front().id, "a");
  EXPECT_EQ(request->front().body, Json::object());
  EXPECT_EQ(ParseMessages(R"({"jsonrpc":"2.0","method":"n","params":{"x":1}})")->front().kind,
            Message::Kind::kNotification);
  const auto result = ParseMessages(R"({"jsonrpc":"2.0","id":7,"result":{"x":[1]}})");
  EXPECT_EQ(result->front().kind, Message::Kind::kResult);
  EXPECT_EQ(result->front().body["x"][0], 1);
  const auto error =
      ParseMessages(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"no","data":{"a":1}}})");
  EXPECT_EQ(error->front().kind, Message::Kind::kError);
  EXPECT_EQ(error->front().error_code, kMethodNotFound);
  EXPECT_EQ(error->front().error_message, "no");
  EXPECT_EQ(error->front().body["a"], 1);
}

TEST(Message, ReadsBatches) {
  const auto batch = ParseMessages(R"([{"jsonrpc":"2.0","method":"n"},{"jsonrpc":"2.0","id":1,"result":{}}])");
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->size(), 2U);
  EXPECT_EQ((*batch)[1].kind, Message::Kind::kResult);
}

TEST(Message, RefusesWhatIsNoMessage) {
  for (const char* text :
       {"", "listening on port 3000", "[]", "1", R"({"id":1,"result":{}})", R"({"jsonrpc":"2.0","id":1})",
        R"({"jsonrpc":"2.0","id":{},"method":"ping"})", R"({"jsonrpc":"2.0","id":1,"result":3})",
        R"({"jsonrpc":"2.0","method":"n","params":[1]})", R"({"jsonrpc":"2.0","id":1,"error":{"code":"x"}})",
        "{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}"}) {
    const auto messages = ParseMessages(text);
    ASSERT_FALSE(messages) << text;
    EXPECT_EQ(messages.error().code(), ErrorCode::kCorrupt) << text;
  }
}

TEST(Message, BoundsDepthAndMembers) {
  const auto with = [](const std::string& value) {
    return ParseMessages(R"({"jsonrpc":"2.0","id":1,"result":{"x":)" + value + "}}");
  };
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(with(nested(kMaxDepth - 2)));
  EXPECT_THAT(with(nested(kMaxDepth - 1)).error().message(), HasSubstr("nested deeper"));
  const auto members = [](std::size_t count) {
    std::string text = "{";
    for (std::size_t i = 0; i < count; ++i) text += (i > 0 ? ",\"" : "\"") + std::to_string(i) + R"(":"},{\"")";
    return text + "}";
  };
  EXPECT_TRUE(with(members(kMaxMembers)));
  EXPECT_THAT(with(members(kMaxMembers + 1)).error().message(), HasSubstr("members"));
  std::string wide = "[1";
  for (std::size_t i = 0; i < 2 * kMaxMembers; ++i) wide += ",1";
  EXPECT_TRUE(with(wide + "]")) << "arrays may be long";
}

std::vector<std::string> Data(const std::vector<SseEvent>& events) {
  std::vector<std::string> data;
  data.reserve(events.size());
  for (const SseEvent& event : events) data.push_back(event.type + ":" + event.data);
  return data;
}

TEST(Sse, ReadsEventsHoweverTheyAreCut) {
  const std::string text =
      "\xEF\xBB\xBF: a comment\n\n"
      "id: 1\r\nretry: 250\r\ndata:\r\n\r\n"
      "event: note\rdata: a\rdata:  b\r\r"
      "data: last\nid: 2\nnonsense\n\n"
      "data: never finished\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    SseParser parser(1000);
    std::vector<SseEvent> events;
    for (std::size_t i = 0; i < text.size(); i += piece) {
      auto more = parser.Push(std::string_view(text).substr(i, piece));
      ASSERT_TRUE(more);
      events.insert(events.end(), more->begin(), more->end());
    }
    EXPECT_THAT(Data(events), ElementsAre("message:", "note:a\n b", "message:last")) << piece;
    EXPECT_EQ(parser.last_event_id(), "2");
    EXPECT_EQ(parser.retry(), milliseconds(250));
  }
}

TEST(Sse, BoundsEventsAndWaits) {
  SseParser parser(100);
  EXPECT_TRUE(parser.Push("data: " + std::string(60, 'x') + "\n\nretry: 99999999999999999999\nretry: -1\n"));
  EXPECT_EQ(parser.retry(), std::chrono::hours(1));
  EXPECT_FALSE(parser.Push("data: " + std::string(60, 'x') + "\ndata: " + std::string(60, 'x')));
}

TEST(Url, SaysWhereToConnect) {
  const auto url = ParseUrl("https://Example.com/a/mcp?key=1");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "example.com");
  EXPECT_EQ(url->port, "443");
  EXPECT_EQ(url->target, "/a/mcp?key=1");
  EXPECT_EQ(url->authority(), "example.com");
  EXPECT_EQ(ParseUrl("http://[::1]:3000")->authority(), "[::1]:3000");
  EXPECT_EQ(ParseUrl("http://[::1]:3000")->target, "/");
  for (const char* text :
       {"", "mcp", "ftp://a/", "http://", "http://a:b@c/", "http://a/#x", "http://a%0d%0ab/", "http://a b/", "/mcp"}) {
    EXPECT_FALSE(ParseUrl(text)) << text;
  }
}

TEST(Url, ResolvesWhatServersName) {
  const Url base = *ParseUrl("http://127.0.0.1:80/x/sse");
  EXPECT_EQ(ResolveUrl(base, "/message?s=1")->text, "http://127.0.0.1:80/message?s=1");
  EXPECT_EQ(ResolveUrl(base, "message")->target, "/x/message");
  EXPECT_TRUE(ResolveUrl(base, "http://127.0.0.1/y")->SameOrigin(base));
  EXPECT_FALSE(ResolveUrl(base, "http://127.0.0.1:81/y")->SameOrigin(base));
  EXPECT_FALSE(ResolveUrl(base, "https://127.0.0.1:80/y")->SameOrigin(base));
  EXPECT_FALSE(ResolveUrl(base, "//evil/y")->SameOrigin(base));
  EXPECT_FALSE(ResolveUrl(base, "javascript:x"));
}

TEST(ParamHeaders, AreEncodedAsTheProtocolSays) {
  // The examples of the specification's table.
  EXPECT_EQ(EncodeHeaderValue("us-west1"), "us-west1");
  EXPECT_EQ(EncodeHeaderValue("Hello, 世界"), "=?base64?SGVsbG8sIOS4lueVjA==?=");
  EXPECT_EQ(EncodeHeaderValue(" padded "), "=?base64?IHBhZGRlZCA=?=");
  EXPECT_EQ(EncodeHeaderValue("line1\nline2"), "=?base64?bGluZTEKbGluZTI=?=");
  EXPECT_EQ(EncodeHeaderValue("=?base64?literal?="), "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
  EXPECT_EQ(EncodeHeaderValue(""), "");
}

TEST(ParamHeaders, AreTakenFromWhereThePropertiesLead) {
  const Json schema = Json::parse(R"({"type": "object", "properties": {
      "region": {"type": "string", "x-mcp-header": "Region"},
      "limit": {"type": "integer", "x-mcp-header": "Limit"},
      "dry": {"type": "boolean", "x-mcp-header": "Dry"},
      "where": {"type": "object", "properties": {"zone": {"type": "string", "x-mcp-header": "Zone"}}},
      "query": {"type": "string"}}})");
  ASSERT_TRUE(CheckParamHeaders(schema));
  EXPECT_THAT(ParamHeaders(schema, Json::parse(R"({"region": "eu", "limit": -7, "dry": false, "query": "q",
                                                   "where": {"zone": "b", "region": "no"}})")),
              ElementsAre(Pair("Mcp-Param-Region", "eu"), Pair("Mcp-Param-Limit", "-7"), Pair("Mcp-Param-Dry", "false"),
                          Pair("Mcp-Param-Zone", "b")));
  EXPECT_THAT(ParamHeaders(schema, Json::parse(R"({"region": null, "where": 3, "limit": 1e300})")), ElementsAre());
}

TEST(ParamHeaders, OfAnOddSchemaAreRefused) {
  const auto check = [](const char* properties) {
    return CheckParamHeaders(Json::parse(std::string(R"({"type": "object", "properties": )") + properties + "}"));
  };
  EXPECT_TRUE(check(R"({"x-mcp-header": {"type": "object"}})")) << "a property of that name is no annotation";
  EXPECT_TRUE(check(R"({"a": {"const": {"x-mcp-header": ""}}})")) << "nor is a value";
  for (const char* properties :
       {R"({"a": {"type": "string", "x-mcp-header": ""}})", R"({"a": {"type": "string", "x-mcp-header": 1}})",
        R"({"a": {"type": "string", "x-mcp-header": "a b"}})", R"({"a": {"type": "string", "x-mcp-header": "é"}})",
        R"({"a": {"type": "number", "x-mcp-header": "A"}})", R"({"a": {"x-mcp-header": "A"}})",
        R"({"a": {"type": "array", "items": {"type": "string", "x-mcp-header": "A"}}})",
        R"({"a": {"anyOf": [{"type": "string", "x-mcp-header": "A"}]}})",
        R"({"a": {"type": "string", "x-mcp-header": "A"}, "b": {"type": "string", "x-mcp-header": "a"}})"}) {
    EXPECT_FALSE(check(properties)) << properties;
  }
}

TEST(ToolPage, KeepsWhatIsATool) {
  const Json result = Json::parse(R"({"tools": [
      {"name": "a", "description": "d", "inputSchema": {"type": "object", "$defs": {"z": {}, "b": {}}},
       "annotations": {"title": "A", "readOnlyHint": true}},
      {"name": "", "inputSchema": {}}, {"name": "no schema"}, 3,
      {"name": "bad header", "inputSchema": {"properties": {"x": {"type": "number", "x-mcp-header": "X"}}}}],
      "nextCursor": "2", "ttlMs": 1500})");
  const auto page = ParseToolPage(result, /*check_headers=*/true, "test");
  ASSERT_TRUE(page);
  ASSERT_EQ(page->tools.size(), 1U);
  EXPECT_EQ(page->tools[0].name, "a");
  EXPECT_EQ(page->tools[0].title, "A");
  EXPECT_EQ(page->tools[0].input_schema.dump(), R"({"type":"object","$defs":{"z":{},"b":{}}})") << "as it came";
  EXPECT_EQ(page->next_cursor, "2");
  EXPECT_EQ(page->ttl, milliseconds(1500));
  EXPECT_EQ(ParseToolPage(result, /*check_headers=*/false, "test")->tools.size(), 2U);
  EXPECT_FALSE(ParseToolPage(Json::object(), true, "test"));
}

TEST(ToolResult, IsRenderedForAModel) {
  const auto result = ParseToolResult(
      Json::parse(
          R"({"content": [{"type": "text", "text": "one"}, {"type": "image", "data": "AAAA", "mimeType": "image/png"},
                      {"type": "resource", "resource": {"uri": "u", "text": "inside"}},
                      {"type": "resource_link", "uri": "file:///x", "name": "x"}, {"type": "future"}],
                      "structuredContent": {"b": 1, "a": 2}, "isError": true})"),
      1000);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text, "one\n[image image/png, 4 characters of base64]\ninside\n[resource x: file:///x]\n[future]");
  EXPECT_TRUE(result->is_error);
  EXPECT_FALSE(result->truncated);
  EXPECT_EQ(result->content.size(), 5U);
  EXPECT_EQ(ParseToolResult(Json::parse(R"({"structuredContent": {"b": 1, "a": 2}})"), 1000)->text, R"({"b":1,"a":2})");
  EXPECT_FALSE(ParseToolResult(Json::parse(R"({"content": "text"})"), 1000));
  EXPECT_FALSE(ParseToolResult(Json::parse(R"({"content": [{"text": "no type"}]})"), 1000));
}

TEST(ToolResult, IsCutOffVisiblyAndBetweenCharacters) {
  Json json = {{"content", {{{"type", "text"}, {"text", std::string(9, 'x') + "é" + std::string(89, 'y')}}}}};
  const auto result = ParseToolResult(json, 10);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text, "xxxxxxxxx\n[cut off: 9 of 100 bytes are shown]");
  EXPECT_TRUE(result->truncated);
  EXPECT_FALSE(result->is_error);
  EXPECT_EQ(ParseToolResult(json, 100)->text.size(), 100U);
}

Json Elicit(const char* schema) {
  boost::asio::io_context io;
  auto answer = boost::asio::co_spawn(io, AcceptDefaults({{"message", "?"}, {"requestedSchema", Json::parse(schema)}}),
                                      boost::asio::use_future);
  io.run();
  return answer.get().value_or(Json());
}

TEST(Elicitation, IsAnsweredByDefaults) {
  EXPECT_EQ(
      Elicit(R"({"type": "object", "properties": {"a": {"type": "integer", "default": 3}, "b": {"type": "string"}},
                       "required": ["a"]})"),
      Json::parse(R"({"action": "accept", "content": {"a": 3}})"));
  EXPECT_EQ(Elicit(R"({"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]})"),
            Json::parse(R"({"action": "decline"})"));
  EXPECT_EQ(Elicit("3")["action"], "accept");
}

}  // namespace
}  // namespace strata::mcp
