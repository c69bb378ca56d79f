// What each family writes, and what becomes of it: calls, text beside them, and texts that are broken or only look so.
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/tools/test_parse.h"

namespace strata::serve::tools {
namespace {

Tools Weather() {
  static const Tools tools =
      MakeTools({{"get_weather", R"({"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},
                           "celsius":{"type":"boolean"},"at":{"type":"object"},"zip":{"type":["string","null"]}},
                           "required":["city"]})"},
                 {"now", "{}"}});
  return tools;
}

const ReasoningFormat* Think() { return FindReasoning("think"); }

/// "reasoning|content|name(arguments)..." as one text.
std::string Told(const OutputDelta& out) {
  std::string text = out.reasoning + "|" + out.content + "|";
  for (const ToolCallDelta& call : out.calls) {
    text += call.name.value_or("?") + "(" + call.arguments + ")";
    EXPECT_TRUE(call.id);
  }
  return text;
}

struct Example {
  const char* dialect;
  const char* text;
  const char* told;
  bool reasoning = false;
};
void PrintTo(const Example& one, std::ostream* out) { *out << one.dialect << ": " << one.text; }

class Examples : public testing::TestWithParam<Example> {};
TEST_P(Examples, AreTold) {
  const Dialect* dialect = FindDialect(GetParam().dialect);
  ASSERT_NE(dialect, nullptr);
  const ParserOptions options{.reasoning = GetParam().reasoning ? Think() : nullptr};
  EXPECT_EQ(Told(ParseAll(*dialect, Weather(), GetParam().text, options)), GetParam().told);
  const auto one = [](std::size_t) { return std::size_t{1}; };
  EXPECT_EQ(Told(ParsePieces(*dialect, Weather(), GetParam().text, options, one)), GetParam().told);
}

INSTANTIATE_TEST_SUITE_P(
    Hermes, Examples,
    testing::Values(
        Example{"hermes",
                "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\"}}\n</tool_call>",
                R"(||get_weather({"city": "Paris"}))"},
        Example{"hermes",
                "Let me see.\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n"
                "{\"name\": \"get_weather\", \"arguments\": {\"city\":\"Oslo\"}}\n</tool_call>\n",
                R"(|Let me see.|now({})get_weather({"city":"Oslo"}))"},
        // Arguments before the name, and double-encoded.
        Example{"hermes", "<tool_call>{\"arguments\": {\"a\": 1}, \"name\": \"now\"}</tool_call>",
                R"(||now({"a": 1}))"},
        Example{"hermes", R"(<tool_call>{"name": "now", "arguments": "{\"a\": \"\u00e9\"}"}</tool_call>)",
                "||now({\"a\": \"é\"})"},
        Example{"hermes", R"(<tool_call>{"type":"function","function":{"name":"now","arguments":{}}}</tool_call>)",
                "||now({})"},
        // None, null, a bracket too many, one too few.
        Example{"hermes", R"(<tool_call>{"name": "now"}</tool_call>)", "||now({})"},
        Example{"hermes", R"(<tool_call>{"name": "now", "arguments": null}</tool_call>)", "||now({})"},
        Example{"hermes", R"(<tool_call>{"name": "now", "arguments": {}}}</tool_call>ok)", "|ok|now({})"},
        Example{"hermes", R"(<tool_call>{"name": "now", "arguments": {}</tool_call>ok)", "|ok|now({})"},
        // Tags inside of strings.
        Example{"hermes", R"(<tool_call>{"name": "now", "arguments": {"a": "</tool_call> \" }"}}</tool_call>)",
                R"(||now({"a": "</tool_call> \" }"}))"},
        // No calls.
        Example{"hermes", "<tool_call>\nnothing</tool_call>", "|<tool_call>\nnothing</tool_call>|"},
        Example{"hermes", "<tool_call>{\"city\": 1}", "|<tool_call>{\"city\": 1}|"},
        Example{"hermes", "<tool_call>{\"name\": \"now\", \"arguments\": [1]}",
                "|<tool_call>{\"name\": \"now\", \"arguments\": [1]}|"},
        Example{"hermes", "if a <tool and b < c", "|if a <tool and b < c|"},
        Example{"hermes", "  spaces stay \n", "|  spaces stay \n|"},
        Example{"hermes", "<tool_call><tool_call>{\"name\": \"now\"}</tool_call>", "|<tool_call>|now({})"},
        // Cut off.
        Example{"hermes", "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Par",
                R"(||get_weather({"city": "Par))"},
        Example{"hermes", "<tool_call>\n{\"name\": \"get_weather\", \"argu", "||get_weather()"},
        Example{"hermes", "<tool_call>\n{\"name\": \"get_w", "|<tool_call>\n{\"name\": \"get_w|"},
        Example{"hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {}}\n</tool_c", "||now({})"},
        Example{"hermes", "see <tool_c", "|see <tool_c|"}));

