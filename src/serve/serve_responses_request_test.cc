// What requests of OpenAI's Responses API mean, and that everything else is refused by name.
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "serve/responses/response_request.h"

namespace strata::serve::responses {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using OrderedJson = nlohmann::ordered_json;

constexpr auto kUnsupported = ErrorCode::kUnsupported;

std::string Body(const std::string& more = "", const std::string& input = R"("Hi")") {
  return R"({"input":)" + input + (more.empty() ? "" : "," + more) + "}";
}

struct Understood {
  ResponseRequest request;
  json items;
};

Result<Understood> Understand(const std::string& body, const OrderedJson& earlier = OrderedJson::array()) {
  STRATA_TRY(ResponseRequest request, ParseResponseRequest(body, {}));
  STRATA_TRY(const OrderedJson items, SetConversation(request, earlier));
  return Understood{.request = std::move(request), .items = json::parse(items.dump())};
}

Understood Parsed(const std::string& body, const OrderedJson& earlier = OrderedJson::array()) {
  auto understood = Understand(body, earlier);
  EXPECT_TRUE(understood) << body << ": " << (understood ? "" : understood.error().ToString());
  return understood ? std::move(*understood) : Understood{};
}

json MessagesOf(const Understood& understood) {
  const auto& variables = understood.request.generate.chat_input.variables;
  return variables ? json::parse(variables->at("messages").dump()) : json();
}

TEST(ResponsesRequest, FieldsReachTheEngineAndTheResponse) {
  const Understood u = Parsed(Body(R"("model":"tiny","temperature":0.5,"top_p":0.9,"max_output_tokens":7,"stream":true,
      "stream_options":{"include_obfuscation":false},"instructions":"Be brief","metadata":{"a":"b"},"store":false,
      "parallel_tool_calls":false,"user":"u","truncation":"disabled","include":["reasoning.encrypted_content"],
      "reasoning":{"effort":"low","summary":"auto"},"text":{"format":{"type":"text"}},"max_tool_calls":3)"));
  const GenerateRequest& g = u.request.generate;
  EXPECT_TRUE(g.chat && g.stream && g.clip_max_tokens);
  EXPECT_EQ(g.sampling.temperature, 0.5);
  EXPECT_EQ(g.sampling.top_p, 0.9);
  EXPECT_EQ(g.max_tokens, 7);
  EXPECT_FALSE(g.tool_use.parallel || u.request.store);
  EXPECT_EQ(g.chat_input.variables->at("reasoning_effort"), "low");
  EXPECT_EQ(g.chat_input.variables->at("enable_thinking"), true);
  const OrderedJson& echo = u.request.echo;
  EXPECT_EQ(echo["temperature"], 0.5);
  EXPECT_EQ(echo["max_output_tokens"], 7);
  EXPECT_EQ(echo["instructions"], "Be brief");
  EXPECT_EQ(echo["metadata"], OrderedJson({{"a", "b"}}));
  EXPECT_EQ(echo["parallel_tool_calls"], false);
  EXPECT_EQ(echo["store"], false);
  EXPECT_EQ(echo["user"], "u");
  EXPECT_EQ(echo["reasoning"]["effort"], "low");
  EXPECT_EQ(
      Parsed(Body(R"("reasoning":{"effort":"none"})")).request.generate.chat_input.variables->at("enable_thinking"),
      false);
}

TEST(ResponsesRequest, AStringIsTheUsersMessage) {
  const Understood u = Parsed(Body(R"("instructions":"Be brief")"));
  EXPECT_EQ(MessagesOf(u), json::parse(R"([{"role":"system","content":"Be brief"},{"role":"user","content":"Hi"}])"));
  ASSERT_EQ(u.items.size(), 1U);
  EXPECT_TRUE(u.items[0]["id"].get<std::string>().starts_with("msg_"));
  EXPECT_EQ(u.items[0]["content"], json::parse(R"([{"type":"input_text","text":"Hi"}])"));
}

constexpr const char* kEveryItem = R"([
    {"role":"developer","content":"Be"},{"type":"message","role":"user","content":[{"type":"input_text","text":"a"},
      {"type":"input_text","text":"b"}]},
    {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"Hm"}]},
    {"type":"message","id":"msg_1","role":"assistant","status":"completed","phase":null,
      "content":[{"type":"output_text","text":"Let me see.","annotations":[],"logprobs":[]}]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
    {"type":"function_call","call_id":"c2","name":"g","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"1"},
    {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"x"},{"type":"input_text","text":"y"}]},
    {"type":"reasoning","summary":[{"type":"summary_text","text":"So"}],"content":null},
    {"role":"assistant","content":"Done"},{"role":"user","content":"Well?"}])";

