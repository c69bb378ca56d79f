// For every family: calls with random names and arguments, as the family writes them, come back whole however the text
// is cut into pieces; and whatever a text is cut down to is read to its end.
#include <array>
#include <random>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "serve/tools/test_parse.h"

namespace strata::serve::tools {
namespace {

using Json = nlohmann::ordered_json;

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  std::size_t Below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  std::string Name() {
    constexpr std::string_view kFirst = "abcXYZ_";
    constexpr std::string_view kRest = "abcXYZ_019-.";
    std::string name(1, kFirst[Below(kFirst.size())]);
    for (std::size_t i = Below(12); i > 0; --i) name += kRest[Below(kRest.size())];
    return name;
  }

  /// Without what the families' marks are made of, which bare text cannot hold.
  std::string Text() {
    static constexpr std::array kPieces = {"a",    "word", " ",  "\"",      "\\", "\n",   "\t",   "'",   "{",   "}",
                                           "[",    "]",    ",",  ":",       "=",  "é",    "日本", "😀",  "1",   "-2",
                                           "true", "</",   "<b", "\\u00e9", "\r", "\x01", "null", "```", "\\n", "()"};
    std::string text;
    for (std::size_t i = Below(8); i > 0; --i) text += kPieces[Below(kPieces.size())];
    return text;
  }

  Json Value(int depth = 0) {
    switch (Below(depth < 3 ? 8 : 6)) {
      case 0:
        return static_cast<std::int64_t>(random_()) >> Below(64);
      case 1:
        return static_cast<double>(static_cast<std::int32_t>(random_())) / 1024;
      case 2:
        return Below(2) == 0;
      case 3:
        return nullptr;
      case 6: {
        Json list = Json::array();
        for (std::size_t i = Below(4); i > 0; --i) list.push_back(Value(depth + 1));
        return list;
      }
      case 7: {
        Json object = Json::object();
        for (std::size_t i = Below(4); i > 0; --i) object[Name()] = Value(depth + 1);
        return object;
      }
      default:
        return Text();
    }
  }

  ToolCall Call() {
    ToolCall call{.name = Name(), .arguments = Json::object()};
    for (std::size_t i = Below(5); i > 0; --i) call.arguments[Name()] = Value();
    return call;
  }

