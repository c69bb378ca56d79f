// Formats held to the format tests of the JSON Schema Test Suite (draft 2020-12, MIT; testdata/formats.json has its
// strings).
#include "grammar/formats.h"

#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace strata::grammar {
namespace {

TEST(Formats, AgreeWithTheTestSuite) {
  const auto suite = nlohmann::json::parse(std::ifstream(STRATA_SOURCE_DIR "/src/grammar/testdata/formats.json"));
  ASSERT_GT(suite.size(), 15u);
  for (const auto& [format, tests] : suite.items()) {
    RegexStore store;
    const auto regex = FormatRegex(store, format);
    ASSERT_TRUE(regex) << format;
    for (const auto& test : tests) {
      const auto text = test[0].get<std::string>();
      // What formats.h says is left out, though valid.
      const auto contains = [&text](std::string_view part) { return text.find(part) != std::string::npos; };
      const bool left_out = contains(":60") || (format == "hostname" && contains("xn--")) ||
                            (format == "idn-email" && contains("@cafe\u0301")) ||
                            (format == "uri-template" && contains(":1000"));
      const bool valid = test[1].get<bool>() && !left_out;
      EXPECT_EQ(store.Matches(*regex, text), valid) << format << ": " << test[0];
    }
    EXPECT_FALSE(store.exhausted()) << format;
  }
}

struct Case {
  const char* format;
  const char* text;
  bool valid;
};

TEST(Formats, BeyondTheTestSuite) {
  const std::string label(63, 'a'), long_local(65, 'a');
  const std::vector<Case> cases = {
      {"date", "0000-01-01", false},
      {"date", "2000-02-29", true},
      {"date", "1900-02-29", false},
      {"date", "0004-02-29", true},
      {"date", "9999-12-31", true},
      {"date-time", "2023-02-29T00:00:00Z", false},
      {"date-time", "2024-02-29 00:00:00Z", false},
      {"time", "23:59:60Z", false},
      {"hostname", "xn--9n2bp8q.xn--9t4b11yi5a", false},
      {"hostname", "XN--a", false},
      {"hostname", "a.b-c.d1", true},
      {"ipv4", "01.2.3.4", false},
      {"ipv6", "1:2:3:4:5:6:7::", true},
      {"ipv6", "::2:3:4:5:6:7:8", true},
      {"ipv6", "1:2:3:4::5:6:7:8", false},
      {"ipv6", "1:2:3:4:5:6::1.2.3.4", false},
      {"ipv6", "1:2:3:4:5::1.2.3.4", true},
      {"ipv6", "1.2.3.4::", false},
      {"uri", "http://[v1.a:b]/", true},
      {"uri", "http://a b/", false},
      {"uri", "http:", true},
      {"uri", "a:b", true},
      {"uri", "http://user@host:80/p?q#f", true},
      {"uri-reference", "a/b:c", true},
      {"iri", "http://例え.jp/?\xEE\x80\x80", true},  // private use in a query
      {"iri", "http://例え.jp/\xEE\x80\x80", false},  // and nowhere else
      {"uuid", "", false},
      {"uri-template", "{v:999}", true},
      {"uri-template", "{v:1000}", false},
      {"byte", "", true},
      {"byte", "TQ==", true},
      {"byte", "TR==", false},
      {"byte", "TWE=", true},
      {"byte", "TWF=", false},
      {"byte", "TWFu", true},
      {"byte", "TWF", false},
      {"idn-email", "실례@실례.테스트", true},
      {"idn-email", "a@x--y.com", true},
      {"idn-email", "a@é-.com", false},
      {"idn-email", "a@É.com", false},
      {"relative-json-pointer", "1+1", false},
  };
  for (const Case& test : cases) {
    RegexStore store;
    const auto regex = FormatRegex(store, test.format);
    ASSERT_TRUE(regex) << test.format;
    EXPECT_EQ(store.Matches(*regex, test.text), test.valid) << test.format << ": " << test.text;
  }
  RegexStore store;
  EXPECT_TRUE(store.Matches(*FormatRegex(store, "hostname"), label));
  EXPECT_FALSE(store.Matches(*FormatRegex(store, "hostname"), label + "a"));
  EXPECT_TRUE(store.Matches(*FormatRegex(store, "email"), long_local.substr(1) + "@a.b"));
  EXPECT_FALSE(store.Matches(*FormatRegex(store, "email"), long_local + "@a.b"));
  // 33 letters of two bytes are 66 octets.
  std::string local;
  for (int i = 0; i < 32; ++i) local += "é";
  EXPECT_TRUE(store.Matches(*FormatRegex(store, "idn-email"), local + "@a.b"));
  EXPECT_FALSE(store.Matches(*FormatRegex(store, "idn-email"), local + "é@a.b"));
}

TEST(Formats, TheOthersAreUnknown) {
  RegexStore store;
  for (const char* format : {"", "regex", "idn-hostname", "int32", "double", "url", "path", "password", "Date"}) {
    EXPECT_FALSE(FormatRegex(store, format)) << format;
  }
}

}  // namespace
}  // namespace strata::grammar
