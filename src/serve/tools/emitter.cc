#include "serve/tools/emitter.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

namespace strata::serve::tools {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string RandomName(std::uint64_t seed, int length) {
  constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string name;
  for (int i = 0; i < length; ++i) {
    // SplitMix64 (Steele, Lea, Flood 2014).
    std::uint64_t z = seed += 0x9E3779B97F4A7C15ULL;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    name += kLetters[(z ^ (z >> 31)) % kLetters.size()];
  }
  return name;
}

}  // namespace

void AppendCalls(std::vector<ToolCallDelta>& to, std::vector<ToolCallDelta>&& from) {
  for (ToolCallDelta& call : from) {
    if (!to.empty() && to.back().index == call.index) {
      to.back().arguments += call.arguments;
    } else {
      to.push_back(std::move(call));
    }
  }
}

void OutputDelta::Append(OutputDelta&& next) {
  reasoning += next.reasoning;
  content += next.content;
  AppendCalls(calls, std::move(next.calls));
}

std::string MakeCallId(IdShape shape, std::uint64_t seed, int index, std::string_view name) {
  const std::uint64_t own = seed + static_cast<std::uint64_t>(index) * 0xD1342543DE82EF95ULL;
  switch (shape) {
    case IdShape::kOpenAi:
      return "call_" + RandomName(own, 24);
    case IdShape::kMistral:
      return RandomName(own, 9);
    case IdShape::kKimi:
      break;
  }
  return fmt::format("functions.{}:{}", name, index);
}

void Emitter::OpenReasoning() {
  Break();
  reasoning_ = true;
}

void Emitter::CloseReasoning() {
  Break();
  reasoning_ = false;
}

void Emitter::Break() {
  after_break_ = true;
  space_.clear();
}

void Emitter::Text(std::string_view text) {
  if (after_break_) text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  if (text.empty()) return;
  const std::size_t last = text.find_last_not_of(kSpace);
  if (last == std::string_view::npos) {
    space_ += text;
    return;
  }
  bool& shown = shown_[reasoning_ ? 1 : 0];
  if (std::exchange(after_break_, false) && shown) To() += "\n\n";
  shown = true;
  To() += std::exchange(space_, std::string(text.substr(last + 1)));
  To() += text.substr(0, last + 1);
}

ToolCallDelta& Emitter::Current() {
  if (out_->calls.empty() || out_->calls.back().index != calls_ - 1) {
    out_->calls.push_back({.index = calls_ - 1, .custom = custom_.has_value()});
  }
  return out_->calls.back();
}

void Emitter::BeginCall(std::string_view name, std::optional<std::string> id, bool custom) {
  CloseReasoning();
  has_arguments_ = false;
  custom_.reset();
  if (custom) custom_.emplace([this](std::string_view text) { Current().arguments += text; });
  const int index = calls_++;
  ToolCallDelta& call = Current();
  call.id = id ? std::move(*id) : MakeCallId(ids_, seed_, index, name);
  call.name = name;
}

void Emitter::Arguments(std::string_view piece) {
  if (piece.empty()) return;
  has_arguments_ = true;
  if (custom_) {
    custom_->Feed(piece);
  } else {
    Current().arguments += piece;
  }
}

void Emitter::EndCall() {
  if (!has_arguments_) Arguments("{}");
}

void Emitter::Finish() { To() += std::exchange(space_, {}); }

}  // namespace strata::serve::tools