TEST(ResponsesRequest, AConversationOfEveryItem) {
  const Understood u = Parsed(Body("", kEveryItem));
  EXPECT_EQ(MessagesOf(u), json::parse(R"([{"role":"developer","content":"Be"},
      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":"Let me see.","reasoning_content":"Hm","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
        {"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
      {"role":"tool","tool_call_id":"c1","content":"1"},{"role":"tool","tool_call_id":"c2","content":"x\ny"},
      {"role":"assistant","content":"Done","reasoning_content":"So"},{"role":"user","content":"Well?"}])"));
  std::set<std::string> ids;
  for (const json& item : u.items) ids.insert(item.at("id").get<std::string>());
  EXPECT_EQ(ids.size(), u.items.size());
  EXPECT_TRUE(ids.contains("rs_1"));
}

TEST(ResponsesRequest, EarlierItemsComeFirst) {
  const OrderedJson earlier = OrderedJson::parse(R"([{"type":"message","id":"m1","role":"user","content":"a"},
      {"type":"function_call","id":"f1","call_id":"c1","name":"f","arguments":"{}"}])");
  const Understood u = Parsed(
      Body(R"("instructions":"I")", R"([{"type":"function_call_output","call_id":"c1","output":"1"}])"), earlier);
  EXPECT_EQ(u.items.size(), 3U);
  const json messages = MessagesOf(u);
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[0]["role"], "system");
  EXPECT_EQ(messages[3]["role"], "tool");
  const auto unanswered = Understand(Body(), earlier);
  ASSERT_FALSE(unanswered);
  EXPECT_THAT(unanswered.error().ToString(), HasSubstr("c1"));
}

TEST(ResponsesRequest, ToolsAreThoseOfTheChat) {
  const Understood u = Parsed(Body(R"("tools":[{"type":"function","name":"f","description":"d","strict":false,
      "parameters":{"type":"object","properties":{}}},{"type":"function","name":"g","parameters":null}])"));
  const ToolUse& use = u.request.generate.tool_use;
  ASSERT_TRUE(use.tools);
  EXPECT_EQ(use.tools->all().size(), 2U);
  const auto& offered = u.request.generate.chat_input.variables->at("tools");
  EXPECT_EQ(offered[0]["function"]["name"], "f");
  EXPECT_EQ(offered[1]["function"]["parameters"]["type"], "object");
  EXPECT_EQ(json::parse(u.request.echo["tools"][0].dump()),
            json::parse(R"({"type":"function","name":"f","description":"d","strict":false,
                            "parameters":{"type":"object","properties":{}}})"));
}

TEST(ResponsesRequest, ToolChoices) {
  using Mode = tools::ToolChoice::Mode;
  const auto read = [](const char* text) {
    RequestTools asked;
    EXPECT_TRUE(ReadToolChoice(OrderedJson::parse(text), "tool_choice", asked)) << text;
    return asked.choice;
  };
  EXPECT_EQ(read(R"("auto")").mode, Mode::kAuto);
  EXPECT_EQ(read(R"("none")").mode, Mode::kNone);
  EXPECT_EQ(read(R"("required")").mode, Mode::kRequired);
  EXPECT_THAT(read(R"({"type":"function","name":"f"})").allowed, ElementsAre("f"));
  const tools::ToolChoice allowed = read(
      R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"},{"type":"function","name":"g"}]})");
  EXPECT_EQ(allowed.mode, Mode::kAuto);
  EXPECT_THAT(allowed.allowed, ElementsAre("f", "g"));
}

constexpr const char* kMcpItems = R"([
    {"role":"user","content":"a"},
    {"type":"mcp_list_tools","id":"l","server_label":"t","tools":[{"name":"f","input_schema":{}}],"error":null},
    {"type":"mcp_call","id":"c1","server_label":"t","name":"f","arguments":"{}","output":"1","error":null},
    {"type":"mcp_call","id":"c2","server_label":"t","name":"f","arguments":"{}","output":null,
      "error":{"type":"http_error","code":504,"message":"late"}},
    {"type":"mcp_approval_request","id":"r1","server_label":"t","name":"g","arguments":"{}"},
    {"type":"mcp_approval_request","id":"r2","server_label":"t","name":"h","arguments":"{}"},
    {"type":"mcp_approval_request","id":"r3","server_label":"t","name":"i","arguments":"{}"},
    {"type":"mcp_approval_response","approval_request_id":"r1","approve":true},
    {"type":"mcp_approval_response","approval_request_id":"r2","approve":false,"reason":"No."},
    {"type":"mcp_approval_response","approval_request_id":"r3","approve":true},
    {"type":"mcp_call","id":"c3","server_label":"t","name":"g","arguments":"{}","output":"3","error":null,
      "approval_request_id":"r1"}])";