INSTANTIATE_TEST_SUITE_P(
    Reasoning, Examples,
    testing::Values(Example{"hermes", "<think>\nHm.\n</think>\n\nHi", "Hm.|Hi|", true},
                    Example{"hermes",
                            "<think>\na\n</think>\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
                            "a||now({})", true},
                    Example{"hermes", "<think></think>Hi", "|Hi|", true},
                    Example{"hermes", "<think>never ends ", "never ends ||", true},
                    Example{"hermes", "<think>a</think>b<think>c</think>d", "a\n\nc|b\n\nd|", true},
                    // A call ends reasoning that nobody closed; what is no call stays reasoning.
                    Example{"hermes", "<think>a <tool_call>{\"name\": \"now\"}</tool_call>", "a||now({})", true},
                    Example{"hermes", "<think>a <tool_call> b</think>c", "a <tool_call> b|c|", true},
                    Example{"hermes", "<think>kept</think>", "|<think>kept</think>|", false}));

INSTANTIATE_TEST_SUITE_P(
    Json, Examples,
    testing::Values(
        Example{"llama3_json", R"({"name": "get_weather", "parameters": {"city": "Paris"}})",
                R"(||get_weather({"city": "Paris"}))"},
        Example{"llama3_json", R"(<|python_tag|>{"name": "now", "parameters": {}}; {"name": "now", "parameters": {}})",
                "||now({})now({})"},
        Example{"llama3_json", R"(Here: {"name": "unknown", "parameters": {}})",
                R"(|Here: {"name": "unknown", "parameters": {}}|)"},
        Example{"llama3_json", R"(a {b} {"c": 1} ;)", R"(|a {b} {"c": 1} ;|)"},
        Example{
            "mistral",
            R"([TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Paris"}}, {"name": "now", "arguments": {}}])",
            R"(||get_weather({"city": "Paris"})now({}))"},
        Example{"mistral_v11", R"([TOOL_CALLS]get_weather[ARGS]{"city": "Paris"}[TOOL_CALLS]now[ARGS]{})",
                R"(||get_weather({"city": "Paris"})now({}))"},
        Example{"mistral_v11", R"([TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS]{})", "||now({})"},
        Example{"mistral_v11", R"([TOOL_CALLS][{"name": "now", "arguments": {}}])", "||now({})"},
        Example{"granite", R"(<|tool_call|>[{"name": "now", "arguments": {}}])", "||now({})"},
        Example{"granite", R"(<tool_call>[{"name": "now", "arguments": {}}]</tool_call>)", "||now({})"},
        Example{"phi4_mini", R"(functools[{"name": "now", "arguments": {}}])", "||now({})"},
        Example{"phi4_mini", R"(<|tool_call|>[{"name": "now", "arguments": {}}]<|/tool_call|>)", "||now({})"},
        Example{"xlam", R"([{"name": "now", "arguments": {}}, {"name": "now", "arguments": {}}])", "||now({})now({})"},
        Example{"xlam", R"(See [1] and []. [{"name": "other"}])", R"(|See [1] and []. [{"name": "other"}]|)"},
        Example{"smollm2", "<tool_call>[\n{\"name\": \"now\", \"arguments\": {}}\n]</tool_call>", "||now({})"},
        Example{"smollm2", "<tool_call>[]</tool_call>", "||"},
        Example{
            "deepseek_v3",
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": "
            "\"Paris\"}\n```"
            "<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜>"
            "<｜tool▁calls▁end｜>",
            R"(||get_weather({"city": "Paris"})now({}))"},
        Example{"deepseek_v3_1",
                "Ok.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{\"city\": \"Paris\"}"
                "<｜tool▁call▁end｜><｜tool▁call▁begin｜>now<｜tool▁sep｜><｜tool▁call▁end｜><｜tool▁calls▁end｜>",
                R"(|Ok.|get_weather({"city": "Paris"})now({}))"},
        Example{"deepseek_v3_1", "<｜tool▁calls▁begin｜>nothing", "|<｜tool▁calls▁begin｜>nothing|"},
        Example{"kimi_k2",
                "<|tool_calls_section_begin|><|tool_call_begin|>functions.get_weather:3<|tool_call_argument_begin|>"
                "{\"city\": \"Paris\"}<|tool_call_end|><|tool_calls_section_end|>",
                R"(||get_weather({"city": "Paris"}))"}));

