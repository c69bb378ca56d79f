// Answers as OpenAI's Responses API has them: one response with a list of items, whole or as the events that build it
// up.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "serve/answer_blocks.h"
#include "serve/response_writer.h"

namespace strata::serve::responses {

struct ResponseHead {
  std::string id;  ///< "resp_" and hexadecimal digits
  std::int64_t created = 0;
  std::string model;
  nlohmann::ordered_json echo;  ///< what the response repeats of the request
};

/// Of the one choice that a request has.
class OutputWriter final : public ResponseWriter, private AnswerBlocks::Listener {
 public:
  /// `keep` gets the response when it is whole, as the client gets it.
  OutputWriter(ResponseHead head, std::function<void(std::string_view response)> keep)
      : head_(std::move(head)), keep_(std::move(keep)), blocks_(this) {}

  std::string Whole(std::span<const ChoiceDelta> choices, const Usage& usage) override;
  void Begin(std::string& out) override;
  void Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) override;
  void End(const Usage& usage, std::string& out) override;
  void Fail(const ApiError& error, const Usage& usage, std::string& out) override;

 private:
  enum class Status : std::uint8_t { kInProgress, kCompleted, kIncomplete, kFailed };

  void OnOpen(const AnswerBlock& block) override;
  void OnText(const AnswerBlock& block, std::string_view piece) override;
  void OnClose(const AnswerBlock& block) override;

  /// How the answer ended, from its last delta.
  Status EndStatus() const { return finish_reason_ == "length" ? Status::kIncomplete : Status::kCompleted; }
  static std::string_view Name(Status status);
  nlohmann::ordered_json ResponseJson(Status status) const;
  nlohmann::ordered_json ItemJson(std::size_t index, Status status) const;
  nlohmann::ordered_json OutputJson() const;
  std::string ItemId(std::size_t index) const;

  /// An event of the stream; `data` follows its type and number.
  void Write(std::string_view type, const nlohmann::ordered_json& data);
  /// An event of the last item.
  void WriteOfItem(std::string_view type, const nlohmann::ordered_json& data);

  const ResponseHead head_;
  const std::function<void(std::string_view)> keep_;
  AnswerBlocks blocks_;
  std::string_view finish_reason_;
  bool streamed_ = false;
  std::string events_;
  std::int64_t sequence_number_ = 0;
};

}  // namespace strata::serve::responses
