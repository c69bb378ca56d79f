// The families, one table each. Texts are those of the publishers' templates and tokenizers.
#include <utility>

#include "serve/tools/dialect.h"
#include "serve/tools/machines.h"

namespace strata::serve::tools {
namespace {

/// SmolLM2 was trained with this (its model card, "Function calling").
constexpr std::string_view kSmolLmPrompt =
    "You are an expert in composing functions. You are given a question and a set of possible functions. \n"
    "Based on the question, you will need to make one or more function/tool calls to achieve the purpose. \n"
    "If none of the functions can be used, point it out and refuse to answer. \n"
    "If the given question lacks the parameters required by the function, also point it out.\n\n"
    "You have access to the following tools:\n<tools>{tools}</tools>\n\n"
    "The output MUST strictly adhere to the following format, and NO other text MUST be included.\n"
    "The example format is as follows. Please make sure the parameter type is correct. If no function call is needed, "
    "please make the tool calls an empty list '[]'.\n"
    "<tool_call>[\n{\"name\": \"func_name1\", \"arguments\": {\"argument1\": \"value1\", \"argument2\": \"value2\"}},\n"
    "... (more tool calls as required)\n]</tool_call>";

TaggedJson Hermes() {
  return {.layout = {.separator = "\n", .trigger = "<tool_call>"},
          .openings = {"<tool_call>"},
          .call_begin = "<tool_call>\n",
          .call_end = "\n</tool_call>",
          .ends = {"</tool_call>"}};
}

TaggedJson Array(std::string begin, std::string end, std::vector<std::string> openings, std::vector<std::string> ends) {
  return {.layout = {.section_begin = std::move(begin),
                     .separator = ", ",
                     .section_end = std::move(end),
                     .trigger = openings[0]},
          .openings = std::move(openings),
          .ends = std::move(ends)};
}

TaggedJson MiniMaxM1() {
  return {.layout = {.section_begin = "<tool_calls>\n",
                     .separator = "\n",
                     .section_end = "\n</tool_calls>",
                     .trigger = "<tool_calls>"},
          .openings = {"<tool_calls>"},
          .ends = {"</tool_calls>"}};
}

TaggedParameters Dsml(const std::string& section) {
  return {.layout = {.section_begin = "<｜DSML｜" + section + ">\n",
                     .separator = "\n",
                     .section_end = "\n</｜DSML｜" + section + ">",
                     .trigger = "<｜DSML｜" + section + ">"},
          .sections = {"<｜DSML｜" + section + ">"},
          .section_ends = {"</｜DSML｜" + section + ">"},
          .call_begin = "<｜DSML｜invoke name=\"",
          .name_end = "\">",
          .key_begin = "<｜DSML｜parameter name=\"",
          .key_end = "\"",
          .value_end = "</｜DSML｜parameter>",
          .call_end = "</｜DSML｜invoke>",
          .typed = TaggedParameters::Typed::kString};
}

NamedJson DeepSeek(std::string separator) {
  return {.layout = {.section_begin = "<｜tool▁calls▁begin｜>",
                     .separator = std::move(separator),
                     .section_end = "<｜tool▁calls▁end｜>",
                     .trigger = "<｜tool▁calls▁begin｜>"},
          .call_begin = "<｜tool▁call▁begin｜>",
          .arguments_begin = "<｜tool▁sep｜>",
          .call_end = "<｜tool▁call▁end｜>"};
}

NamedJson DeepSeekV3() {
  NamedJson table = DeepSeek("\n");
  table.kind = "function<｜tool▁sep｜>";
  table.arguments_begin = "\n```json\n";
  table.arguments_end = "\n```";
  return table;
}

NamedJson Kimi() {
  return {.layout = {.section_begin = "<|tool_calls_section_begin|>",
                     .section_end = "<|tool_calls_section_end|>",
                     .trigger = "<|tool_calls_section_begin|>"},
          .call_begin = "<|tool_call_begin|>",
          .arguments_begin = "<|tool_call_argument_begin|>",
          .call_end = "<|tool_call_end|>",
          .kimi_names = true};
}

TaggedParameters KimiK3() {
  return {.layout = {.section_begin = "<|open|>tools<|sep|>",
                     .section_end = "<|close|>tools<|sep|>",
                     .trigger = "<|open|>tools<|sep|>",
                     .content_begin = "<|open|>response<|sep|>",
                     .content_end = "<|close|>response<|sep|>",
                     .answer_end = "<|close|>message<|sep|>"},
          .sections = {"<|open|>tools<|sep|>"},
          .section_ends = {"<|close|>tools<|sep|>"},
          .call_begin = "<|open|>call tool=\"",
          .name_end = "\" index=\"",
          .head_end = "\"<|sep|>",
          .key_begin = "<|open|>argument key=\"",
          .key_end = "\"",
          .value_begin = "<|sep|>",
          .value_end = "<|close|>argument<|sep|>",
          .call_end = "<|close|>call<|sep|>",
          .json_begin = "<|open|>json type=\"object\"<|sep|>",
          .json_end = "<|close|>json<|sep|>",
          .tight = true,
          .typed = TaggedParameters::Typed::kName};
}

TaggedJson Command() {
  TaggedJson table = Array("<|START_ACTION|>[\n    ", "\n]<|END_ACTION|>", {"<|START_ACTION|>"}, {"<|END_ACTION|>"});
  table.layout.separator = ",\n    ";
  table.layout.content_begin = "<|START_RESPONSE|>";
  table.layout.content_end = "<|END_RESPONSE|>";
  table.name_key = "tool_name";
  table.arguments_key = "parameters";
  table.id_key = "tool_call_id";
  return table;
}

NamedJson Functionary31() {
  return {.layout = {.trigger = "<function="},
          .call_begin = "<function=",
          .arguments_begin = ">",
          .call_end = "</function>",
          .marked = false};
}

NamedJson MistralNamed() {
  return {.layout = {.trigger = "[TOOL_CALLS]"},
          .call_begin = "[TOOL_CALLS]",
          .id_begin = "[CALL_ID]",
          .arguments_begin = "[ARGS]"};
}

TaggedParameters QwenCoder() {
  return {.layout = {.section_begin = "<tool_call>\n",
                     .separator = "\n</tool_call>\n<tool_call>\n",
                     .section_end = "\n</tool_call>",
                     .trigger = "<tool_call>"},
          .sections = {"<tool_call>"},
          .section_ends = {"</tool_call>"},
          .call_begin = "<function=",
          .name_end = ">",
          .key_begin = "<parameter=",
          .key_end = ">",
          .value_end = "</parameter>",
          .call_end = "</function>",
          .lines = true};
}

TaggedParameters SeedOss() {
  TaggedParameters table = QwenCoder();
  table.layout = {.section_begin = "<seed:tool_call>\n",
                  .separator = "\n</seed:tool_call>\n<seed:tool_call>\n",
                  .section_end = "\n</seed:tool_call>",
                  .trigger = "<seed:tool_call>"};
  table.sections = {"<seed:tool_call>"};
  table.section_ends = {"</seed:tool_call>"};
  table.lines = false;
  return table;
}

TaggedParameters Glm() {
  return {.layout = {.separator = "\n", .trigger = "<tool_call>"},
          .call_begin = "<tool_call>",
          .name_end = "\n",
          .key_begin = "<arg_key>",
          .key_end = "</arg_key>",
          .value_begin = "\n<arg_value>",
          .value_end = "</arg_value>",
          .call_end = "</tool_call>"};
}

TaggedParameters MiniMax() {
  return {.layout = {.section_begin = "<minimax:tool_call>\n",
                     .separator = "\n",
                     .section_end = "\n</minimax:tool_call>",
                     .trigger = "<minimax:tool_call>"},
          .sections = {"<minimax:tool_call>"},
          .section_ends = {"</minimax:tool_call>"},
          .call_begin = "<invoke name=\"",
          .name_end = "\">",
          .key_begin = "<parameter name=\"",
          .key_end = "\">",
          .value_end = "</parameter>",
          .call_end = "</invoke>"};
}

Pythonic LlamaPythonic() {
  return {.layout = {.section_begin = "[", .separator = ", ", .section_end = "]"},
          .openings = {"[", "<|python_start|>"},
          .ends = {"<|python_end|>"}};
}

Pythonic Lfm2() {
  return {.layout = {.section_begin = "<|tool_call_start|>[",
                     .separator = ", ",
                     .section_end = "]<|tool_call_end|>",
                     .trigger = "<|tool_call_start|>"},
          .openings = {"<|tool_call_start|>"},
          .ends = {"<|tool_call_end|>"}};
}

Pythonic Olmo() {
  return {.layout = {.section_begin = "<function_calls>\n",
                     .separator = "\n",
                     .section_end = "\n</function_calls>",
                     .trigger = "<function_calls>"},
          .openings = {"<function_calls>"},
          .ends = {"</function_calls>"}};
}

std::vector<Dialect> MakeDialects() {
  std::vector<Dialect> all;
  const auto add = [&](std::string_view name, std::vector<std::string_view> signs, std::unique_ptr<WireFormat> format,
                       IdShape ids = IdShape::kOpenAi, std::string_view prompt = {}) {
    all.emplace_back(name, std::move(signs), std::move(format), ids, prompt);
  };
  add("harmony", {"<|channel|>commentary"}, MakeHarmony());
  add("kimi_k2", {"<|tool_calls_section_begin|>"}, MakeNamedJson(Kimi()), IdShape::kKimi);
  add("kimi_k3", {"<|open|>", "<|sep|>"}, MakeTaggedParameters(KimiK3()));
  add("command", {"<|START_ACTION|>"}, MakeTaggedJson(Command()));
  add("functionary_v3_1", {"<function=example_function_name>{"}, MakeNamedJson(Functionary31()));
  add("functionary_v3_2", {">>>${recipient}"}, MakeRecipients());
  add("deepseek_v4", {"｜DSML｜", "tool_calls>"}, MakeTaggedParameters(Dsml("tool_calls")));
  add("deepseek_v3_2", {"｜DSML｜"}, MakeTaggedParameters(Dsml("function_calls")));
  add("deepseek_v3", {"<｜tool▁calls▁begin｜>", "```json"}, MakeNamedJson(DeepSeekV3()));
  add("deepseek_v3_1", {"<｜tool▁calls▁begin｜>"}, MakeNamedJson(DeepSeek("")));
  add("minimax_m2", {"<minimax:tool_call>"}, MakeTaggedParameters(MiniMax()));
  add("gemma4", {"<|tool_call>"},
      MakeGemmaCall({.layout = {.trigger = "<|tool_call>"},
                     .call_begin = "<|tool_call>",
                     .call_end = "<tool_call|>",
                     .quote = "<|\"|>"}));
  add("functiongemma", {"<start_function_call>"},
      MakeGemmaCall({.layout = {.trigger = "<start_function_call>"},
                     .call_begin = "<start_function_call>",
                     .call_end = "<end_function_call>",
                     .quote = "<escape>"}));
  add("glm45", {"<arg_key>"}, MakeTaggedParameters(Glm()));
  add("qwen3_coder", {"<tool_call>", "<function="}, MakeTaggedParameters(QwenCoder()));
  add("seed_oss", {"<seed:tool_call>"}, MakeTaggedParameters(SeedOss()));
  add("mistral_v11", {"[TOOL_CALLS]", "[ARGS]"}, MakeNamedJson(MistralNamed()), IdShape::kMistral);
  add("mistral", {"[TOOL_CALLS]"}, MakeTaggedJson(Array("[TOOL_CALLS] [", "]", {"[TOOL_CALLS]"}, {})),
      IdShape::kMistral);
  add("lfm2", {"<|tool_call_start|>"}, MakePythonic(Lfm2()));
  add("lfm2", {"<|tool_list_start|>"}, MakePythonic(Lfm2()));
  add("olmo3", {"<function_calls>"}, MakePythonic(Olmo()));
  add("phi4_mini", {"functools["},
      MakeTaggedJson(Array("functools[", "]", {"functools", "<|tool_call|>"}, {"<|/tool_call|>"})));
  add("phi4_mini", {"<|/tool_call|>"},
      MakeTaggedJson(Array("<|tool_call|>[", "]<|/tool_call|>", {"<|tool_call|>", "functools"}, {"<|/tool_call|>"})));
  add("granite", {"<|tool_call|>"},
      MakeTaggedJson(Array("<|tool_call|>[", "]", {"<|tool_call|>", "<tool_call>"}, {"</tool_call>"})));
  add("nemotron_json", {"<TOOLCALL>"},
      MakeTaggedJson(Array("<TOOLCALL>[", "]</TOOLCALL>", {"<TOOLCALL>"}, {"</TOOLCALL>"})));
  add("hermes", {"<tool_call>"}, MakeTaggedJson(Hermes()));
  add("hermes", {"SmolLM", "/no_think"}, MakeTaggedJson(Hermes()));  // SmolLM3, tools or not in its template
  add("minimax_m1", {"<tool_calls>", "name=assistant"}, MakeTaggedJson(MiniMaxM1()));
  add("apriel", {"<tool_calls>"},
      MakeTaggedJson(Array("<tool_calls>[", "]</tool_calls>", {"<tool_calls>"}, {"</tool_calls>"})));
  add("xlam", {"a single JSON array"}, MakeTaggedJson(Array("[", "]", {"["}, {})));
  add("llama3_json", {"{\"name\": function name, \"parameters\""},
      MakeTaggedJson({.layout = {.separator = "; ", .trigger = "{\"name\": "},
                      .openings = {"{", "<|python_tag|>", "<|python_start|>"},
                      .ends = {"<|python_end|>"},
                      .arguments_key = "parameters"}));
  add("llama_pythonic", {"[func_name1("}, MakePythonic(LlamaPythonic()));
  add("llama_pythonic", {"<|python_start|>"}, MakePythonic(LlamaPythonic()));
  add("smollm2", {"SmolLM", "trained by Hugging Face"},
      MakeTaggedJson({.layout = {.section_begin = "<tool_call>[\n",
                                 .separator = ",\n",
                                 .section_end = "\n]</tool_call>",
                                 .trigger = "<tool_call>"},
                      .openings = {"<tool_call>"},
                      .ends = {"</tool_call>"}}),
      IdShape::kOpenAi, kSmolLmPrompt);
  add("generic", {}, MakeTaggedJson(Hermes()));
  return all;
}

}  // namespace

std::span<const Dialect> Dialects() {
  static const std::vector<Dialect> all = MakeDialects();
  return all;
}

}  // namespace strata::serve::tools
