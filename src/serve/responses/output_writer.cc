#include "serve/responses/output_writer.h"

#include "base/clock.h"
#include "serve/response_json.h"
#include "serve/sse.h"

namespace strata::serve::responses {
namespace {

using Json = nlohmann::ordered_json;
using Kind = AnswerBlock::Kind;

Json TokensJson(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

/// The one part that a message or a reasoning item has.
Json PartJson(Kind kind, std::string_view text) {
  if (kind == Kind::kReasoning) return {{"type", "reasoning_text"}, {"text", text}};
  return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", Json::array()}};
}

std::string_view IdPrefix(const AnswerBlock& block) {
  switch (block.kind) {
    case Kind::kReasoning:
      return "rs_";
    case Kind::kText:
      return "msg_";
    case Kind::kCall:
      break;
  }
  return block.custom ? "ctc_" : "fc_";
}

}  // namespace

std::string_view OutputWriter::Name(Status status) {
  switch (status) {
    case Status::kInProgress:
      return "in_progress";
    case Status::kCompleted:
      return "completed";
    case Status::kIncomplete:
      return "incomplete";
    case Status::kFailed:
      break;
  }
  return "failed";
}

std::string OutputWriter::ItemId(std::size_t index) const {
  const std::string_view digits = std::string_view(head_.id).substr(head_.id.find('_') + 1);
  return fmt::format("{}{}{:04x}", IdPrefix(blocks_.blocks()[index]), digits, index);
}

Json OutputWriter::ItemJson(std::size_t index, Status status) const {
  const AnswerBlock& block = blocks_.blocks()[index];
  const bool begun = status != Status::kInProgress;
  switch (block.kind) {
    case Kind::kReasoning:
      return {{"id", ItemId(index)},
              {"type", "reasoning"},
              {"summary", Json::array()},
              {"content", begun ? Json::array({PartJson(block.kind, block.text)}) : Json::array()},
              {"status", Name(status)}};
    case Kind::kText:
      return {{"id", ItemId(index)},
              {"type", "message"},
              {"status", Name(status)},
              {"role", "assistant"},
              {"content", begun ? Json::array({PartJson(block.kind, block.text)}) : Json::array()}};
    case Kind::kCall:
      break;
  }
  return {{"id", ItemId(index)},    {"type", block.custom ? "custom_tool_call" : "function_call"},
          {"status", Name(status)}, {"call_id", block.call_id},
          {"name", block.name},     {block.custom ? "input" : "arguments", begun ? block.text : ""}};
}

/// Only the last item can be cut off.
Json OutputWriter::OutputJson() const {
  Json output = Json::array();
  for (std::size_t i = 0; i < blocks_.blocks().size(); ++i) {
    output.push_back(ItemJson(i, i + 1 == blocks_.blocks().size() ? EndStatus() : Status::kCompleted));
  }
  return output;
}

Json OutputWriter::ResponseJson(Status status) const {
  Json response = {{"id", head_.id},
                   {"object", "response"},
                   {"created_at", head_.created},
                   {"status", Name(status)},
                   {"background", false},
                   {"completed_at", nullptr},
                   {"error", nullptr},
                   {"incomplete_details", nullptr},
                   {"model", head_.model},
                   {"output", status == Status::kInProgress ? Json::array() : OutputJson()}};
  response.update(head_.echo);
  response["usage"] = nullptr;
  if (status == Status::kCompleted) response["completed_at"] = UnixSeconds();
  if (status == Status::kIncomplete) response["incomplete_details"] = {{"reason", "max_output_tokens"}};
  return response;
}

std::string OutputWriter::Whole(std::span<const ChoiceDelta> choices, const Usage& usage) {
  finish_reason_ = choices.front().finish_reason;
  blocks_.Add(ChoiceDelta(choices.front()));
  Json response = ResponseJson(EndStatus());
  response["usage"] = TokensJson(usage);
  std::string body = Dump(response);
  keep_(body);
  return body;
}

void OutputWriter::Begin(std::string& out) {
  streamed_ = true;
  Write("response.created", {{"response", ResponseJson(Status::kInProgress)}});
  Write("response.in_progress", {{"response", ResponseJson(Status::kInProgress)}});
  out += std::exchange(events_, {});
}

void OutputWriter::Delta(ChoiceDelta&& delta, const Usage& /*usage*/, std::string& out) {
  finish_reason_ = delta.finish_reason;
  blocks_.Add(std::move(delta));
  out += std::exchange(events_, {});
}

void OutputWriter::End(const Usage& usage, std::string& out) {
  blocks_.Close();
  const Status status = EndStatus();
  Json response = ResponseJson(status);
  response["usage"] = TokensJson(usage);
  keep_(Dump(response));
  Write(fmt::format("response.{}", Name(status)), {{"response", std::move(response)}});
  out += std::exchange(events_, {});
}

void OutputWriter::Fail(const ApiError& error, const Usage& /*usage*/, std::string& out) {
  Json response = ResponseJson(Status::kFailed);
  response["error"] = {{"code", error.status == 429 ? "rate_limit_exceeded" : "server_error"},
                       {"message", error.message}};
  Write("response.failed", {{"response", std::move(response)}});
  out += std::exchange(events_, {});
}

void OutputWriter::Write(std::string_view type, const Json& data) {
  if (!streamed_) return;
  Json event = {{"type", type}, {"sequence_number", sequence_number_++}};
  event.update(data);
  events_ += SseEvent(type, Dump(event));
}

void OutputWriter::WriteOfItem(std::string_view type, const Json& data) {
  const std::size_t index = blocks_.blocks().size() - 1;
  Json event = {{"item_id", ItemId(index)}, {"output_index", index}};
  if (blocks_.blocks()[index].kind != Kind::kCall) event["content_index"] = 0;
  event.update(data);
  Write(type, event);
}

void OutputWriter::OnOpen(const AnswerBlock& block) {
  if (!streamed_) return;
  const std::size_t index = blocks_.blocks().size() - 1;
  Write("response.output_item.added", {{"output_index", index}, {"item", ItemJson(index, Status::kInProgress)}});
  if (block.kind != Kind::kCall) {
    WriteOfItem("response.content_part.added", {{"part", PartJson(block.kind, "")}});
  }
}

void OutputWriter::OnText(const AnswerBlock& block, std::string_view piece) {
  if (!streamed_) return;
  switch (block.kind) {
    case Kind::kReasoning:
      return WriteOfItem("response.reasoning_text.delta", {{"delta", piece}});
    case Kind::kText:
      return WriteOfItem("response.output_text.delta", {{"delta", piece}, {"logprobs", Json::array()}});
    case Kind::kCall:
      return WriteOfItem(
          block.custom ? "response.custom_tool_call_input.delta" : "response.function_call_arguments.delta",
          {{"delta", piece}});
  }
}

void OutputWriter::OnClose(const AnswerBlock& block) {
  if (!streamed_) return;
  switch (block.kind) {
    case Kind::kReasoning:
      WriteOfItem("response.reasoning_text.done", {{"text", block.text}});
      break;
    case Kind::kText:
      WriteOfItem("response.output_text.done", {{"text", block.text}, {"logprobs", Json::array()}});
      break;
    case Kind::kCall:
      if (block.custom) {
        WriteOfItem("response.custom_tool_call_input.done", {{"input", block.text}});
      } else {
        WriteOfItem("response.function_call_arguments.done", {{"name", block.name}, {"arguments", block.text}});
      }
      break;
  }
  if (block.kind != Kind::kCall) {
    WriteOfItem("response.content_part.done", {{"part", PartJson(block.kind, block.text)}});
  }
  const std::size_t index = blocks_.blocks().size() - 1;
  Write("response.output_item.done", {{"output_index", index}, {"item", ItemJson(index, EndStatus())}});
}

}  // namespace strata::serve::responses