INSTANTIATE_TEST_SUITE_P(
    Tagged, Examples,
    testing::Values(
        Example{"qwen3_coder",
                "<tool_call>\n<function=get_weather>\n<parameter=city>\nParis\n</parameter>\n<parameter=days>\n3\n"
                "</parameter>\n<parameter=celsius>\nTrue\n</parameter>\n</function>\n</tool_call>",
                R"(||get_weather({"city": "Paris", "days": 3, "celsius": true}))"},
        // A string that looks like a number is a string; null only where the schema has it.
        Example{"qwen3_coder",
                "<tool_call>\n<function=get_weather>\n<parameter=city>\n123\n</parameter>\n<parameter=zip>\nnull\n"
                "</parameter>\n<parameter=other>\n5\n</parameter>\n</function>\n</tool_call>",
                R"(||get_weather({"city": "123", "zip": null, "other": "5"}))"},
        Example{"qwen3_coder",
                "<function=get_weather>\n<parameter=city>\n\na \"b\"\n\n</parameter>\n</parameter>\n</function>",
                R"(||get_weather({"city": "\na \"b\"\n"}))"},
        Example{"qwen3_coder", "<tool_call>\n<function=now>\n</function>\n</tool_call>", "||now({})"},
        Example{"qwen3_coder", "<tool_call>\n<function=get_weather>\n<parameter=city>\nPar",
                R"x(||get_weather({"city": "Par))x"},
        Example{"qwen3_coder", "<tool_call> is a tag", "|<tool_call> is a tag|"},
        Example{"glm45",
                "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n<arg_key>at</arg_key>\n"
                "<arg_value>{\"x\": [1]}</arg_value>\n</tool_call>",
                R"(||get_weather({"city": "Paris", "at": {"x": [1]}}))"},
        Example{"glm45", "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Paris</arg_value></tool_call>",
                R"(||get_weather({"city": "Paris"}))"},
        Example{"glm45", "<tool_call>now\n</tool_call>", "||now({})"},
        Example{"glm45", "<tool_call>now</tool_call>x", "|x|now({})"},
        Example{
            "minimax_m2",
            "<minimax:tool_call>\n<invoke name=\"get_weather\">\n<parameter name=\"city\">Paris</parameter>\n"
            "<parameter name=\"days\">x</parameter>\n</invoke>\n<invoke name=\"now\">\n</invoke>\n</minimax:tool_call>",
            R"(||get_weather({"city": "Paris", "days": "x"})now({}))"},
        Example{"deepseek_v3_2",
                "\n\n<｜DSML｜function_calls>\n<｜DSML｜invoke name=\"get_weather\">\n<｜DSML｜parameter name=\"city\" "
                "string=\"true\">5</｜DSML｜parameter>\n<｜DSML｜parameter name=\"k\" string=\"false\">5"
                "</｜DSML｜parameter>\n</｜DSML｜invoke>\n</｜DSML｜function_calls>",
                R"(||get_weather({"city": "5", "k": 5}))"}));

