#include "serve/anthropic/messages_writer.h"

#include <utility>
#include <vector>

#include "serve/anthropic/error.h"
#include "serve/response_json.h"
#include "serve/sse.h"

namespace strata::serve::anthropic {
namespace {

using Json = nlohmann::ordered_json;
using Kind = AnswerBlock::Kind;

// Clients give thinking back only with a signature. Nothing here needs to be protected by one.
constexpr std::string_view kSignature = "unsigned";

std::string Event(std::string_view type, const Json& data) {
  Json event = {{"type", type}};
  event.update(data);
  return SseEvent(type, Dump(event));
}

/// Anthropic counts what came from the cache apart.
Json TokensJson(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens - usage.cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", usage.cached_tokens},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"thinking_tokens", usage.reasoning_tokens}}}};
}

struct Stop {
  std::string_view reason;
  Json sequence;
};

Stop StopOf(std::string_view finish_reason, const StopReason& stop_reason, const Usage& usage,
            const MessageHeader& header) {
  if (finish_reason == "tool_calls") return {.reason = "tool_use", .sequence = {}};
  if (finish_reason == "length") {
    const bool as_asked = usage.completion_tokens >= header.max_tokens;
    return {.reason = as_asked ? "max_tokens" : "model_context_window_exceeded", .sequence = {}};
  }
  if (const auto* text = std::get_if<std::string>(&stop_reason)) return {.reason = "stop_sequence", .sequence = *text};
  return {.reason = "end_turn", .sequence = {}};
}

/// Arguments that max_tokens has cut off are no JSON: a whole message can say nothing of them.
Json InputJson(const std::string& arguments) {
  Json input = Json::parse(arguments, nullptr, /*allow_exceptions=*/false);
  return input.is_discarded() ? Json::object() : input;
}

/// The block, or the way it begins in a stream.
Json BlockJson(const AnswerBlock& block, const MessageHeader& header, bool whole) {
  switch (block.kind) {
    case Kind::kReasoning:
      return {{"type", "thinking"},
              {"thinking", whole && !header.omit_thinking ? block.text : ""},
              {"signature", whole ? kSignature : ""}};
    case Kind::kText:
      return {{"type", "text"}, {"text", whole ? block.text : ""}};
    case Kind::kCall:
      break;
  }
  return {{"type", "tool_use"},
          {"id", block.call_id},
          {"name", block.name},
          {"input", whole ? InputJson(block.text) : Json::object()}};
}

}  // namespace

Json MessagesWriter::MessageJson(Json content, const Usage& usage) const {
  Json use = TokensJson(usage);
  use["service_tier"] = "standard";
  return {{"id", header_.id},
          {"type", "message"},
          {"role", "assistant"},
          {"model", header_.model},
          {"content", std::move(content)},
          {"stop_reason", nullptr},
          {"stop_sequence", nullptr},
          {"usage", std::move(use)}};
}

std::string MessagesWriter::Whole(const Usage& usage) {
  AnswerBlocks blocks;
  blocks.Add(ChoiceDelta(answer_));
  Json content = Json::array();
  for (const AnswerBlock& block : blocks.blocks()) content.push_back(BlockJson(block, header_, true));
  Json message = MessageJson(std::move(content), usage);
  Stop stop = StopOf(answer_.finish_reason, answer_.stop_reason, usage, header_);
  message["stop_reason"] = stop.reason;
  message["stop_sequence"] = std::move(stop.sequence);
  return Dump(message);
}

void MessagesWriter::Begin(std::string& /*out*/) {
  // message_start has the prompt's figures, of which the cache's are known with the first delta.
}

void MessagesWriter::Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) {
  if (!std::exchange(begun_, true)) {
    events_ += Event("message_start", {{"message", MessageJson(Json::array(), usage)}});
    events_ += Event("ping", Json::object());
  }
  finish_reason_ = delta.finish_reason;
  stop_reason_ = std::move(delta.stop_reason);
  blocks_.Add(std::move(delta));
  out += std::exchange(events_, {});
}

void MessagesWriter::End(const Usage& usage, std::string& out) {
  blocks_.Close();
  Stop stop = StopOf(finish_reason_, stop_reason_, usage, header_);
  events_ +=
      Event("message_delta", {{"delta", {{"stop_reason", stop.reason}, {"stop_sequence", std::move(stop.sequence)}}},
                              {"usage", TokensJson(usage)}});
  events_ += Event("message_stop", Json::object());
  out += std::exchange(events_, {});
}

void MessagesWriter::Fail(const ApiError& error, const Usage& /*usage*/, std::string& out) {
  out += SseEvent("error", anthropic::ErrorJson(error));
}

void MessagesWriter::WriteBlockEvent(std::string_view type, const char* member, Json value) {
  Json data = {{"index", index()}};
  if (member != nullptr) data[member] = std::move(value);
  events_ += Event(type, data);
}

void MessagesWriter::OnOpen(const AnswerBlock& block) {
  WriteBlockEvent("content_block_start", "content_block", BlockJson(block, header_, false));
}

void MessagesWriter::OnText(const AnswerBlock& block, std::string_view piece) {
  switch (block.kind) {
    case Kind::kReasoning:
      if (header_.omit_thinking) return;
      return WriteBlockEvent("content_block_delta", "delta", {{"type", "thinking_delta"}, {"thinking", piece}});
    case Kind::kText:
      return WriteBlockEvent("content_block_delta", "delta", {{"type", "text_delta"}, {"text", piece}});
    case Kind::kCall:
      return WriteBlockEvent("content_block_delta", "delta", {{"type", "input_json_delta"}, {"partial_json", piece}});
  }
}

void MessagesWriter::OnClose(const AnswerBlock& block) {
  if (block.kind == Kind::kReasoning) {
    WriteBlockEvent("content_block_delta", "delta", {{"type", "signature_delta"}, {"signature", kSignature}});
  }
  WriteBlockEvent("content_block_stop", nullptr, {});
}

}  // namespace strata::serve::anthropic
