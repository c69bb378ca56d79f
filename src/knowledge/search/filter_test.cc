#include "knowledge/search/filter.h"

#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "knowledge/search/date.h"

namespace strata::knowledge {
namespace {

using Json = nlohmann::json;

bool Accepts(const Json& filter, const Json& metadata) {
  const Result<Filter> parsed = Filter::Parse(filter);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().ToString());
  return parsed && parsed->Accepts(metadata);
}

TEST(FilterTest, ComparesByType) {
  const Json metadata = {{"year", 2021}, {"team", "law"}, {"open", true}, {"score", 0.5}, {"none", nullptr}};
  EXPECT_TRUE(Accepts({{"year", 2021}}, metadata));
  EXPECT_TRUE(Accepts({{"year", {{">=", 2020}, {"<", 2021.5}}}}, metadata));
  EXPECT_FALSE(Accepts({{"year", {{">=", 2020}, {"<", 2021}}}}, metadata));
  EXPECT_FALSE(Accepts({{"year", "2021"}}, metadata)) << "a number is no string";
  EXPECT_FALSE(Accepts({{"year", {{">", "1"}}}}, metadata));
  EXPECT_TRUE(Accepts({{"team", {{"in", {"law", "tax"}}}}}, metadata));
  EXPECT_TRUE(Accepts({{"team", {{"contains", "aw"}}}}, metadata));
  EXPECT_TRUE(Accepts({{"open", true}}, metadata));
  EXPECT_FALSE(Accepts({{"open", 1}}, metadata));
  EXPECT_TRUE(Accepts({{"team", {{"exists", true}}}, {"none", {{"exists", false}}}}, metadata));
}

TEST(FilterTest, WithoutTheFieldOnlyNegationsAccept) {
  for (const char* op : {"=", "<", "<=", ">", ">=", "contains"}) {
    EXPECT_FALSE(Accepts({{"absent", {{op, 1}}}}, Json::object())) << op;
  }
  EXPECT_FALSE(Accepts({{"absent", {{"in", {1}}}}}, Json::object()));
  EXPECT_TRUE(Accepts({{"absent", {{"!=", 1}}}}, Json::object()));
  EXPECT_TRUE(Accepts({{"not", {{"absent", 1}}}}, Json::object()));
}

TEST(FilterTest, ListsStandForTheirElements) {
  const Json metadata = {{"tags", {"red", "blue"}}, {"sizes", {3, 8}}};
  EXPECT_TRUE(Accepts({{"tags", "red"}}, metadata));
  EXPECT_TRUE(Accepts({{"tags", {{"contains", "blue"}}}}, metadata));
  EXPECT_FALSE(Accepts({{"tags", {{"contains", "blu"}}}}, metadata)) << "an element, not a piece of one";
  EXPECT_FALSE(Accepts({{"tags", {{"!=", "red"}}}}, metadata));
  EXPECT_TRUE(Accepts({{"sizes", {{">", 5}}}}, metadata));
}

TEST(FilterTest, DatesAreComparedAsTimes) {
  const Json metadata = {{"signed", "2024-03-01T00:30:00+01:00"}};
  EXPECT_TRUE(Accepts({{"signed", {{"<", "2024-03-01"}}}}, metadata)) << "it is the day before in UTC";
  EXPECT_TRUE(Accepts({{"signed", "2024-02-29 23:30"}}, metadata));
  EXPECT_EQ(ParseDate("1970-01-02"), 86400000);
  EXPECT_EQ(ParseDate("1970-01-01T00:00:01.25Z"), 1250);
  for (const char* text : {"2024", "2024-13-01", "2023-02-29", "2024-01-01T", "2024-01-01Tx", "2024-1-1", "20240101",
                           "2024-01-01T25:00", "2024-01-01T10:00+", ""}) {
    EXPECT_FALSE(ParseDate(text)) << text;
  }
}

TEST(FilterTest, ErrorsHaveAPointer) {
  const std::vector<std::pair<Json, std::string>> wrong = {
      {Json(1), ""},
      {{{"and", 1}}, "/and"},
      {{{"and", {{{"a", 1}}, 2}}}, "/and/1"},
      {{{"a/b", {{"~", 1}}}}, "/a~1b/~0"},
      {{{"a", {{"in", 1}}}}, "/a/in"},
      {{{"a", {{"in", {1, nullptr}}}}}, "/a/in/1"},
      {{{"a", {{"exists", 1}}}}, "/a/exists"},
      {{{"a", nullptr}}, "/a"},
      {{{"a", Json::object()}}, "/a"},
      {{{"not", {{"or", {{{"x", {{"=", Json::array()}}}}}}}}}, "/not/or/0/x/="}};
  for (const auto& [filter, pointer] : wrong) {
    const Result<Filter> parsed = Filter::Parse(filter);
    ASSERT_FALSE(parsed) << filter;
    EXPECT_EQ(parsed.error().param(), pointer) << filter;
    EXPECT_EQ(parsed.error().code(), ErrorCode::kInvalidArgument);
  }
  Json deep = {{"a", 1}};
  for (int i = 0; i < 100; ++i) deep = {{"not", deep}};
  EXPECT_FALSE(Filter::Parse(deep));
  Json wide = Json::array();
  for (int i = 0; i < 100000; ++i) wide.push_back({{"a", i}});
  EXPECT_FALSE(Filter::Parse({{"or", wide}}));
}

/// A filter and, by closures made beside it, what it must say.
struct Made {
  Json filter;
  std::function<bool(const Json&)> accepts;
};

class Maker {
 public:
  explicit Maker(unsigned seed) : random_(seed) {}

