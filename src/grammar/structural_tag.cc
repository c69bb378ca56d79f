#include "grammar/structural_tag.h"

#include <fmt/format.h>

#include "grammar/ebnf.h"
#include "grammar/json_schema/json_schema.h"
#include "grammar/pattern.h"

namespace strata::grammar {
namespace {

/// A bounded repetition is written out: this many times at most.
constexpr std::uint32_t kMaxUnrolled = 512;

class FormatCompiler {
 public:
  FormatCompiler(Network& network, const SpecialTokens& special, std::vector<std::unique_ptr<NodeSource>>& sources)
      : network_(network), special_(special), sources_(sources) {}

  /// The node that matches `format` and goes on at `next`.
  Result<NodeId> Build(const Format& format, NodeId next) {
    return std::visit([&](const auto& value) { return Build(value, next); }, format.value);
  }

 private:
  RegexStore& regexes() { return network_.regexes(); }
  NodeId TextLexeme(RegexId regex, NodeId next) {
    return network_.Lexeme(network_.lexer().Start(regex, Spelling::kText), next);
  }

  Result<NodeId> Build(const TextFormat& format, NodeId next) { return Text(format.text, next); }

  NodeId Text(std::string_view text, NodeId next) {
    const auto special = special_.FirstIn(text);
    if (!special) return TextLexeme(regexes().Literal(text), next);
    const NodeId after = Text(text.substr(special->at + special->length), next);
    const std::string_view written = text.substr(special->at, special->length);
    const NodeId either =
        network_.Choice({network_.SpecialToken(special->token, after), TextLexeme(regexes().Literal(written), after)});
    return TextLexeme(regexes().Literal(text.substr(0, special->at)), either);
  }

  /// Texts that contain none of `excludes`.
  RegexId Free(const std::vector<std::string>& excludes) {
    std::vector<RegexId> words;
    words.reserve(excludes.size());
    for (const std::string& exclude : excludes) words.push_back(regexes().Literal(exclude));
    if (words.empty()) return RegexStore::kAnything;
    return regexes().Not(regexes().Concat({RegexStore::kAnything, regexes().Or(words), RegexStore::kAnything}));
  }

  Result<NodeId> Build(const FreeFormat& format, NodeId next) { return TextLexeme(Free(format.excludes), next); }

  Result<NodeId> Build(const JsonFormat& format, NodeId next) {
    STRATA_TRY(CompiledSchema schema, CompileJsonSchema(network_, format.schema, format.options));
    sources_.push_back(std::move(schema.source));
    return network_.Call(schema.root, next);
  }

  Result<RegexId> Pattern(const std::string& pattern) {
    STRATA_TRY(const RegexId regex, ParsePattern(regexes(), pattern, Anchoring::kWhole));
    if (regexes().IsNothing(regex)) return Fail(ErrorCode::kInvalidArgument, "no text matches the pattern {}", pattern);
    return regex;
  }

  Result<NodeId> Build(const PatternFormat& format, NodeId next) {
    STRATA_TRY(const RegexId regex, Pattern(format.pattern));
    return TextLexeme(regex, next);
  }

  Result<NodeId> Build(const GbnfFormat& format, NodeId next) {
    STRATA_TRY(const NodeId root, CompileGbnf(network_, format.grammar));
    return network_.Call(root, next);
  }

  Result<NodeId> Build(const LarkFormat& format, NodeId next) {
    STRATA_TRY(const NodeId root, CompileLark(network_, format.grammar));
    return network_.Call(root, next);
  }

  Result<NodeId> Build(const JsonStringFormat& format, NodeId next) {
    if (const auto* lark = std::get_if<LarkFormat>(&format.content)) {
      const RegexId quote = regexes().Literal("\"");
      STRATA_TRY(const NodeId root, CompileLark(network_, lark->grammar, Spelling::kJsonPart));
      return TextLexeme(quote, network_.Call(root, TextLexeme(quote, next)));
    }
    RegexId content = RegexStore::kAnything;
    if (const auto* free = std::get_if<FreeFormat>(&format.content)) content = Free(free->excludes);
    if (const auto* pattern = std::get_if<PatternFormat>(&format.content)) {
      STRATA_TRY(content, Pattern(pattern->pattern));
    }
    return network_.Lexeme(network_.lexer().Start(content, Spelling::kJsonString), next);
  }

  Result<NodeId> Build(const SequenceFormat& format, NodeId next) {
    for (std::size_t i = format.parts.size(); i-- > 0;) {
      STRATA_TRY(next, Build(format.parts[i], next), "part {}", i);
    }
    return next;
  }

