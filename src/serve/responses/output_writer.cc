#include "serve/responses/output_writer.h"

#include "base/clock.h"
#include "serve/response_json.h"
#include "serve/sse.h"

namespace strata::serve::responses {
namespace {

using Json = nlohmann::ordered_json;
using Kind = OutputItem::Kind;

Json TokensJson(const Usage& usage) {
  return {{"input_tokens", usage.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", usage.cached_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens", usage.completion_tokens},
          {"output_tokens_details", {{"reasoning_tokens", usage.reasoning_tokens}}},
          {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

/// One of those that OpenAI has for responses.
std::string_view CodeOf(const ApiError& error) {
  if (error.status == 429) return "rate_limit_exceeded";
  return error.status == 400 ? "invalid_prompt" : "server_error";
}

bool HasContent(Kind kind) { return kind == Kind::kReasoning || kind == Kind::kMessage; }

}  // namespace

Json OutputWriter::ResponseJson(ItemStatus status) const {
  Json output = Json::array();
  if (status != ItemStatus::kInProgress) {
    for (const OutputItem& item : items_) output.push_back(ItemJson(item));
  }
  Json response = {{"id", head_.id},
                   {"object", "response"},
                   {"created_at", head_.created},
                   {"status", Name(status)},
                   {"background", false},
                   {"completed_at", nullptr},
                   {"error", nullptr},
                   {"incomplete_details", nullptr},
                   {"model", head_.model},
                   {"output", std::move(output)}};
  response.update(head_.echo);
  response["usage"] = nullptr;
  if (status == ItemStatus::kCompleted) response["completed_at"] = UnixSeconds();
  if (status == ItemStatus::kIncomplete) response["incomplete_details"] = {{"reason", "max_output_tokens"}};
  return response;
}

std::string OutputWriter::Finished(const Usage& usage, Json& response) {
  response = ResponseJson(EndStatus());
  response["usage"] = TokensJson(usage);
  std::string body = Dump(response);
  keep_(body);
  return body;
}

void OutputWriter::Add(ChoiceDelta&& delta) {
  finish_reason_ = delta.finish_reason;
  blocks_.Add(std::move(delta));
  if (finish_reason_.empty()) return;
  ends_ = true;
  blocks_.Close();
  ends_ = false;
}

void OutputWriter::Answer(std::vector<ChoiceDelta>&& choices) { Add(std::move(choices.front())); }

std::string OutputWriter::Whole(const Usage& usage) {
  Json response;
  return Finished(usage, response);
}

void OutputWriter::Begin(std::string& out) {
  streamed_ = true;
  Write("response.created", {{"response", ResponseJson(ItemStatus::kInProgress)}});
  Write("response.in_progress", {{"response", ResponseJson(ItemStatus::kInProgress)}});
  TakeEvents(out);
}

void OutputWriter::Delta(ChoiceDelta&& delta, const Usage& /*usage*/, std::string& out) {
  Add(std::move(delta));
  TakeEvents(out);
}

void OutputWriter::End(const Usage& usage, std::string& out) {
  Json response;
  Finished(usage, response);
  Write(fmt::format("response.{}", Name(EndStatus())), {{"response", std::move(response)}});
  TakeEvents(out);
}

void OutputWriter::Fail(const ApiError& error, const Usage& /*usage*/, std::string& out) {
  Json response = ResponseJson(ItemStatus::kFailed);
  response["error"] = {{"code", CodeOf(error)}, {"message", error.message}};
  Write("response.failed", {{"response", std::move(response)}});
  TakeEvents(out);
}

void OutputWriter::Write(std::string_view type, const Json& data) {
  if (!streamed_) return;
  Json event = {{"type", type}, {"sequence_number", sequence_number_++}};
  event.update(data);
  events_ += SseEvent(type, Dump(event));
}

void OutputWriter::WriteOfItem(std::string_view type, std::size_t index, const Json& data) {
  if (!streamed_) return;
  Json event = {{"item_id", items_[index].id}, {"output_index", index}};
  if (HasContent(items_[index].kind)) event["content_index"] = 0;
  if (!data.is_null()) event.update(data);
  Write(type, event);
}

void OutputWriter::WriteAdded(std::size_t index) {
  if (streamed_) Write("response.output_item.added", {{"output_index", index}, {"item", ItemJson(items_[index])}});
}

void OutputWriter::WriteDone(std::size_t index) {
  if (streamed_) Write("response.output_item.done", {{"output_index", index}, {"item", ItemJson(items_[index])}});
}

OutputItem OutputWriter::ItemOf(const AnswerBlock& block) const {
  if (block.kind == AnswerBlock::Kind::kReasoning) return {.kind = Kind::kReasoning};
  if (block.kind == AnswerBlock::Kind::kText) return {.kind = Kind::kMessage};
  const auto hosted = hosted_.find(block.name);
  if (hosted == hosted_.end()) {
    return {
        .kind = block.custom ? Kind::kCustomCall : Kind::kFunctionCall, .call_id = block.call_id, .name = block.name};
  }
  return {.kind = hosted->second.needs_approval ? Kind::kMcpApprovalRequest : Kind::kMcpCall,
          .call_id = block.call_id,
          .name = hosted->second.name,
          .server_label = hosted->second.server_label};
}

void OutputWriter::OnOpen(const AnswerBlock& block) {
  OutputItem item = ItemOf(block);
  item.id = ItemId(item.kind, head_.id, items_.size(), item.call_id);
  items_.push_back(std::move(item));
  const Kind kind = items_.back().kind;
  if (kind == Kind::kMcpApprovalRequest) return;  // it is shown when it is whole
  WriteAdded(last());
  if (HasContent(kind)) WriteOfItem("response.content_part.added", last(), {{"part", PartJson(kind, "")}});
  if (kind == Kind::kMcpCall) WriteOfItem("response.mcp_call.in_progress", last());
}

void OutputWriter::OnText(const AnswerBlock& /*block*/, std::string_view piece) {
  OutputItem& item = items_.back();
  // What an item shows of its text while it is in progress is told by the deltas.
  item.text += piece;
  switch (item.kind) {
    case Kind::kReasoning:
      return WriteOfItem("response.reasoning_text.delta", last(), {{"delta", piece}});
    case Kind::kMessage:
      return WriteOfItem("response.output_text.delta", last(), {{"delta", piece}, {"logprobs", Json::array()}});
    case Kind::kFunctionCall:
      return WriteOfItem("response.function_call_arguments.delta", last(), {{"delta", piece}});
    case Kind::kCustomCall:
      return WriteOfItem("response.custom_tool_call_input.delta", last(), {{"delta", piece}});
    case Kind::kMcpCall:
      return WriteOfItem("response.mcp_call_arguments.delta", last(), {{"delta", piece}});
    case Kind::kMcpListTools:
    case Kind::kMcpApprovalRequest:
      break;
  }
}

void OutputWriter::OnClose(const AnswerBlock& /*block*/) {
  OutputItem& item = items_.back();
  const ItemStatus status = ends_ ? EndStatus() : ItemStatus::kCompleted;
  const bool complete = status == ItemStatus::kCompleted;
  switch (item.kind) {
    case Kind::kReasoning:
      WriteOfItem("response.reasoning_text.done", last(), {{"text", item.text}});
      break;
    case Kind::kMessage:
      WriteOfItem("response.output_text.done", last(), {{"text", item.text}, {"logprobs", Json::array()}});
      break;
    case Kind::kFunctionCall:
      WriteOfItem("response.function_call_arguments.done", last(), {{"name", item.name}, {"arguments", item.text}});
      break;
    case Kind::kCustomCall:
      WriteOfItem("response.custom_tool_call_input.done", last(), {{"input", item.text}});
      break;
    case Kind::kMcpCall:
      WriteOfItem("response.mcp_call_arguments.done", last(), {{"arguments", item.text}});
      if (complete) return;  // the tool is to run
      break;
    case Kind::kMcpApprovalRequest:
      if (!complete) {  // there is nothing to approve
        items_.pop_back();
        return;
      }
      WriteAdded(last());
      break;
    case Kind::kMcpListTools:
      break;
  }
  if (HasContent(item.kind)) {
    WriteOfItem("response.content_part.done", last(), {{"part", PartJson(item.kind, item.text)}});
  }
  item.status = status;
  WriteDone(last());
}

std::size_t OutputWriter::BeginItem(OutputItem item) {
  item.id = ItemId(item.kind, head_.id, items_.size(), item.call_id);
  items_.push_back(std::move(item));
  WriteAdded(last());
  if (items_.back().kind == Kind::kMcpListTools) {
    WriteOfItem("response.mcp_list_tools.in_progress", last());
  } else {
    WriteOfItem("response.mcp_call.in_progress", last());
    WriteOfItem("response.mcp_call_arguments.done", last(), {{"arguments", items_.back().text}});
  }
  return last();
}

void OutputWriter::EndListTools(std::size_t index, Json tools, Json error) {
  OutputItem& item = items_[index];
  item.status = error.is_null() ? ItemStatus::kCompleted : ItemStatus::kFailed;
  item.tools = std::move(tools);
  item.error = std::move(error);
  WriteOfItem(fmt::format("response.mcp_list_tools.{}", Name(item.status)), index);
  WriteDone(index);
}

void OutputWriter::EndMcpCall(std::size_t index, Json output, Json error) {
  OutputItem& item = items_[index];
  item.status = error.is_null() ? ItemStatus::kCompleted : ItemStatus::kFailed;
  item.output = std::move(output);
  item.error = std::move(error);
  WriteOfItem(fmt::format("response.mcp_call.{}", Name(item.status)), index);
  WriteDone(index);
}

}  // namespace strata::serve::responses