 private:
  std::mt19937_64 random_;
};

/// A tool that the call fits.
Tool ToolOf(const ToolCall& call) {
  Json properties = Json::object();
  for (const auto& [name, value] : call.arguments.items()) {
    properties[name] = {{"type", value.is_number() ? "number" : value.type_name()}};
  }
  return {.name = call.name, .parameters = {{"type", "object"}, {"properties", properties}}};
}

struct Case {
  std::vector<ToolCall> calls;
  Tools tools;
  std::string text;
  std::string reasoning, content;
  ParserOptions options;
};

Case MakeCase(Generator& generator, const Dialect& dialect) {
  Case one;
  std::vector<Tool> tools;
  for (std::size_t i = 1 + generator.Below(3); i > 0; --i) {
    ToolCall call = generator.Call();
    bool known = false;
    for (const Tool& tool : tools) known = known || tool.name == call.name;
    if (known) continue;
    tools.push_back(ToolOf(call));
    one.calls.push_back(std::move(call));
  }
  one.tools = std::make_shared<const ToolSet>(std::move(tools));
  one.options.id_seed = generator.Below(1000);
  if (dialect.name() == "functionary_v3_2") {
    if (generator.Below(2) == 0) {
      one.content = "I see [1] {it}: <a>,\n so";
      one.text = "all\n" + one.content + "\n>>>";
    }
  } else if (dialect.name() != "harmony") {
    if (generator.Below(2) == 0) {
      one.options.reasoning = FindReasoning("think");
      one.reasoning = "one [2] {three}\n\nfour";
      one.text = "<think>\n" + one.reasoning + "\n</think>\n\n";
    }
    if (generator.Below(2) == 0) {
      one.content = "I see [1] {it}: <a>,\n so";
      one.text += one.content + "\n\n";
    }
  } else if (generator.Below(2) == 0) {
    one.reasoning = "think";
    one.text = "<|channel|>analysis<|message|>think<|end|><|start|>assistant";
  }
  one.text += dialect.Render(one.calls);
  return one;
}

class EveryDialect : public testing::TestWithParam<std::size_t> {
 protected:
  const Dialect& dialect() const { return Dialects()[GetParam()]; }
};

#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr int kCalls = 1'000;  // each takes ten times as long
#else
constexpr int kCalls = 10'000;
#endif

TEST_P(EveryDialect, ReadsWhatItWrites) {
  Generator generator(GetParam() + 1);
  for (int calls = 0; calls < kCalls;) {
    const Case one = MakeCase(generator, dialect());
    const OutputDelta whole = ParseAll(dialect(), one.tools, one.text, one.options);
    ASSERT_EQ(whole.reasoning, one.reasoning) << one.text;
    ASSERT_EQ(whole.content, one.content) << one.text;
    ASSERT_EQ(whole.calls.size(), one.calls.size()) << one.text;
    for (std::size_t i = 0; i < whole.calls.size(); ++i) {
      ASSERT_EQ(whole.calls[i].index, static_cast<int>(i));
      ASSERT_EQ(whole.calls[i].name, one.calls[i].name) << one.text;
      const Json arguments = Json::parse(whole.calls[i].arguments, nullptr, false);
      ASSERT_EQ(arguments, one.calls[i].arguments) << one.text << "\n" << whole.calls[i].arguments;
    }
    const std::size_t longest = 1 + generator.Below(16);
    const OutputDelta pieces = ParsePieces(dialect(), one.tools, one.text, one.options, [&](std::size_t left) {
      return 1 + generator.Below(std::min(longest, left));
    });
    ASSERT_EQ(pieces, whole) << one.text;
    calls += static_cast<int>(one.calls.size());
  }
}

TEST_P(EveryDialect, ReadsEveryBeginning) {
  Generator generator(GetParam() + 1000);
  for (int i = 0; i < 20; ++i) {
    const Case one = MakeCase(generator, dialect());
    const OutputDelta whole = ParseAll(dialect(), one.tools, one.text, one.options);
    for (std::size_t length = 0; length < one.text.size(); ++length) {
      const OutputDelta cut = ParseAll(dialect(), one.tools, one.text.substr(0, length), one.options);
      ASSERT_LE(cut.calls.size(), whole.calls.size()) << one.text.substr(0, length);
      for (std::size_t k = 0; k < cut.calls.size(); ++k) {
        ASSERT_EQ(cut.calls[k].name, whole.calls[k].name);
        if (k + 1 < cut.calls.size()) ASSERT_EQ(cut.calls[k], whole.calls[k]);
      }
    }
  }
}

/// Nothing of a text without calls is lost.
TEST_P(EveryDialect, KeepsTextThatIsNoCall) {
  Generator generator(GetParam() + 2000);
  const Tools tools = MakeTools({{"no_such_call", "{}"}});
  const auto markers = dialect().Markers();
  for (int i = 0; i < 2000; ++i) {
    std::string text;
    for (std::size_t k = generator.Below(6); k > 0; --k) {
      text += generator.Text();
      if (dialect().name() != "harmony" && !markers.empty() && generator.Below(2) == 0) {
        const std::string& marker = markers[generator.Below(markers.size())];
        text += marker.substr(0, generator.Below(marker.size() + (dialect().MarksContent() ? 0 : 1)));
      }
    }
    const OutputDelta out = ParseAll(dialect(), tools, text);
    static const std::regex kNoCalls(R"(\[[\s,]*\])");  // in tags this says that there are none
    if (out.calls.empty() && !std::regex_search(text, kNoCalls)) ASSERT_EQ(out.content, text);
  }
}

INSTANTIATE_TEST_SUITE_P(All, EveryDialect, testing::Range(std::size_t{0}, Dialects().size()),
                         [](const auto& one) { return fmt::format("{}_{}", Dialects()[one.param].name(), one.param); });

}  // namespace
}  // namespace strata::serve::tools
