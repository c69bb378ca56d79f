#include "serve/mcp/tool_reply.h"

#include <utility>

#include "base/clock.h"
#include "serve/response_json.h"
#include "serve/sse.h"

namespace strata::serve::mcp {
namespace {

// Fast enough for people to see it move; MCP asks senders not to flood.
constexpr double kProgressSeconds = 0.1;

}  // namespace

Json CompleteResult(Era era, Json result) {
  if (era == Era::kLegacy) return result;
  Json complete = {{"resultType", "complete"}};
  complete.update(result);
  complete["_meta"] = {{spec::kMetaServerInfo, {{"name", "strata"}, {"version", STRATA_VERSION}}}};
  return complete;
}

Json ToolReply::Success(std::string text, Json structured) const {
  return ResultJson(id, CompleteResult(era, {{"content", Json::array({{{"type", "text"}, {"text", std::move(text)}}})},
                                             {"structuredContent", std::move(structured)},
                                             {"isError", false}}));
}

Json ToolReply::Failure(const ApiError& error) const {
  return ResultJson(id, CompleteResult(era, {{"content", Json::array({{{"type", "text"}, {"text", error.message}}})},
                                             {"isError", true}}));
}

Json ToolReply::Progress(std::int64_t progress, std::optional<std::int64_t> total) const {
  Json params = {{"progressToken", progress_token}, {"progress", progress}};
  if (total) params["total"] = *total;
  return {{"jsonrpc", "2.0"}, {"method", "notifications/progress"}, {"params", std::move(params)}};
}

Json ChatToolWriter::Result(const Usage& usage) const {
  Json structured = {{"text", answer_.text}, {"finish_reason", answer_.finish_reason}, {"usage", UsageJson(usage)}};
  if (!answer_.reasoning.empty()) structured["reasoning"] = answer_.reasoning;
  if (json_) {
    // Cut off by max_tokens, it is no JSON yet; finish_reason says so.
    if (Json value = Json::parse(answer_.text, nullptr, false); !value.is_discarded())
      structured["json"] = std::move(value);
  }
  return reply_.Success(answer_.text, std::move(structured));
}

std::string ChatToolWriter::Whole(const Usage& usage) { return Dump(Result(usage)); }

void ChatToolWriter::Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) {
  answer_.Append(std::move(delta));
  const double now = MonotonicSeconds();
  if (reply_.progress_token.is_null() || usage.completion_tokens <= told_ || now - told_seconds_ < kProgressSeconds) {
    return;
  }
  told_ = usage.completion_tokens;
  told_seconds_ = now;
  out += SseEvent(Dump(reply_.Progress(told_, max_tokens_)));
}

void ChatToolWriter::End(const Usage& usage, std::string& out) { out += SseEvent(Dump(Result(usage))); }

void ChatToolWriter::Fail(const ApiError& error, const Usage& /*usage*/, std::string& out) {
  out += SseEvent(Dump(reply_.Failure(error)));
}

}  // namespace strata::serve::mcp
