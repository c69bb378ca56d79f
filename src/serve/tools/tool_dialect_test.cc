// Which family a template is of, and that its own rendering of a call is read back.
#include <algorithm>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "base/mapped_file.h"
#include "formats/chat_template.h"
#include "serve/chat_prompt.h"
#include "serve/test_model.h"
#include "serve/tools/test_parse.h"

namespace strata::serve::tools {
namespace {

using Json = nlohmann::ordered_json;

// ---- Detection -----------------------------------------------------------------------------------------------------

TEST(Detection, NamesAreKnown) {
  for (const Dialect& dialect : Dialects()) EXPECT_EQ(FindDialect(dialect.name())->name(), dialect.name());
  EXPECT_EQ(FindDialect("no such"), nullptr);
  EXPECT_EQ(FindReasoning("no such"), nullptr);
  EXPECT_EQ(DetectDialect("").name(), "generic");
}

TEST(Detection, ReasoningIsOpenWhereThePromptEndsInIt) {
  const ReasoningFormat& think = *DetectReasoning("... '</think>' ...");
  EXPECT_TRUE(PromptOpensReasoning(think, "<|assistant|><think>\n"));
  EXPECT_FALSE(PromptOpensReasoning(think, "<|assistant|><think>\n\n</think>\n\n"));
  EXPECT_FALSE(PromptOpensReasoning(*FindReasoning("harmony"), "<|start|>assistant"));
  EXPECT_EQ(DetectReasoning("no such thing"), nullptr);
}

/// Templates of publishers, by their names in the test data.
struct Published {
  std::string file;
  std::string dialect;
};
void PrintTo(const Published& one, std::ostream* out) { *out << one.file; }

class Templates : public testing::TestWithParam<Published> {
 protected:
  void SetUp() override {
    const char* data = std::getenv("STRATA_TEST_DATA");
    if (data == nullptr) GTEST_SKIP() << "STRATA_TEST_DATA is not set";
    const auto text = ReadFile(std::string(data) + "/" + GetParam().file);
    ASSERT_TRUE(text) << text.error().ToString();
    source_ = *text;
  }
  std::string source_;
};

TEST_P(Templates, AreKnownAndReadBack) {
  const Dialect& dialect = DetectDialect(source_);
  EXPECT_EQ(dialect.name(), GetParam().dialect);
  auto parsed = ChatTemplate::Parse(source_);
  ASSERT_TRUE(parsed) << parsed.error().ToString();
  const ChatFormat format = ProbeTemplate(std::make_shared<const ChatTemplate>(std::move(*parsed)));
  const auto tokenizer = TestTokenizer();
  const std::string arguments = R"({"city":"Sao \"P\" é","days":3,"flag":true,"list":["a","b"]})";
  const Json schema = Json::parse(R"({"type":"object","properties":{"city":{"type":"string","description":"c"},
      "days":{"type":"integer","description":"d"},"flag":{"type":"boolean","description":"f"},
      "list":{"type":"array","description":"l","items":{"type":"string"}}},"required":["city"]})");
  const Json call = {
      {"id", "abcdefghi"}, {"type", "function"}, {"function", {{"name", "get_weather"}, {"arguments", arguments}}}};
  const Json tool = {{"type", "function"},
                     {"function", {{"name", "get_weather"}, {"description", "w"}, {"parameters", schema}}}};
  ChatInput input{.variables = std::make_shared<Json>(), .add_generation_prompt = false};
  (*input.variables)["tools"] = Json::array({tool});
  Json& messages = (*input.variables)["messages"] = Json::array({{{"role", "user"}, {"content", "q"}}});
  const auto asked = RenderChat(format, dialect, input, *tokenizer, 0);
  ASSERT_TRUE(asked) << asked.error().ToString();
  messages.push_back({{"role", "assistant"}, {"content", ""}, {"tool_calls", Json::array({call})}});
  const auto called = RenderChat(format, dialect, input, *tokenizer, 0);
  ASSERT_TRUE(called) << called.error().ToString();

  const auto answer = std::mismatch(asked->begin(), asked->end(), called->begin(), called->end()).second;
  const Tools tools = std::make_shared<const ToolSet>(std::vector<Tool>{{.name = "get_weather", .parameters = schema}});
  const OutputDelta out =
      ParseAll(dialect, tools, std::string(answer, called->end()), {.reasoning = DetectReasoning(source_)});
  ASSERT_EQ(out.calls.size(), 1U) << *called;
  EXPECT_EQ(out.calls[0].name, "get_weather");
  // Some templates sort the arguments.
  EXPECT_EQ(nlohmann::json::parse(out.calls[0].arguments, nullptr, false), nlohmann::json::parse(arguments)) << *called;
}

