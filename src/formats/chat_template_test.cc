#include "formats/chat_template.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "base/mapped_file.h"
#include "formats/model_file.h"

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

Json ReadGolden(const std::string& name) {
  const auto text = ReadFile(STRATA_SOURCE_DIR "/src/formats/testdata/chat_template/" + name);
  EXPECT_TRUE(text) << name;
  return Json::parse(text.value_or("{}"));
}

TEST(Golden, TheLanguageIsJinja2s) {
  const Json golden = ReadGolden("language.json");
  int snippets = 0;
  for (const Json& row : golden["snippets"]) {
    const auto source = row[0].get<std::string>();
    std::string got = "no text";
    if (const auto parsed = ChatTemplate::Parse(source)) {
      const auto text = parsed->Render(golden["variables"], golden["now"].get<std::int64_t>());
      if (text) got = "text: " + *text;
    }
    EXPECT_EQ(got, row[1].is_null() ? "no text" : "text: " + row[1].get<std::string>()) << source;
    ++snippets;
  }
  EXPECT_GT(snippets, 300);
}

/// A source of renders.json: "model", a file of the test data, or "file#name" in a tokenizer_config.json.
Result<std::string> ReadTemplate(const std::string& source) {
  if (source == "model") {
    const char* path = std::getenv("STRATA_TEST_MODEL");
    if (path == nullptr) return Fail(ErrorCode::kNotFound, "STRATA_TEST_MODEL is not set");
    STRATA_TRY(const auto model, ModelFile::Open(path));
    return model->chat_templates().at("default");
  }
  const std::size_t hash = source.find('#');
  STRATA_TRY(const std::string text, ReadFile(std::getenv("STRATA_TEST_DATA") + ("/" + source.substr(0, hash))));
  if (hash == std::string::npos) return text;
  const Json templates = Json::parse(text)["chat_template"];
  if (templates.is_string()) return templates.get<std::string>();
  for (const Json& each : templates) {
    if (each["name"] == source.substr(hash + 1)) return each["template"].get<std::string>();
  }
  return Fail(ErrorCode::kNotFound, "no such template");
}

TEST(Golden, RealTemplatesRenderAsJinja2Does) {
  if (std::getenv("STRATA_TEST_DATA") == nullptr) GTEST_SKIP() << "STRATA_TEST_DATA is not set";
  const Json golden = ReadGolden("renders.json");
  int renders = 0;
  for (const auto& [name, row] : golden["renders"].items()) {
    if (name == "model" && std::getenv("STRATA_TEST_MODEL") == nullptr) continue;
    const auto source = ReadTemplate(name);
    ASSERT_TRUE(source) << name << ": " << source.error().ToString();
    const auto parsed = ChatTemplate::Parse(*source);
    ASSERT_TRUE(parsed) << name << ": " << parsed.error().ToString();
    std::size_t i = 0;
    for (const auto& [conversation, variables] : golden["conversations"].items()) {
      const auto text = parsed->Render(variables, golden["now"].get<std::int64_t>());
      std::string got = "error";
      if (text) {
        unsigned char digest[32];
        ASSERT_EQ(EVP_Digest(text->data(), text->size(), digest, nullptr, EVP_sha256(), nullptr), 1);
        got.clear();
        for (int byte = 0; byte < 8; ++byte) got += fmt::format("{:02x}", digest[byte]);
      }
      EXPECT_EQ(got, row[i++].get<std::string>())
          << name << " x " << conversation << ": " << (text ? *text : text.error().ToString());
      ++renders;
    }
    EXPECT_EQ(i, row.size());
  }
  EXPECT_GT(renders, 2'500);
}

}  // namespace
}  // namespace strata
