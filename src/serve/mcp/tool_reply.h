// What a client hears of a tool call: its result, whole or at the end of a stream of progress.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "serve/mcp/json_rpc.h"
#include "serve/mcp/protocol.h"
#include "serve/response_writer.h"

namespace strata::serve::mcp {

/// A result as its era has it: modern ones say that they are complete, and who answers.
Json CompleteResult(Era era, Json result);

/// Of one call.
struct ToolReply {
  Json id;
  Era era = Era::kLegacy;
  Json progress_token;  ///< null: the client wants to hear of no progress

  Json Success(std::string text, Json structured) const;
  /// For the model that called: the error of a tool is a result.
  Json Failure(const ApiError& error) const;
  Json Progress(std::int64_t progress, std::optional<std::int64_t> total) const;
};

/// Answers of the tool `chat`: the text, and in structuredContent also what ended it, usage, thoughts, and the value
/// that a json_schema asks for.
class ChatToolWriter final : public ResponseWriter {
 public:
  /// `json`: the answer's text is JSON.
  ChatToolWriter(ToolReply reply, std::optional<std::int64_t> max_tokens, bool json)
      : reply_(std::move(reply)), max_tokens_(max_tokens), json_(json) {}

  void Answer(std::vector<ChoiceDelta>&& choices) override { answer_ = std::move(choices.front()); }
  std::string Whole(const Usage& usage) override;
  void Begin(std::string& /*out*/) override {}
  void Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) override;
  void End(const Usage& usage, std::string& out) override;
  void Fail(const ApiError& error, const Usage& usage, std::string& out) override;

 private:
  Json Result(const Usage& usage) const;

  const ToolReply reply_;
  const std::optional<std::int64_t> max_tokens_;
  const bool json_;
  ChoiceDelta answer_;
  std::int64_t told_ = 0;    ///< tokens
  double told_seconds_ = 0;  ///< monotonic
};

}  // namespace strata::serve::mcp