const std::string kLlamaCpp = "llama.cpp-models/templates/", kTrl = "chat-templates/trl-1.16.0/",
                  kAxolotl = "chat-templates/axolotl-0.19.0/";
INSTANTIATE_TEST_SUITE_P(
    Published, Templates,
    testing::Values(
        Published{kLlamaCpp + "Qwen-Qwen2.5-7B-Instruct.jinja", "hermes"},
        Published{kLlamaCpp + "Qwen-Qwen3-0.6B.jinja", "hermes"}, Published{kLlamaCpp + "Qwen-QwQ-32B.jinja", "hermes"},
        Published{kLlamaCpp + "ibm-granite-granite-4.0.jinja", "hermes"},
        Published{kLlamaCpp + "NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use.jinja", "hermes"},
        Published{kLlamaCpp + "NousResearch-Hermes-3-Llama-3.1-8B-tool_use.jinja", "hermes"},
        Published{kAxolotl + "exaone4.jinja", "hermes"}, Published{kLlamaCpp + "Qwen3-Coder.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "Qwen3.5-4B.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "NVIDIA-Nemotron-3-Nano-30B-A3B-BF16.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "StepFun3.5-Flash.jinja", "qwen3_coder"},
        Published{kLlamaCpp + "ByteDance-Seed-OSS.jinja", "seed_oss"},
        Published{kLlamaCpp + "meta-llama-Llama-3.1-8B-Instruct.jinja", "llama3_json"},
        Published{kLlamaCpp + "meta-llama-Llama-3.2-3B-Instruct.jinja", "llama3_json"},
        Published{kLlamaCpp + "mistralai-Mistral-Nemo-Instruct-2407.jinja", "mistral"},
        Published{kLlamaCpp + "Mistral-Small-3.2-24B-Instruct-2506.jinja", "mistral_v11"},
        Published{kLlamaCpp + "mistralai-Ministral-3-14B-Reasoning-2512.jinja", "mistral_v11"},
        Published{kTrl + "deepseekv3.jinja", "deepseek_v3"},
        Published{kLlamaCpp + "deepseek-ai-DeepSeek-V3.1.jinja", "deepseek_v3_1"},
        Published{kLlamaCpp + "deepseek-ai-DeepSeek-V3.2.jinja", "deepseek_v3_2"},
        Published{kLlamaCpp + "deepseek-ai-DeepSeek-V4.jinja", "deepseek_v4"},
        Published{kLlamaCpp + "GLM-4.6.jinja", "glm45"}, Published{kLlamaCpp + "GLM-4.7-Flash.jinja", "glm45"},
        Published{kLlamaCpp + "moonshotai-Kimi-K2.jinja", "kimi_k2"},
        Published{kLlamaCpp + "HuggingFaceTB-SmolLM3-3B.jinja", "hermes"},
        Published{kLlamaCpp + "ibm-granite-granite-3.3-2B-Instruct.jinja", "granite"},
        Published{kLlamaCpp + "NVIDIA-Nemotron-Nano-v2.jinja", "nemotron_json"},
        Published{kLlamaCpp + "google-gemma-2-2b-it.jinja", "generic"},
        Published{kLlamaCpp + "MiniMax-M2.jinja", "minimax_m2"},
        Published{kLlamaCpp + "MiniMax-M1.jinja", "minimax_m1"},
        Published{kLlamaCpp + "openai-gpt-oss-120b.jinja", "harmony"}, Published{kTrl + "gptoss.jinja", "harmony"},
        Published{kLlamaCpp + "google-gemma-4-31B-it.jinja", "gemma4"}, Published{kTrl + "gemma4_v5.jinja", "gemma4"},
        Published{kLlamaCpp + "Kimi-K3.jinja", "kimi_k3"},
        Published{kLlamaCpp + "CohereForAI-c4ai-command-r7b-12-2024-tool_use.jinja", "command"},
        Published{kLlamaCpp + "Cohere2MoE.jinja", "command"},
        Published{kAxolotl + "command_a_tool_use.jinja", "command"},
        Published{kLlamaCpp + "meetkai-functionary-medium-v3.1.jinja", "functionary_v3_1"},
        Published{kLlamaCpp + "meetkai-functionary-medium-v3.2.jinja", "functionary_v3_2"},
        Published{kLlamaCpp + "LFM2.5-8B-A1B.jinja", "lfm2"},
        Published{kLlamaCpp + "Apriel-1.6-15b-Thinker-fixed.jinja", "apriel"}));

}  // namespace
}  // namespace strata::serve::tools
