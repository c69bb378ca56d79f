// Answers as OpenAI's Responses API has them: one response with a list of items, whole or as the events that build it
// up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "serve/answer_blocks.h"
#include "serve/response_writer.h"
#include "serve/responses/output_item.h"

namespace strata::serve::responses {

struct ResponseHead {
  std::string id;  ///< "resp_" and hexadecimal digits
  std::int64_t created = 0;
  std::string model;
  nlohmann::ordered_json echo;  ///< what the response repeats of the request
};

/// A tool of an MCP server, as calls of it are shown.
struct HostedTool {
  std::string server_label;
  std::string name;  ///< as its server calls it
  bool needs_approval = false;
};

/// Of the one choice that a request has. What MCP adds to the model's answers comes from McpRounds.
class OutputWriter final : public ResponseWriter, private AnswerBlocks::Listener {
 public:
  /// `keep` gets the response when it is whole, as the client gets it.
  OutputWriter(ResponseHead head, std::function<void(std::string_view response)> keep)
      : head_(std::move(head)), keep_(std::move(keep)), blocks_(this) {}

  void Answer(std::vector<ChoiceDelta>&& choices) override;
  std::string Whole(const Usage& usage) override;
  void Begin(std::string& out) override;
  void Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) override;
  void End(const Usage& usage, std::string& out) override;
  void Fail(const ApiError& error, const Usage& usage, std::string& out) override;

  /// What the output has so far.
  const std::vector<OutputItem>& items() const { return items_; }
  /// The answer was cut off by max_output_tokens.
  bool cut_off() const { return finish_reason_ == "length"; }

  /// Calls of functions of these names are calls of MCP tools.
  void SetHostedTools(std::unordered_map<std::string, HostedTool> tools) { hosted_ = std::move(tools); }
  /// An item that begins outside of the model's answer: mcp_list_tools, or an mcp_call that was approved, whose
  /// arguments are there. Returns its place.
  std::size_t BeginItem(OutputItem item);
  void EndListTools(std::size_t index, nlohmann::ordered_json tools, nlohmann::ordered_json error);
  void EndMcpCall(std::size_t index, nlohmann::ordered_json output, nlohmann::ordered_json error);
  /// The response ends here although the model would go on: max_output_tokens is used up.
  void EndAtLimit() { finish_reason_ = "length"; }
  /// The events of what these have done.
  void TakeEvents(std::string& out) { out += std::exchange(events_, {}); }

 private:
  void OnOpen(const AnswerBlock& block) override;
  void OnText(const AnswerBlock& block, std::string_view piece) override;
  void OnClose(const AnswerBlock& block) override;

  void Add(ChoiceDelta&& delta);
  OutputItem ItemOf(const AnswerBlock& block) const;
  /// How the answer ended, from its last delta.
  ItemStatus EndStatus() const { return cut_off() ? ItemStatus::kIncomplete : ItemStatus::kCompleted; }
  nlohmann::ordered_json ResponseJson(ItemStatus status) const;
  std::string Finished(const Usage& usage, nlohmann::ordered_json& response);

  /// An event of the stream; `data` follows its type and number.
  void Write(std::string_view type, const nlohmann::ordered_json& data);
  /// An event of an item.
  void WriteOfItem(std::string_view type, std::size_t index, const nlohmann::ordered_json& data = {});
  void WriteAdded(std::size_t index);
  void WriteDone(std::size_t index);
  std::size_t last() const { return items_.size() - 1; }

  const ResponseHead head_;
  const std::function<void(std::string_view)> keep_;
  std::unordered_map<std::string, HostedTool> hosted_;
  AnswerBlocks blocks_;
  std::vector<OutputItem> items_;
  std::string_view finish_reason_;
  bool ends_ = false;  ///< the block that closes is the answer's last
  bool streamed_ = false;
  std::string events_;
  std::int64_t sequence_number_ = 0;
};

}  // namespace strata::serve::responses