  Result<NodeId> Build(const ChoiceFormat& format, NodeId next) { return Alternatives(format.alternatives, next); }

  Result<NodeId> Alternatives(const Formats& formats, NodeId next) {
    std::vector<NodeId> nodes;
    for (std::size_t i = 0; i < formats.size(); ++i) {
      STRATA_TRY(const NodeId node, Build(formats[i], next), "alternative {}", i);
      nodes.push_back(node);
    }
    return network_.Choice(nodes);
  }

  Result<NodeId> Build(const RepeatFormat& format, NodeId next) {
    const bool bounded = format.max != kUnbounded;
    const std::uint32_t written = bounded ? format.max : format.min;
    if (format.min > format.max || written > kMaxUnrolled) {
      return Fail(ErrorCode::kUnsupported, "a repetition of {} to {} times (at most {})", format.min, format.max,
                  kMaxUnrolled);
    }
    STRATA_TRY(const NodeId part, Build(*format.part, kAcceptNode));
    // From the last to the first: `more` is what may follow a part, its separator first.
    NodeId more = next;
    if (!bounded) {
      const NodeId loop = network_.Declare();
      network_.Define(loop, network_.Choice({next, Text(format.separator, network_.Call(part, loop))}));
      more = loop;
    }
    for (std::uint32_t i = written; i-- > 1;) {
      const NodeId again = Text(format.separator, network_.Call(part, more));
      more = i < format.min ? again : network_.Choice({next, again});
    }
    if (written == 0) return bounded ? next : network_.Choice({next, network_.Call(part, more)});
    const NodeId first = network_.Call(part, more);
    return format.min > 0 ? first : network_.Choice({next, first});
  }

  Result<NodeId> Build(const TriggeredFormat& format, NodeId next) {
    std::vector<std::string> excludes = format.triggers;
    excludes.insert(excludes.end(), format.excludes.begin(), format.excludes.end());
    const RegexId text = Free(excludes);
    const NodeId again = network_.Declare();
    STRATA_TRY(const NodeId tags, Alternatives(format.tags, format.stop_after_first ? next : again));
    network_.Define(again, TextLexeme(text, network_.Choice({tags, next})));
    return format.at_least_one ? TextLexeme(text, tags) : again;
  }

  Network& network_;
  const SpecialTokens& special_;
  std::vector<std::unique_ptr<NodeSource>>& sources_;
};

using Json = nlohmann::ordered_json;

Json ToJson(const Format& format);

Json ToJson(const Formats& formats) {
  Json list = Json::array();
  for (const Format& format : formats) list.push_back(ToJson(format));
  return list;
}

Json ToJson(const TextFormat& f) { return {"text", f.text}; }
Json ToJson(const FreeFormat& f) { return {"free", f.excludes}; }
Json ToJson(const JsonFormat& f) {
  return {"json", f.schema, f.options.key_order == KeyOrder::kAny, f.options.whitespace};
}
Json ToJson(const PatternFormat& f) { return {"pattern", f.pattern}; }
Json ToJson(const GbnfFormat& f) { return {"gbnf", f.grammar}; }
Json ToJson(const LarkFormat& f) { return {"lark", f.grammar}; }
Json ToJson(const JsonStringFormat& f) {
  return {"string", std::visit([](const auto& content) { return ToJson(content); }, f.content)};
}
Json ToJson(const SequenceFormat& f) { return {"sequence", ToJson(f.parts)}; }
Json ToJson(const ChoiceFormat& f) { return {"choice", ToJson(f.alternatives)}; }
Json ToJson(const RepeatFormat& f) { return {"repeat", ToJson(*f.part), f.min, f.max, f.separator}; }
Json ToJson(const TriggeredFormat& f) {
  return {"triggered", f.triggers, ToJson(f.tags), f.at_least_one, f.stop_after_first, f.excludes};
}
Json ToJson(const Format& format) {
  return std::visit([](const auto& value) { return ToJson(value); }, format.value);
}

}  // namespace

std::string Describe(const Format& format) {
  return ToJson(format).dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<NodeId> CompileFormat(Network& network, const Format& format, const SpecialTokens& special,
                             std::vector<std::unique_ptr<NodeSource>>& sources) {
  STRATA_TRY(const NodeId root, FormatCompiler(network, special, sources).Build(format, kAcceptNode));
  if (network.regexes().exhausted()) return Fail(ErrorCode::kUnsupported, "the grammar is too complex");
  return root;
}

}  // namespace strata::grammar
