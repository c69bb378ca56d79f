// Where a parser writes what it found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "serve/tools/custom_input.h"
#include "serve/tools/output.h"

namespace strata::serve::tools {

/// How the ids of calls look, where the wire format does not write them itself.
enum class IdShape : std::uint8_t {
  kOpenAi,   ///< "call_" and 24 letters or digits
  kMistral,  ///< 9 letters or digits: its template refuses others
  kKimi,     ///< "functions.NAME:INDEX"
};

/// The id of call `index` of an answer; `seed` makes the answer's own.
std::string MakeCallId(IdShape shape, std::uint64_t seed, int index, std::string_view name);

/// Turns what a parser says into deltas. White space around reasoning and calls belongs to the format and is left out:
/// what they part in the text is parted by an empty line. White space anywhere else stays.
class Emitter {
 public:
  Emitter(IdShape ids, std::uint64_t seed) : ids_(ids), seed_(seed) {}

  /// Where the next words go.
  void Bind(OutputDelta& out) { out_ = &out; }

  void OpenReasoning();
  void CloseReasoning();
  bool in_reasoning() const { return reasoning_; }
  /// Nothing has been said since reasoning, content or a call ended.
  bool after_break() const { return after_break_; }

  /// Text of the mode it stands in.
  void Text(std::string_view text);
  /// What follows, if anything does, is parted from what was.
  void Break();

  /// A call ends reasoning. An `id` that the model wrote is used. `custom`: what comes as its arguments is JSON here
  /// too, and the text in it there.
  void BeginCall(std::string_view name, std::optional<std::string> id = {}, bool custom = false);
  void Arguments(std::string_view piece);
  /// Without arguments they are {}.
  void EndCall();
  int calls() const { return calls_; }

  /// The text has ended: white space that was held back is part of it.
  void Finish();

 private:
  ToolCallDelta& Current();
  std::string& To() { return reasoning_ ? out_->reasoning : out_->content; }

  const IdShape ids_;
  const std::uint64_t seed_;
  OutputDelta* out_ = nullptr;
  bool reasoning_ = false;
  bool after_break_ = false;
  bool shown_[2] = {};  ///< content, reasoning: whether there is some
  std::string space_;   ///< white space that is shown if text follows
  int calls_ = 0;
  bool has_arguments_ = false;
  std::optional<CustomInput> custom_;  ///< of the call that is open
};

}  // namespace strata::serve::tools
