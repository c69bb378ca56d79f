// Answers as Anthropic's Messages API has them: one message of blocks, whole or as the events that build it up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "serve/answer_blocks.h"
#include "serve/response_writer.h"

namespace strata::serve::anthropic {

struct MessageHeader {
  std::string id;
  std::string model;
  std::int64_t max_tokens = 0;  ///< as asked for; an answer that ends earlier has filled the context
  bool omit_thinking = false;   ///< thinking blocks come without their text
};

/// Of the one choice that a request has.
class MessagesWriter final : public ResponseWriter, private AnswerBlocks::Listener {
 public:
  explicit MessagesWriter(MessageHeader header) : header_(std::move(header)), blocks_(this) {}

  void Answer(std::vector<ChoiceDelta>&& choices) override { answer_ = std::move(choices.front()); }
  std::string Whole(const Usage& usage) override;
  void Begin(std::string& out) override;
  void Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) override;
  void End(const Usage& usage, std::string& out) override;
  void Fail(const ApiError& error, const Usage& usage, std::string& out) override;

 private:
  void OnOpen(const AnswerBlock& block) override;
  void OnText(const AnswerBlock& block, std::string_view piece) override;
  void OnClose(const AnswerBlock& block) override;

  nlohmann::ordered_json MessageJson(nlohmann::ordered_json content, const Usage& usage) const;
  void WriteBlockEvent(std::string_view type, const char* member, nlohmann::ordered_json value);
  std::size_t index() const { return blocks_.blocks().size() - 1; }

  const MessageHeader header_;
  AnswerBlocks blocks_;
  ChoiceDelta answer_;  ///< of a response that is not streamed
  std::string events_;
  bool begun_ = false;
  std::string_view finish_reason_;
  StopReason stop_reason_;
};

}  // namespace strata::serve::anthropic
