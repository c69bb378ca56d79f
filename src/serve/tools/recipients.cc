// Functionary 3.2: an answer is messages, each behind a line that says whom it is for: ">>>all" is for the user,
// ">>>NAME" calls a function with the JSON that follows. The prompt has the first ">>>".
#include <algorithm>
#include <utility>

#include "serve/tools/json_calls.h"
#include "serve/tools/machines.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

constexpr std::size_t kMaxName = 256;
constexpr std::string_view kMark = ">>>";
constexpr std::string_view kUser = "all";

class RecipientsFormat : public WireFormat {
 public:
  RecipientsFormat() : WireFormat({.separator = std::string(kMark)}, {}) {}

  Parse<> Run(Session& session) const override {
    Input& input = session.input;
    MarkerScanner scanner({std::string(kMark)});
    const Sink text = [&](std::string_view piece) { session.emitter.Text(piece); };
    input.Record();
    if (co_await input.Peek() == kMark.front()) co_await TakeLiteral(input, kMark);
    while (!session.done()) {
      co_await ReadMessage(session);
      if (!co_await ReadUntil(input, scanner, text)) break;
      input.Record(std::string(kMark));
    }
    session.emitter.Finish();
  }

  grammar::Format TextOrCalls(std::span<const Tool* const> tools, std::uint32_t most) const override {
    grammar::Formats calls;
    for (const Tool* tool : tools) calls.push_back(CallFormat(*tool));
    grammar::Format more = Repeat(Sequence({Text(layout().separator), Choice(std::move(calls))}), 0, most);
    grammar::Format said = Sequence({Text(std::string(kUser) + "\n"), Free({std::string(kMark)}), std::move(more)});
    return Choice({std::move(said), CallsOnly(tools, most)});
  }

  grammar::Format Content(grammar::Format content) const override {
    return Sequence({Text(std::string(kUser) + "\n"), std::move(content)});
  }
  bool MarksContent() const override { return true; }

  std::vector<std::string> Markers() const override { return {std::string(kMark)}; }

 protected:
  Parse<> ReadCalls(Session& /*session*/, std::size_t /*opening*/) const override { co_return; }

  std::string RenderCall(const ToolCall& call, std::size_t /*index*/) const override {
    return call.name + "\n" + SpacedJson(call.arguments);
  }
  grammar::Format CallFormat(const Tool& tool) const override {
    return Sequence({Text(tool.name + "\n"), ArgumentsFormat(tool)});
  }

 private:
  /// Behind the mark, which is recorded: the line and, of a call, its arguments. What is no message is text.
  static Parse<> ReadMessage(Session& session) {
    Input& input = session.input;
    const auto line = co_await ReadSegment(input, {"\n"}, kMaxName);
    const std::string name = line ? Trimmed(line->text) : "";
    if (name == kUser) {
      input.TakeRecord();
      session.emitter.Break();
    } else if (line && session.IsName(name, false)) {
      session.BeginCall(name);
      if (BeginsArguments(co_await SkipSpace(input))) co_await ReadArguments(session);
      session.EndCall();
      session.Understood();
    } else {
      session.emitter.Text(input.TakeRecord());
    }
  }
};

}  // namespace

std::unique_ptr<WireFormat> MakeRecipients() { return std::make_unique<RecipientsFormat>(); }

}  // namespace strata::serve::tools
