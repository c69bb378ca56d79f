#include "serve/tools/reasoning.h"

#include <algorithm>
#include <array>

namespace strata::serve::tools {
namespace {

constexpr std::array<ReasoningFormat, 7> kFormats = {{
    {.name = "harmony",
     .open = "",
     .close = "",
     .sign = "<|channel|>analysis",
     .thought = {"<|channel|>analysis<|message|>", "<|end|>", "<|end|>"}},
    {.name = "gemma4",
     .open = "<|channel>thought",
     .close = "<channel|>",
     .sign = "<|channel>",
     .thought = {"<|channel>thought", "<channel|>", "\n<channel|>"}},
    {.name = "mistral",
     .open = "[THINK]",
     .close = "[/THINK]",
     .sign = "[THINK]",
     .thought = {"[THINK]", "[/THINK]", "[/THINK]"}},
    {.name = "seed_oss",
     .open = "<seed:think>",
     .close = "</seed:think>",
     .sign = "<seed:think>",
     .thought = {"<seed:think>", "</seed:think>", "\n</seed:think>\n"}},
    {.name = "kimi_k3",
     .open = "<|open|>think<|sep|>",
     .close = "<|close|>think<|sep|>",
     .sign = "open_tag('think')",
     .thought = {"<|open|>think<|sep|>", "<|close|>think<|sep|>", "<|close|>think<|sep|>"}},
    {.name = "command",
     .open = "<|START_THINKING|>",
     .close = "<|END_THINKING|>",
     .sign = "<|START_THINKING|>",
     .thought = {"<|START_THINKING|>", "<|END_THINKING|>", "<|END_THINKING|>"}},
    {.name = "think",
     .open = "<think>",
     .close = "</think>",
     .sign = "</think>",
     .thought = {"<think>", "</think>", "\n</think>\n\n"}},
}};

}  // namespace

std::span<const ReasoningFormat> ReasoningFormats() { return kFormats; }

const ReasoningFormat* FindReasoning(std::string_view name) {
  const auto found = std::ranges::find(kFormats, name, &ReasoningFormat::name);
  return found == kFormats.end() ? nullptr : &*found;
}

const ReasoningFormat* DetectReasoning(std::string_view template_source) {
  const auto found = std::ranges::find_if(kFormats, [&](const ReasoningFormat& format) {
    return template_source.find(format.sign) != std::string_view::npos;
  });
  return found == kFormats.end() ? nullptr : &*found;
}

bool PromptOpensReasoning(const ReasoningFormat& format, std::string_view prompt) {
  if (format.open.empty()) return false;
  return prompt.substr(0, prompt.find_last_not_of(" \t\r\n") + 1).ends_with(format.open);
}

}  // namespace strata::serve::tools
