// gpt-oss: an answer is messages, each on a channel: analysis is reasoning, final is the answer, commentary to
// functions.NAME is a call. Markers are special tokens, so that no text can spell them.
#include <algorithm>
#include <utility>

#include "serve/tools/machines.h"
#include "serve/tools/scan.h"

namespace strata::serve::tools {
namespace {

constexpr std::size_t kMaxHeader = 1024;
constexpr std::string_view kRecipient = "to=functions.";

class HarmonyFormat : public WireFormat {
 public:
  HarmonyFormat() : WireFormat({}, {}) {}

  Parse<> Run(Session& session) const override {
    Input& input = session.input;
    MarkerScanner scanner(
        {"<|channel|>", "<|start|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", "<|return|>"});
    enum : std::size_t { kChannel, kStart, kMessage, kConstrain };
    // The prompt ends with <|start|>assistant: what comes first is a header, or text of a model that forgot it.
    std::string header;
    bool in_header = false, in_call = false;
    const Sink sink = [&](std::string_view piece) {
      if (in_header) {
        header += piece.substr(0, kMaxHeader - std::min(kMaxHeader, header.size()));
      } else if (in_call) {
        session.emitter.Arguments(piece);
      } else {
        session.emitter.Text(piece);
      }
    };
    // A recipient may stand before the channel, directly behind the prompt.
    in_header = co_await TakeRecipient(session, header);
    while (!session.done()) {
      const auto marker = co_await ReadUntil(input, scanner, sink);
      if (!marker) break;
      if (*marker == kMessage) {
        in_header = false;
        in_call = BeginMessage(session, header);
        header.clear();
      } else {
        if (std::exchange(in_call, false)) session.EndCall();
        if (*marker != kConstrain || in_header) in_header = *marker <= kConstrain;
        if (*marker == kChannel) header += " channel:";
        session.emitter.Break();
      }
    }
    session.emitter.Finish();
  }

  std::string Render(std::span<const ToolCall> calls) const override {
    std::string text;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      if (i > 0) text += "<|start|>assistant";
      text += RenderCall(calls[i], i);
    }
    return text;
  }

  grammar::Format TextOrCalls(std::span<const Tool* const> tools, std::uint32_t most) const override {
    return Message(tools, most, true);
  }
  grammar::Format CallsOnly(std::span<const Tool* const> tools, std::uint32_t most) const override {
    return Message(tools, most, false);
  }

  grammar::Format Content(grammar::Format content) const override {
    return Sequence({Repeat(Before(), 0, kAnyNumber), Text("<|channel|>final"), Optional(Text(" <|constrain|>json")),
                     Text("<|message|>"), std::move(content), Optional(Text("<|return|>"))});
  }
  bool MarksContent() const override { return true; }

  std::vector<std::string> Markers() const override {
    return {"<|channel|>", "<|start|>", "<|message|>", "<|constrain|>", "<|end|>", "<|call|>", "<|return|>"};
  }

 protected:
  Parse<> ReadCalls(Session& /*session*/, std::size_t /*opening*/) const override { co_return; }

  std::string RenderCall(const ToolCall& call, std::size_t /*index*/) const override {
    return Header(call.name) + SpacedJson(call.arguments) + "<|call|>";
  }
  grammar::Format CallFormat(const Tool& tool) const override {
    return Sequence({Text(Header(tool.name)), ArgumentsFormat(tool)});
  }

 private:
  static std::string Header(const std::string& name) {
    return "<|channel|>commentary " + std::string(kRecipient) + name + " <|constrain|>json<|message|>";
  }

  /// " to=functions.f" at the beginning of the answer. What is none is text.
  static Parse<bool> TakeRecipient(Session& session, std::string& header) {
    session.input.Record();
    co_await SkipSpace(session.input);
    co_await TakeLiteral(session.input, kRecipient);
    const std::string taken = session.input.TakeRecord();
    const bool recipient = Trimmed(taken) == kRecipient;
    if (recipient) {
      header = taken;
    } else {
      session.emitter.Text(taken);
    }
    co_return recipient;
  }

  /// The header says what the message is. Whether it is a call.
  static bool BeginMessage(Session& session, const std::string& header) {
    if (const auto at = header.find(kRecipient); at != std::string::npos && session.tools() != nullptr) {
      const std::size_t begin = at + kRecipient.size();
      const std::string name = header.substr(begin, header.find_first_of(" \t\n", begin) - begin);
      if (session.IsName(name, true)) {
        session.BeginCall(name);
        return true;
      }
    }
    if (header.contains("channel:analysis")) {
      session.emitter.OpenReasoning();
    } else {
      session.emitter.CloseReasoning();
    }
    return false;
  }

  /// A message of free text.
  static grammar::Format FreeMessage(const char* channel) {
    return Sequence({Text(std::string("<|channel|>") + channel + "<|message|>"),
                     Free({"<|end|>", "<|call|>", "<|return|>", "<|start|>", "<|channel|>"})});
  }
  /// A message that another follows.
  static grammar::Format Before() {
    return Sequence({Choice({FreeMessage("analysis"), FreeMessage("commentary")}), Text("<|end|><|start|>assistant")});
  }

  /// Analysis, then calls; or an answer, where `text` is allowed.
  grammar::Format Message(std::span<const Tool* const> tools, std::uint32_t most, bool text) const {
    grammar::Formats calls;
    for (const Tool* tool : tools) calls.push_back(CallFormat(*tool));
    // Where <|call|> and <|return|> end an answer they are no text of it.
    grammar::Formats last = {Sequence(
        {Repeat(Choice(std::move(calls)), 1, most, "<|call|><|start|>assistant"), Optional(Text("<|call|>"))})};
    if (text) last.push_back(Sequence({FreeMessage("final"), Optional(Text("<|return|>"))}));
    return Sequence({Repeat(Before(), 0, kAnyNumber), Choice(std::move(last))});
  }
};

}  // namespace

std::unique_ptr<WireFormat> MakeHarmony() { return std::make_unique<HarmonyFormat>(); }

}  // namespace strata::serve::tools
