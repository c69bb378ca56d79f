#include "serve/answer_blocks.h"

#include <utility>

namespace strata::serve {

void AnswerBlocks::Add(ChoiceDelta&& delta) {
  // A delta does not tell in which order it says things. Arguments of a call that is open come first, since text ends
  // it, and text comes before the calls that begin, since none of theirs may follow it.
  std::size_t next = 0;
  if (!delta.calls.empty() && !delta.calls.front().name) Append(delta.calls[next++].arguments);
  AddText(AnswerBlock::Kind::kReasoning, delta.reasoning);
  AddText(AnswerBlock::Kind::kText, delta.text);
  for (; next < delta.calls.size(); ++next) {
    tools::ToolCallDelta& call = delta.calls[next];
    Open({.kind = AnswerBlock::Kind::kCall,
          .call_id = std::move(call.id).value_or(""),
          .name = std::move(call.name).value_or(""),
          .custom = call.custom});
    Append(call.arguments);
  }
}

void AnswerBlocks::Close() {
  if (open_ && listener_ != nullptr) listener_->OnClose(blocks_.back());
  open_ = false;
}

void AnswerBlocks::AddText(AnswerBlock::Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (!open_ || blocks_.back().kind != kind) Open({.kind = kind});
  Append(text);
}

void AnswerBlocks::Open(AnswerBlock block) {
  Close();
  blocks_.push_back(std::move(block));
  open_ = true;
  if (listener_ != nullptr) listener_->OnOpen(blocks_.back());
}

void AnswerBlocks::Append(std::string_view piece) {
  if (piece.empty()) return;
  blocks_.back().text += piece;
  if (listener_ != nullptr) listener_->OnText(blocks_.back(), piece);
}

}  // namespace strata::serve
