#include "serve/tools/dialect.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "serve/tools/wire_format.h"

namespace strata::serve::tools {
namespace {

class Parser final : public OutputParser {
 public:
  Parser(const WireFormat& format, std::shared_ptr<const ToolSet> tools, const ParserOptions& options, IdShape ids)
      : session_(std::move(tools), options.reasoning, options.one_call, ids, options.id_seed),
        parse_(format.Run(session_)) {
    if (options.reasoning_open) session_.emitter.OpenReasoning();
  }

  void Push(std::string_view text, OutputDelta& out) override {
    Begin(out);
    session_.input.Feed(text);
  }
  void Finish(OutputDelta& out) override {
    Begin(out);
    session_.input.End();
  }
  bool done() const override { return session_.done(); }

 private:
  void Begin(OutputDelta& out) {
    session_.emitter.Bind(out);
    if (!std::exchange(begun_, true)) parse_.Start();
  }

  Session session_;
  Parse<> parse_;
  bool begun_ = false;
};

}  // namespace

Dialect::Dialect(std::string_view name, std::vector<std::string_view> signs, std::unique_ptr<WireFormat> format,
                 IdShape ids, std::string_view prompt)
    : name_(name), signs_(std::move(signs)), format_(std::move(format)), ids_(ids), prompt_(prompt) {}
Dialect::~Dialect() = default;
Dialect::Dialect(Dialect&&) noexcept = default;

bool Dialect::Fits(std::string_view template_source) const {
  return std::ranges::all_of(signs_, [&](std::string_view sign) { return template_source.contains(sign); });
}

std::unique_ptr<OutputParser> Dialect::MakeParser(std::shared_ptr<const ToolSet> tools,
                                                  const ParserOptions& options) const {
  return std::make_unique<Parser>(*format_, std::move(tools), options, ids_);
}

grammar::Format Dialect::Constraint(const ToolSet& tools, const ToolChoice& choice, bool parallel,
                                    const ReasoningState& reasoning) const {
  std::vector<const Tool*> callable;
  for (const Tool& tool : tools.all()) {
    if (choice.mode != ToolChoice::Mode::kNone && choice.Allows(tool.name)) callable.push_back(&tool);
  }
  const std::uint32_t most = parallel ? kAnyNumber : 1;
  const bool required = choice.mode == ToolChoice::Mode::kRequired;
  grammar::Format answer = callable.empty() ? format_->Content(Free({}))
                           : required       ? format_->CallsOnly(callable, most)
                                            : format_->TextOrCalls(callable, most);
  // Free text that no thought has begun is text in which the model may think.
  return required || reasoning.open ? WithThought(std::move(answer), reasoning) : answer;
}

grammar::Format WithThought(grammar::Format answer, const ReasoningState& reasoning) {
  if (reasoning.format == nullptr || reasoning.format->close.empty()) return answer;
  const std::string close(reasoning.format->close);
  // Families differ in how much white space follows; the parser takes any.
  grammar::Format thought = Sequence({Free({close}), Text(close), {.value = grammar::PatternFormat{"[ \\n]{0,2}"}}});
  if (reasoning.open) return Sequence({std::move(thought), std::move(answer)});
  grammar::Format thinks = Sequence({Text(std::string(reasoning.format->open)), std::move(thought), answer});
  return Choice({std::move(answer), std::move(thinks)});
}

grammar::Format Dialect::Content(grammar::Format content) const { return format_->Content(std::move(content)); }

bool Dialect::MarksContent() const { return format_->MarksContent(); }

std::string Dialect::Render(std::span<const ToolCall> calls) const { return format_->Render(calls); }

std::vector<std::string> Dialect::Markers() const {
  std::vector<std::string> markers = format_->Markers();
  std::ranges::move(format_->ContentMarks(), std::back_inserter(markers));
  return markers;
}

const Dialect* FindDialect(std::string_view name) {
  const auto all = Dialects();
  const auto found = std::ranges::find(all, name, &Dialect::name);
  return found == all.end() ? nullptr : &*found;
}

const Dialect& DetectDialect(std::string_view template_source) {
  const auto all = Dialects();
  return *std::ranges::find_if(all, [&](const Dialect& dialect) { return dialect.Fits(template_source); });
}

}  // namespace strata::serve::tools