TEST(ResponsesRequest, McpItemsAreCallsAndTheirResults) {
  const Understood u = Parsed(Body(R"("tools":[{"type":"mcp","server_label":"t"}])", kMcpItems));
  const ResponseRequest& request = u.request;
  EXPECT_THAT(request.mcp_items.listed, ElementsAre("t"));
  ASSERT_EQ(request.mcp_items.approved.size(), 1U);
  EXPECT_EQ(request.mcp_items.approved[0].name, "i");
  const auto call = [](const char* id, const char* name) {
    return json{{"id", id}, {"type", "function"}, {"function", {{"name", name}, {"arguments", "{}"}}}};
  };
  const auto calls = [](const json& list) {
    return json{{"role", "assistant"}, {"content", ""}, {"tool_calls", list}};
  };
  const auto result = [](const char* id, const char* text) {
    return json{{"role", "tool"}, {"tool_call_id", id}, {"content", text}};
  };
  EXPECT_EQ(json::parse(request.conversation.messages().dump()),
            json::array({{{"role", "user"}, {"content", "a"}},
                         calls(json::array({call("c1", "f")})),
                         result("c1", "1"),
                         calls(json::array({call("c2", "f")})),
                         result("c2", "Error: late"),
                         calls(json::array({call("r1", "g"), call("r2", "h"), call("r3", "i")})),
                         result("r1", "3"),
                         result("r2", "The user did not allow this call. No."),
                         result("r3", "")}));
  // A call can only run where its server is.
  const auto elsewhere = Understand(Body(R"("tools":[{"type":"mcp","server_label":"other"}])", kMcpItems));
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().param(), "tools");
}

struct Refusal {
  std::string body, param;
  ErrorCode code = ErrorCode::kInvalidArgument;
};
void PrintTo(const Refusal& one, std::ostream* out) { *out << one.param << ": " << one.body; }