INSTANTIATE_TEST_SUITE_P(
    Literals, Examples,
    testing::Values(
        Example{"llama_pythonic", "[get_weather(city='Pa\\'ris', days=3, celsius=True, zip=None), now()]",
                R"(||get_weather({"city": "Pa'ris", "days": 3, "celsius": true, "zip": null})now({}))"},
        Example{"llama_pythonic", R"([get_weather(at={"a": [1, -2.5, (3, 4)], 'b': {}}, city="x\ny")])",
                R"(||get_weather({"at": {"a": [1, -2.5, [3, 4]], "b": {}}, "city": "x\ny"}))"},
        Example{"llama_pythonic", "[get_weather(city=datetime.now(), days=1_000)]",
                R"x(||get_weather({"city": "datetime.now()", "days": 1000}))x"},
        Example{"llama_pythonic", "See [1], [other(a=1)] and [now].", "|See [1], [other(a=1)] and [now].|"},
        Example{"llama_pythonic", "<|python_start|>[now()]<|python_end|>", "||now({})"},
        Example{"llama_pythonic", "[get_weather(city='Par", R"x(||get_weather({"city": "Par))x"},
        Example{"lfm2", "<|tool_call_start|>[get_weather(city=\"Paris\")]<|tool_call_end|>Checking.",
                R"(|Checking.|get_weather({"city": "Paris"}))"},
        Example{"olmo3", "<function_calls>\nget_weather(city='New York', celsius=true)\nnow()\n</function_calls>",
                R"(||get_weather({"city": "New York", "celsius": true})now({}))"},
        Example{"functiongemma",
                "<start_function_call>call:get_weather{city:<escape>Lon \"don<escape>}<end_function_call>",
                R"(||get_weather({"city": "Lon \"don"}))"},
        Example{"gemma4",
                "<|tool_call>call:get_weather{city:<|\"|>Paris<|\"|>,days:2,at:{x:[1,<|\"|>a<|\"|>]}}<tool_call|>",
                R"(||get_weather({"city": "Paris", "days": 2, "at": {"x": [1, "a"]}}))"},
        Example{"gemma4", "<|tool_call>call:now{}<tool_call|>", "||now({})"}));

INSTANTIATE_TEST_SUITE_P(
    Harmony, Examples,
    testing::Values(
        Example{"harmony",
                "<|channel|>analysis<|message|>Think.<|end|><|start|>assistant<|channel|>commentary "
                "to=functions.get_weather <|constrain|>json<|message|>{\"city\":\"Paris\"}<|call|>",
                R"(Think.||get_weather({"city":"Paris"}))"},
        Example{"harmony",
                "<|channel|>analysis<|message|>T<|end|><|start|>assistant<|channel|>final<|message|>Hi<|return|>",
                "T|Hi|"},
        Example{"harmony", " to=functions.now<|channel|>commentary json<|message|>{}<|call|>", "||now({})"},
        Example{"harmony",
                "<|channel|>commentary<|message|>First.<|end|><|start|>assistant<|channel|>final<|message|>Then.",
                "|First.\n\nThen.|"},
        Example{"harmony", "plain text", "|plain text|"}, Example{"harmony", "to", "|to|"}));

