#include "serve/completions_call.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "serve/sse.h"

namespace strata::serve {
namespace {

/// What the two have in common: a stream whose chunks may tell usage, and whose end is "[DONE]".
class CompletionsWriter : public ResponseWriter {
 public:
  CompletionsWriter(ResponseHeader header, const GenerateRequest& request)
      : header_(std::move(header)),
        include_usage_(request.include_usage),
        continuous_usage_(request.continuous_usage),
        choices_(static_cast<std::size_t>(request.n) * std::max<std::size_t>(request.prompts.size(), 1)) {}

  void Answer(std::vector<ChoiceDelta>&& choices) override { answer_ = std::move(choices); }

  void Begin(std::string& /*out*/) override {}

  void Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) override {
    UsageField field{.present = include_usage_};
    if (continuous_usage_) field.value = usage;
    Write(std::move(delta), field, out);
  }

  void End(const Usage& usage, std::string& out) override {
    if (include_usage_) out += SseEvent(UsageChunk(usage));
    out += kSseDone;
  }

  void Fail(const ApiError& error, const Usage& /*usage*/, std::string& out) override {
    out += SseEvent(ErrorJson(error));
    out += kSseDone;
  }

 protected:
  struct Choice {
    bool begun = false;            ///< its first chunk is written
    std::int64_t text_offset = 0;  ///< of its next chunk's log-probabilities
  };

  virtual void Write(ChoiceDelta&& delta, const UsageField& usage, std::string& out) = 0;
  virtual std::string UsageChunk(const Usage& usage) const = 0;

  const ResponseHeader& header() const { return header_; }
  std::span<const ChoiceDelta> answer() const { return answer_; }
  Choice& ChoiceOf(const ChoiceDelta& delta) { return choices_[static_cast<std::size_t>(delta.index)]; }

  bool SaysSomething(const ChoiceDelta& delta) const {
    return !delta.text.empty() || !delta.reasoning.empty() || !delta.logged.empty() ||
           (header_.return_token_ids && !delta.tokens.empty());
  }

 private:
  const ResponseHeader header_;
  const bool include_usage_, continuous_usage_;
  std::vector<Choice> choices_;
  std::vector<ChoiceDelta> answer_;
};

class ChatWriter final : public CompletionsWriter {
 public:
  using CompletionsWriter::CompletionsWriter;

  std::string Whole(const Usage& usage) override { return ChatResponse(header(), answer(), usage); }

 private:
  void Write(ChoiceDelta&& delta, const UsageField& usage, std::string& out) override {
    if (!std::exchange(ChoiceOf(delta).begun, true)) out += SseEvent(ChatRoleChunk(header(), delta.index, usage));
    const bool says_something = SaysSomething(delta);
    // A chat's end is a chunk of its own with an empty delta, as OpenAI sends it.
    const ChoiceDelta end{.index = delta.index,
                          .finish_reason = std::exchange(delta.finish_reason, ""),
                          .stop_reason = std::exchange(delta.stop_reason, {})};
    const std::vector<ChoiceDelta> deltas = SplitCalls(std::move(delta));
    if (says_something) out += SseEvent(ChatChunk(header(), deltas.front(), usage));
    for (const ChoiceDelta& call : std::span(deltas).subspan(1)) out += SseEvent(ChatChunk(header(), call, usage));
    if (!end.finish_reason.empty()) out += SseEvent(ChatChunk(header(), end, usage));
  }
  std::string UsageChunk(const Usage& usage) const override { return ChatUsageChunk(header(), usage); }
};

class CompletionWriter final : public CompletionsWriter {
 public:
  using CompletionsWriter::CompletionsWriter;

  std::string Whole(const Usage& usage) override { return CompletionResponse(header(), answer(), usage); }

 private:
  void Write(ChoiceDelta&& delta, const UsageField& usage, std::string& out) override {
    if (!SaysSomething(delta) && delta.finish_reason.empty()) return;
    out += SseEvent(CompletionChunk(header(), delta, ChoiceOf(delta).text_offset, usage));
  }
  std::string UsageChunk(const Usage& usage) const override { return CompletionUsageChunk(header(), usage); }
};

ResponseHeader MakeHeader(const CallContext& context, const GenerateRequest& request) {
  const std::string_view prefix = request.chat ? "chatcmpl-" : "cmpl-";
  return {.id = request.request_id.empty() ? MakeId(prefix) : std::string(prefix) + request.request_id,
          .created = UnixSeconds(),
          .model = request.model.empty() ? context.state.options.model_name : request.model,
          .fingerprint = context.model.fingerprint,
          .tokenizer = &context.model.tokenizer(),
          .tokens_as_ids = request.tokens_as_ids,
          .return_token_ids = request.return_token_ids,
          .logprobs = request.logprobs.has_value(),
          .prompt_logprobs = request.prompt_logprobs.has_value()};
}

template <class Writer>
CallOrError MakeCall(const CallContext& context, Result<GenerateRequest> request) {
  if (!request) return std::unexpected(ToApiError(request.error()));
  ResponseHeader header = MakeHeader(context, *request);
  std::string id = header.id;
  auto writer = std::make_unique<Writer>(std::move(header), *request);
  return GenerateCall{.request = std::move(*request), .id = std::move(id), .writer = std::move(writer)};
}

}  // namespace

CallOrError MakeChatCall(const CallContext& context, std::string_view body) {
  return MakeCall<ChatWriter>(context, ParseChatRequest(body, context.model.served->file->generation_defaults(),
                                                        context.state.options.registered_tools));
}

CallOrError MakeCompletionCall(const CallContext& context, std::string_view body) {
  return MakeCall<CompletionWriter>(context,
                                    ParseCompletionRequest(body, context.model.served->file->generation_defaults()));
}

}  // namespace strata::serve
