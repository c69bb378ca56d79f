#include "formats/chat_template.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "base/mapped_file.h"

namespace strata {
namespace {

using Json = nlohmann::ordered_json;

std::string Render(std::string_view source, const Json& variables = Json::object(), const TemplateLimits& limits = {}) {
  const auto parsed = ChatTemplate::Parse(source);
  if (!parsed) return "parse error: " + parsed.error().ToString();
  const auto text = parsed->Render(variables, 1741964966, limits);
  return text ? *text : "error: " + text.error().ToString();
}

struct Case {
  const char* source;
  const char* want;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.source; }

class Small : public testing::TestWithParam<Case> {};
TEST_P(Small, RendersAsJinja2Does) {
  const Json variables = {
      {"name", "Ada"}, {"xs", {3, 1, 2}}, {"d", {{"b", 1}, {"a", "x"}}}, {"text", "Hello World"}, {"none", nullptr}};
  EXPECT_EQ(Render(GetParam().source, variables), GetParam().want);
}
INSTANTIATE_TEST_SUITE_P(
    Language, Small,
    testing::Values(
        Case{"", ""}, Case{"plain", "plain"}, Case{"{{ name }}", "Ada"}, Case{"{{ missing }}", ""},
        Case{"{# gone #}x", "x"}, Case{"{{ 'a' 'b' }}", "ab"}, Case{"{{ 1 + 2 * 3 }}", "7"}, Case{"{{ 7 // 2 }}", "3"},
        Case{"{{ -7 // 2 }}", "-4"}, Case{"{{ -7 % 3 }}", "2"}, Case{"{{ 7 / 2 }}", "3.5"},
        Case{"{{ 2 ** 10 }}", "1024"}, Case{"{{ 'a' ~ 1 ~ none }}", "a1None"}, Case{"{{ 'ab' * 3 }}", "ababab"},
        Case{"{{ [1] + [2] }}", "[1, 2]"}, Case{"{{ true and 0 }}", "0"},
        Case{"{{ 1 and 2 and 0 }}{{ 0 or none or 3 }}", "03"}, Case{"{{ 0 or 'x' }}", "x"},
        Case{"{{ not 1 }}", "False"}, Case{"{{ 1 < 2 < 3 }}", "True"}, Case{"{{ 2 in xs }}", "True"},
        Case{"{{ 'z' not in 'abc' }}", "True"}, Case{"{{ 'yes' if name else 'no' }}", "yes"},
        Case{"{{ 'yes' if missing }}", ""}, Case{"{{ xs[0] }}{{ xs[-1] }}", "32"}, Case{"{{ xs[1:] }}", "[1, 2]"},
        Case{"{{ xs[::-1] }}", "[2, 1, 3]"}, Case{"{{ text[:5] }}|{{ text[::-1][:2] }}", "Hello|dl"},
        Case{"{{ d.a }}{{ d['b'] }}", "x1"}, Case{"{{ d.items() | list }}", "[('b', 1), ('a', 'x')]"},
        Case{"{{ {'k': [1, none, true]} }}", "{'k': [1, None, True]}"},
        Case{"{% if 0 %}a{% elif name %}b{% else %}c{% endif %}", "b"},
        Case{"{% for x in xs %}{{ loop.index }}:{{ x }}{{ ',' if not loop.last }}{% endfor %}", "1:3,2:1,3:2"},
        Case{"{% for x in [] %}a{% else %}none{% endfor %}", "none"},
        Case{"{% for x in xs if x > 1 %}{{ x }}{% endfor %}", "32"},
        Case{"{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "b=1;a=x;"},
        Case{"{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}", "32"},
        Case{"{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}", "3"},
        Case{"{% for x in xs %}{{ loop.previtem }}-{{ loop.nextitem }} {% endfor %}", "-1 3-2 1- "},
        Case{"{% for x in [[1,[2]],[3]] recursive %}{{ x if x is number else loop(x) }}{% endfor %}", "123"},
        Case{"{% set x = 1 %}{% for i in xs %}{% set x = i %}{% endfor %}{{ x }}", "1"},
        Case{"{% set ns = namespace(x=1) %}{% for i in xs %}{% set ns.x = i %}{% endfor %}{{ ns.x }}", "2"},
        Case{"{% set a, b = 1, 2 %}{{ b }}{{ a }}", "21"}, Case{"{% set x %}a{{ name }}{% endset %}{{ x }}", "aAda"},
        Case{"{% set x | upper %}abc{% endset %}{{ x }}", "ABC"},
        Case{"{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}", "1213"},
        Case{"{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{% endcall %}", "[x]"},
        Case{"{% filter upper | replace('A', 'b') %}aXa{% endfilter %}", "bXb"},
        Case{"{% with a = 1 %}{{ a }}{% endwith %}{{ a }}", "1"}, Case{"{% generation %}x{% endgeneration %}", "x"},
        Case{"a\n{% if 1 %}\nb\n{% endif %}\nc\n", "a\nb\nc"}, Case{"  {%- if 1 -%}  x  {%- endif -%}  ", "x"},
        Case{"a {{- name -}} b", "aAdab"}, Case{"{{ '{{' }}", "{{"}, Case{"{{ xs | sort }}", "[1, 2, 3]"},
        Case{"{{ xs | sort(reverse=true) | join('-') }}", "3-2-1"},
        Case{"{{ xs | map('string') | join(',') }}", "3,1,2"},
        Case{"{{ [{'a': 1}, {'a': 2}] | map(attribute='a') | list }}", "[1, 2]"},
        Case{"{{ [{'r': 'u'}, {'r': 's'}] | selectattr('r', 'equalto', 's') | list | length }}", "1"},
        Case{"{{ xs | select('gt', 1) | list }}", "[3, 2]"},
        Case{"{{ xs | first }}{{ xs | last }}{{ xs | length }}", "323"},
        Case{"{{ xs | sum }} {{ xs | max }} {{ xs | min }}", "6 3 1"}, Case{"{{ missing | default('d') }}", "d"},
        Case{"{{ '' | default('d', true) }}", "d"},
        Case{"{{ text | upper }} {{ text | lower }}", "HELLO WORLD hello world"},
        Case{"{{ '  x ' | trim }}|{{ 'abc' | capitalize }}", "x|Abc"},
        Case{"{{ d | tojson }}", "{\"b\": 1, \"a\": \"x\"}"},
        Case{"{{ [1, {'a': none}] | tojson(indent=2) }}", "[\n  1,\n  {\n    \"a\": null\n  }\n]"},
        Case{"{{ 'é\"\\n' | tojson }}", "\"é\\\"\\n\""}, Case{"{{ d | dictsort }}", "[('a', 'x'), ('b', 1)]"},
        Case{"{{ 'a\nb' | indent(2) }}", "a\n  b"}, Case{"{{ 'a,b' .split(',') }}", "['a', 'b']"},
        Case{"{{ '%s-%02d' | format('a', 7) }}", "a-07"}, Case{"{{ '{} {x}'.format(1, x=2) }}", "1 2"},
        Case{"{{ text.replace('l', 'L') }}", "HeLLo WorLd"}, Case{"{{ text.startswith('Hell') }}", "True"},
        Case{"{{ range(3) | list }}", "[0, 1, 2]"},
        Case{"{{ name is string and xs is iterable and d is mapping }}", "True"},
        Case{"{{ missing is defined }}{{ none is none }}", "FalseTrue"},
        Case{"{{ 3 is odd }}{{ 4 is divisibleby 2 }}", "TrueTrue"},
        Case{"{{ strftime_now('%Y-%m-%d') }}", "2025-03-14"},
        Case{"{{ '3.7' | float }} {{ '42' | int }} {{ 'x' | int }}", "3.7 42 0"},
        Case{"{{ 2.5 | round }} {{ 1e20 }} {{ 0.1 }}", "2.0 1e+20 0.1"},
        Case{"{{ [1, 1, 2] | unique | list }}", "[1, 2]"}, Case{"{{ 'a' if false else 'b' if false else 'c' }}", "c"},
        Case{"{{ ('a', 1) }}", "('a', 1)"}));

class Wrong : public testing::TestWithParam<Case> {};
TEST_P(Wrong, SaysWhatAndWhere) {
  const std::string got = Render(GetParam().source);
  EXPECT_NE(got.find(GetParam().want), std::string::npos) << got;
  EXPECT_NE(got.find("error"), std::string::npos) << got;
}
INSTANTIATE_TEST_SUITE_P(Messages, Wrong,
                         testing::Values(Case{"{{ raise_exception('no tools') }}", "error: no tools"},
                                         Case{"\n\n{{ 1 / 0 }}", "line 3"}, Case{"{% if %}", "line 1"},
                                         Case{"{% if 1 %}", "unexpected end"}, Case{"{{ x | nonsense }}", "nonsense"},
                                         Case{"{{ 1 is nonsense }}", "nonsense"}, Case{"{% nonsense %}", "nonsense"},
                                         Case{"{{ missing.attribute }}", "missing"}, Case{"{{ missing() }}", "missing"},
                                         Case{"{{ 'a' + 1 }}", "line 1"}, Case{"{% break %}", "loop"},
                                         Case{"{% set a.b = 1 %}", "namespace"}, Case{"{{ ''.__class__.x }}", "error"},
                                         Case{"{{ [].append(1) }}", "error"},
                                         Case{"{{ 9223372036854775807 + 1 }}", "range"}, Case{"{{ 1 % 0 }}", "zero"},
                                         Case{"{{ 'a", "line 1"}, Case{"{{ }}", "line 1"}));

TEST(Limits, StepsDepthAndOutput) {
  EXPECT_NE(Render("{% for i in range(9999) %}{% for j in range(9999) %}{% endfor %}{% endfor %}").find("steps"),
            std::string::npos);
  EXPECT_NE(Render("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("nested"), std::string::npos);
  EXPECT_NE(
      Render(
          "{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}")
          .find("bytes"),
      std::string::npos);
  EXPECT_NE(Render("{{ 'a' * 999999999999 }}").find("bytes"), std::string::npos);
  EXPECT_NE(Render("{{ 'a' * 100 }}", Json::object(), {.output_bytes = 10}).find("bytes"), std::string::npos);
  EXPECT_NE(Render("{{ " + std::string(100'000, '(') + "1").find("error"), std::string::npos);
  EXPECT_NE(Render("{{ range(1000000000) }}").find("too big"), std::string::npos);
}

TEST(Golden, RealTemplatesRenderAsJinja2Does) {
  const char* data = std::getenv("STRATA_TEST_DATA");
  if (data == nullptr) GTEST_SKIP() << "STRATA_TEST_DATA is not set";
  const std::string folder = std::string(data) + "/llama.cpp-models/templates/";
  const auto golden_text = ReadFile(STRATA_SOURCE_DIR "/src/formats/testdata/chat_template/renders.json");
  ASSERT_TRUE(golden_text);
  const Json golden = Json::parse(*golden_text);
  int renders = 0;
  for (const auto& [file, row] : golden["renders"].items()) {
    const auto source = ReadFile(folder + file);
    ASSERT_TRUE(source) << file;
    const auto parsed = ChatTemplate::Parse(*source);
    ASSERT_TRUE(parsed) << file << ": " << parsed.error().ToString();
    for (const auto& [conversation, want] : row.items()) {
      const auto text = parsed->Render(golden["conversations"][conversation], golden["now"].get<std::int64_t>());
      std::string got = "error";
      if (text) {
        unsigned char digest[32];
        ASSERT_EQ(EVP_Digest(text->data(), text->size(), digest, nullptr, EVP_sha256(), nullptr), 1);
        got.clear();
        for (int i = 0; i < 16; ++i) got += fmt::format("{:02x}", digest[i]);
      }
      EXPECT_EQ(got, want.get<std::string>())
          << file << " x " << conversation << ": " << (text ? *text : text.error().ToString());
      ++renders;
    }
  }
  EXPECT_GT(renders, 500);
}

}  // namespace
}  // namespace strata