INSTANTIATE_TEST_SUITE_P(
    MarkedContent, Examples,
    testing::Values(
        Example{"kimi_k3",
                "<|open|>response<|sep|>On it.<|close|>response<|sep|><|open|>tools<|sep|><|open|>call "
                "tool=\"get_weather\" index=\"1\"<|sep|><|open|>argument key=\"city\" type=\"string\"<|sep|> Paris "
                "<|close|>argument<|sep|><|open|>argument key=\"days\" type=\"number\"<|sep|>2<|close|>argument<|sep|>"
                "<|close|>call<|sep|><|close|>tools<|sep|><|close|>message<|sep|>",
                R"(|On it.|get_weather({"city": " Paris ", "days": 2}))"},
        Example{"kimi_k3", "Ok.<|close|>response<|sep|><|close|>message<|sep|>", "|Ok.|"},
        Example{
            "kimi_k3",
            "<|open|>tools<|sep|><|open|>call tool=\"now\" index=\"1\"<|sep|><|close|>call<|sep|>"
            "<|open|>call tool=\"now\" index=\"2\"<|sep|><|open|>argument key=\"a&quot;&amp;b\" type=\"null\"<|sep|>"
            "null<|close|>argument<|sep|><|close|>call<|sep|><|close|>tools<|sep|>",
            R"(||now({})now({"a\"&b": null}))"},
        Example{"kimi_k3",
                "<|open|>tools<|sep|><|open|>call tool=\"now\" index=\"1\"<|sep|><|open|>json type=\"object\"<|sep|>"
                "{\"a\": [1]}<|close|>json<|sep|><|close|>call<|sep|><|close|>tools<|sep|>",
                R"(||now({"a": [1]}))"},
        Example{"command",
                "<|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"get_weather\", \"parameters\": "
                "{\"city\": \"Paris\"}},\n    {\"tool_call_id\": \"1\", \"tool_name\": \"now\", \"parameters\": {}}\n]"
                "<|END_ACTION|>",
                R"(||get_weather({"city": "Paris"})now({}))"},
        Example{"command", "<|START_RESPONSE|>It is sunny.<|END_RESPONSE|>", "|It is sunny.|"},
        Example{"functionary_v3_1", "Ok. <function=get_weather>{\"city\": \"Paris\"}</function>",
                R"(|Ok.|get_weather({"city": "Paris"}))"},
        Example{"functionary_v3_1", "a <function=f> b", "|a <function=f> b|"},
        Example{"functionary_v3_2", "all\nOn it.>>>get_weather\n{\"city\": \"Paris\"}>>>now\n{}",
                R"(|On it.|get_weather({"city": "Paris"})now({}))"},
        Example{"functionary_v3_2", ">>>now\n{}", "||now({})"},
        Example{"functionary_v3_2", "now\n{\"a\": \">>>\"}>>>all\nDone.", R"(|Done.|now({"a": ">>>"}))"},
        Example{"functionary_v3_2", "Hello,\nyou >>> all", "|Hello,\nyou >>> all|"}));

TEST(Parser, GivesIdsOfTheFamilysShape) {
  const auto id = [](const char* dialect, const char* text) {
    const OutputDelta out = ParseAll(*FindDialect(dialect), Weather(), text, {.id_seed = 7});
    return out.calls.empty() ? "" : out.calls.back().id.value_or("");
  };
  EXPECT_THAT(id("hermes", R"(<tool_call>{"name":"now"}</tool_call>)"), testing::MatchesRegex("call_[0-9A-Za-z]{24}"));
  EXPECT_THAT(id("mistral_v11", "[TOOL_CALLS]now[ARGS]{}"), testing::MatchesRegex("[0-9A-Za-z]{9}"));
  EXPECT_EQ(id("mistral_v11", "[TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS]{}"), "abcdefghi");
  EXPECT_EQ(id("mistral", R"([TOOL_CALLS] [{"name":"now","arguments":{},"id":"abcdefghi"}])").size(), 9U);
  EXPECT_EQ(id("kimi_k2", "<|tool_call_begin|>functions.now:3<|tool_call_argument_begin|>{}<|tool_call_end|>"),
            "functions.now:3");
  const OutputDelta two =
      ParseAll(*FindDialect("hermes"), Weather(), R"(<tool_call>[{"name":"now"},{"name":"now"}]</tool_call>)");
  ASSERT_EQ(two.calls.size(), 2U);
  EXPECT_EQ(two.calls[1].index, 1);
  EXPECT_NE(two.calls[0].id, two.calls[1].id);
}

TEST(Parser, StreamsArgumentsAsTheyCome) {
  const auto parser = FindDialect("qwen3_coder")->MakeParser(Weather(), {});
  std::vector<std::string> seen;
  for (const char* piece : {"<tool_call>\n<function=get_wea", "ther>\n", "<parameter=city>\nPa", "ri", "s\n",
                            "</parameter>", "\n</function>"}) {
    OutputDelta delta;
    parser->Push(piece, delta);
    seen.push_back(Told(OutputDelta{.calls = {{.index = 0, .id = "x", .name = "f", .arguments = [&] {
                                                 return delta.calls.empty() ? "" : delta.calls[0].arguments;
                                               }()}}}));
  }
  EXPECT_THAT(
      seen, testing::ElementsAre("||f()", "||f()", R"(||f({"city": "Pa))", "||f(ri)", "||f(s)", R"(||f("))", "||f(})"));
}