class ResponsesRefuse : public testing::TestWithParam<Refusal> {};
TEST_P(ResponsesRefuse, ByName) {
  const auto understood = Understand(GetParam().body);
  ASSERT_FALSE(understood);
  EXPECT_EQ(understood.error().param(), GetParam().param) << understood.error().ToString();
  EXPECT_EQ(understood.error().code(), GetParam().code) << understood.error().ToString();
  EXPECT_THAT(understood.error().ToString(), HasSubstr(GetParam().param));
}
Refusal Item(const std::string& item, const std::string& path, ErrorCode code = ErrorCode::kInvalidArgument) {
  return {Body("", "[" + item + "]"), "input[0]" + path, code};
}
INSTANTIATE_TEST_SUITE_P(
    Fields, ResponsesRefuse,
    testing::Values(
        Refusal{"{}", "input"}, Refusal{Body("", "5"), "input"}, Refusal{Body("", "[]"), "input"},
        Refusal{Body(R"("temperature":3)"), "temperature"}, Refusal{Body(R"("top_p":0)"), "top_p"},
        Refusal{Body(R"("max_output_tokens":0)"), "max_output_tokens"}, Refusal{Body(R"("no_such":1)"), "no_such"},
        Refusal{Body(R"("instructions":5)"), "instructions"}, Refusal{Body(R"("metadata":{"a":1})"), "metadata.a"},
        Refusal{Body(R"("store":"no")"), "store"}, Refusal{Body(R"("background":true)"), "background", kUnsupported},
        Refusal{Body(R"("truncation":"auto")"), "truncation", kUnsupported},
        Refusal{Body(R"("conversation":"c")"), "conversation", kUnsupported},
        Refusal{Body(R"("prompt":{"id":"p"})"), "prompt", kUnsupported},
        Refusal{Body(R"("top_logprobs":2)"), "top_logprobs", kUnsupported},
        Refusal{Body(R"("include":["message.output_text.logprobs"])"), "include[0]", kUnsupported},
        Refusal{Body(R"("reasoning":{"effort":"extreme"})"), "reasoning.effort"},
        Refusal{Body(R"("reasoning":{"x":1})"), "reasoning.x"},
        Refusal{Body(R"("text":{"verbosity":"low"})"), "text.verbosity", kUnsupported},
        Refusal{Body(R"("text":{"format":{"type":"xml"}})"), "text.format.type"},
        Refusal{Body(R"("text":{"format":{"type":"json_schema","schema":{}}})"), "text.format.name"},
        Refusal{Body(R"("text":{"format":{"type":"json_schema","name":"x"}})"), "text.format.schema"},
        Refusal{Body(R"("stream_options":{})"), "stream_options"},
        Refusal{Body(R"("tool_choice":"required")"), "tool_choice"}, Refusal{Body(R"("tool_choice":5)"), "tool_choice"},
        Refusal{Body(R"("tool_choice":{"type":"web_search"})"), "tool_choice.type", kUnsupported},
        Refusal{Body(R"("tool_choice":{"type":"function"})"), "tool_choice.name"},
        Refusal{Body(R"("tool_choice":{"type":"allowed_tools","mode":"auto","tools":[]})"), "tool_choice.tools"},
        Refusal{Body(R"("tools":[{"type":"web_search"}])"), "tools[0].type", kUnsupported},
        Refusal{Body(R"("tools":[{"type":"mcp"}])"), "tools[0].server_label"},
        Refusal{Body(R"("tools":[{"type":"mcp","server_label":"a b"}])"), "tools[0].server_label"},
        Refusal{Body(R"("tools":[{"type":"mcp","server_label":"x","tunnel_id":"t"}])"), "tools[0].tunnel_id",
                kUnsupported},
        Refusal{Body(R"("tools":[{"type":"mcp","server_label":"x","allowed_tools":[1]}])"),
                "tools[0].allowed_tools[0]"},
        Refusal{Body(R"("tools":[{"type":"mcp","server_label":"x","name":"y"}])"), "tools[0].name"},
        Refusal{Body(R"("tools":[{"type":"mcp","server_label":"x","require_approval":{"always":{}}}])"),
                "tools[0].require_approval.always.tool_names"},
        Refusal{Body(R"("tools":[{"type":"mcp","server_label":"x"}],"tool_choice":{"type":"mcp"})"),
                "tool_choice.server_label"},
        Refusal{Body(R"("tool_choice":{"type":"mcp","server_label":"x"})"), "tool_choice"},
        Refusal{Body(R"("max_tool_calls":0)"), "max_tool_calls"},
        Refusal{Body(R"("tools":[{"name":"f"}])"), "tools[0].type"},
        Refusal{Body(R"("tools":[{"type":"function"}])"), "tools[0].name"},
        Refusal{Body(R"("tools":[{"type":"function","name":"a b"}])"), "tools[0].name"},
        Refusal{Body(R"("tools":[{"type":"function","name":"f","function":{}}])"), "tools[0].function"}));
INSTANTIATE_TEST_SUITE_P(
    Items, ResponsesRefuse,
    testing::Values(
        Item("5", ""), Item("{}", ".type"), Item(R"({"type":"web_search_call","id":"x"})", ".type", kUnsupported),
        Item(R"({"role":"tool","content":"a"})", ".role"), Item(R"({"role":"user"})", ".content"),
        Item(R"({"role":"user","content":"a","x":1})", ".x"),
        Item(R"({"role":"user","content":[{"type":"input_text"}]})", ".content[0].text"),
        Item(R"({"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_image","image_url":"u"}]})",
             ".content[1].type", kUnsupported),
        Item(R"({"role":"user","content":[{"type":"output_text","text":"a"}]})", ".content[0].type", kUnsupported),
        Item(R"({"type":"function_call","call_id":"c","name":"f"})", ".arguments"),
        Item(R"({"type":"function_call_output","call_id":"c","output":"x"})", ".call_id"),
        Refusal{Body("", R"([{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}])"), "input"},
        Item(R"({"type":"mcp_list_tools","tools":[]})", ".server_label"),
        Item(R"({"type":"mcp_call","id":"i","server_label":"t","name":"f"})", ".arguments"),
        Item(R"({"type":"mcp_call","id":"i","server_label":"t","name":"f","arguments":"{}","output":1})", ".output"),
        Item(R"({"type":"mcp_approval_response","approval_request_id":"r","approve":true})", ".approval_request_id"),
        Refusal{
            Body("", R"([{"type":"mcp_approval_request","id":"r","server_label":"t","name":"f","arguments":"{}"}])"),
            "input"},
        Item(R"({"type":"reasoning","summary":[{"type":"text","text":"a"}]})", ".summary[0].type", kUnsupported)));

}  // namespace
}  // namespace strata::serve::responses