  int Below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }

  Json Metadata() {
    Json metadata = Json::object();
    for (const char* field : {"n", "s", "l"}) {
      if (Below(4) == 0) continue;
      metadata[field] = field[0] == 'n' ? Json(Below(5)) : field[0] == 's' ? Json(Word()) : Json({Word(), Word()});
    }
    return metadata;
  }

  Made Filter(int depth) {
    const int kind = depth == 0 ? 3 : Below(5);
    if (kind == 2) {
      Made child = Filter(depth - 1);
      return {{{"not", child.filter}}, [child](const Json& json) { return !child.accepts(json); }};
    }
    if (kind > 2) return Condition();
    Made made{Json::object(), {}};
    std::vector<Made> children;
    Json list = Json::array();
    for (int i = Below(4); i > 0; --i) {
      children.push_back(Filter(depth - 1));
      list.push_back(children.back().filter);
    }
    made.filter[kind == 0 ? "and" : "or"] = list;
    made.accepts = [kind, children](const Json& json) {
      bool all = true, any = false;
      for (const Made& child : children) {
        const bool accepted = child.accepts(json);
        all = all && accepted;
        any = any || accepted;
      }
      return kind == 0 ? all : any;
    };
    return made;
  }

 private:
  std::string Word() { return std::string(1, static_cast<char>('a' + Below(4))); }

  Made Condition() {
    const int number = Below(5);
    const std::string word = Word();
    const auto has = [](const Json& json, const char* field) { return json.contains(field); };
    switch (Below(7)) {
      case 0:
        return {{{"n", {{"<", number}}}},
                [=](const Json& json) { return has(json, "n") && json["n"].get<int>() < number; }};
      case 1:
        return {{{"n", {{">=", number}}}},
                [=](const Json& json) { return has(json, "n") && json["n"].get<int>() >= number; }};
      case 2:
        return {{{"n", {{"!=", number}}}},
                [=](const Json& json) { return !has(json, "n") || json["n"].get<int>() != number; }};
      case 3:
        return {{{"s", {{"in", {word, "c"}}}}},
                [=](const Json& json) { return has(json, "s") && (json["s"] == word || json["s"] == "c"); }};
      case 4:
        return {{{"l", {{"contains", word}}}},
                [=](const Json& json) { return has(json, "l") && (json["l"][0] == word || json["l"][1] == word); }};
      case 5:
        return {{{"s", {{"<=", word}}}},
                [=](const Json& json) { return has(json, "s") && json["s"].get<std::string>() <= word; }};
      default:
        return {{{"l", {{"exists", number > 2}}}}, [=](const Json& json) { return has(json, "l") == (number > 2); }};
    }
  }

  std::mt19937 random_;
};

TEST(FilterTest, EqualsWhatEachConditionSays) {
  Maker maker(7);
  int accepted = 0;
  constexpr int kCases = 3000;
  for (int i = 0; i < kCases; ++i) {
    const Made made = maker.Filter(4);
    const Result<Filter> filter = Filter::Parse(made.filter);
    ASSERT_TRUE(filter) << made.filter;
    for (int k = 0; k < 10; ++k) {
      const Json metadata = maker.Metadata();
      ASSERT_EQ(filter->Accepts(metadata), made.accepts(metadata)) << made.filter << " of " << metadata;
      accepted += made.accepts(metadata) ? 1 : 0;
    }
  }
  EXPECT_GT(accepted, kCases);  // neither all nor nothing was accepted
  EXPECT_LT(accepted, 9 * kCases);
}

}  // namespace
}  // namespace strata::knowledge