TEST(Parser, HoldsBackNoMoreThanAMarkersBeginning) {
  const auto parser = FindDialect("hermes")->MakeParser(Weather(), {});
  OutputDelta delta;
  parser->Push("a <", delta);
  EXPECT_EQ(delta.content, "a");
  parser->Push("b", delta);
  EXPECT_EQ(delta.content, "a <b");
}

TEST(Parser, ReasoningMayBeOpenAlready) {
  const OutputDelta out = ParseAll(*FindDialect("hermes"), Weather(), "\nHm.\n</think>\n\nHi",
                                   {.reasoning = Think(), .reasoning_open = true});
  EXPECT_EQ(Told(out), "Hm.|Hi|");
  const OutputDelta again = ParseAll(*FindDialect("hermes"), Weather(), "<think>a <think> b</think>Hi </think>",
                                     {.reasoning = Think(), .reasoning_open = true});
  EXPECT_EQ(Told(again), "a <think> b|Hi </think>|");
}

TEST(Parser, LooksForNoCallsWithoutTools) {
  const std::string text = "<think>a</think><tool_call>{\"name\": \"now\"}</tool_call>";
  EXPECT_EQ(Told(ParseAll(*FindDialect("hermes"), nullptr, text, {.reasoning = Think()})),
            "a|<tool_call>{\"name\": \"now\"}</tool_call>|");
}

TEST(Parser, OneCallMayBeAll) {
  for (const char* text : {R"(<tool_call>{"name":"now"}</tool_call><tool_call>{"name":"now"}</tool_call>)",
                           R"(<tool_call>[{"name":"now"},{"name":"now"}]</tool_call>)"}) {
    const auto parser = FindDialect("hermes")->MakeParser(Weather(), {.one_call = true});
    OutputDelta out;
    parser->Push(text, out);
    EXPECT_TRUE(parser->done());
    parser->Finish(out);
    EXPECT_EQ(Told(out), "||now({})");
  }
}

TEST(Schemas, TellWhatTextMeans) {
  const auto json = [](const char* schema, const char* text) {
    const auto parsed = nlohmann::ordered_json::parse(schema);
    return JsonOfText(text, TypesOf(parsed, parsed));
  };
  EXPECT_EQ(json(R"({"type":"string"})", "5"), R"("5")");
  EXPECT_EQ(json(R"({"type":"integer"})", " 5\n"), "5");
  EXPECT_EQ(json(R"({"type":"integer"})", "five"), R"("five")");
  EXPECT_EQ(json(R"({"type":["integer","string"]})", "5"), "5");
  EXPECT_EQ(json(R"({"type":["integer","string"]})", "true"), R"("true")");
  EXPECT_EQ(json(R"({"anyOf":[{"type":"boolean"},{"type":"null"}]})", "None"), "null");
  EXPECT_EQ(json(R"({"type":"array"})", "['a', True, (1,)]"), R"(["a", true, [1]])");
  EXPECT_EQ(json(R"({"type":"object"})", "{'a': None"), R"("{'a': None")");
  EXPECT_EQ(json(R"({"enum":["1","2"]})", "1"), R"("1")");
  EXPECT_EQ(json(R"({"const":1})", "1"), "1");
  EXPECT_EQ(json(R"({"allOf":[{"type":["string","number"]},{"type":["number","null"]}]})", "null"), R"("null")");
  EXPECT_EQ(json(R"({"$ref":"#/$defs/n","$defs":{"n":{"type":"number"}}})", "5"), "5");
  EXPECT_EQ(json(R"({"$ref":"#"})", "5"), "5");  // turns in a circle: anything
  EXPECT_EQ(json(R"({"type":"string","nullable":true})", "null"), "null");
}

}  // namespace
}  // namespace strata::serve::tools
