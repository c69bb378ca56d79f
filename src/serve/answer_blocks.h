// An answer as a list of blocks that follow each other, for the protocols that have it so: reasoning, text and calls,
// each of them complete before the next one begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "serve/choice.h"

namespace strata::serve {

struct AnswerBlock {
  enum class Kind : std::uint8_t { kReasoning, kText, kCall };
  Kind kind = Kind::kText;
  std::string text = {};  ///< of a call: its arguments' JSON, or the text that a custom tool takes
  std::string call_id = {}, name = {};
  bool custom = false;
};

class AnswerBlocks {
 public:
  /// What a stream has to tell of a block, whose index is blocks().size() - 1.
  class Listener {
   public:
    virtual ~Listener() = default;
    virtual void OnOpen(const AnswerBlock& block) = 0;
    /// `piece` is part of block.text already.
    virtual void OnText(const AnswerBlock& block, std::string_view piece) = 0;
    virtual void OnClose(const AnswerBlock& block) = 0;
  };

  /// Null: nobody listens. The listener must outlive the object.
  explicit AnswerBlocks(Listener* listener = nullptr) : listener_(listener) {}

  void Add(ChoiceDelta&& delta);
  /// The answer has ended.
  void Close();

  const std::vector<AnswerBlock>& blocks() const { return blocks_; }

 private:
  void AddText(AnswerBlock::Kind kind, std::string_view text);
  void Open(AnswerBlock block);
  void Append(std::string_view piece);

  Listener* listener_;
  std::vector<AnswerBlock> blocks_;
  bool open_ = false;
};

}  // namespace strata::serve
