// Schemas by example: which texts each keyword and each combination lets through.
#include "grammar/json_schema/json_schema.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "grammar/machine.h"

namespace strata::grammar {
namespace {

using Json = nlohmann::ordered_json;

/// A compiled schema and what it needs.
class Recogniser {
 public:
  explicit Recogniser(const Json& schema, const JsonSchemaOptions& options = {})
      : compiled_(CompileJsonSchema(network_, schema, options)) {
    if (compiled_) machine_ = std::make_unique<Machine>(network_, compiled_->root);
  }

  const Error* error() const { return compiled_ ? nullptr : &compiled_.error(); }
  bool Accepts(std::string_view text) {
    const ConfigId config = After(text);
    EXPECT_FALSE(machine_->exhausted());
    return machine_->Accepts(config);
  }
  /// Whether some text that begins so is accepted.
  bool Begins(std::string_view text) { return After(text) != kDeadConfig; }

 private:
  ConfigId After(std::string_view text) { return machine_->Read(machine_->start(), text); }

  RegexStore store_;
  Lexer lexer_{store_};
  Network network_{lexer_};
  Result<CompiledSchema> compiled_;
  std::unique_ptr<Machine> machine_;
};

struct Example {
  std::string_view schema;
  std::vector<std::string_view> accepted;
  std::vector<std::string_view> rejected;
};

void Check(const std::vector<Example>& examples, const JsonSchemaOptions& options = {}) {
  for (const Example& example : examples) {
    SCOPED_TRACE(example.schema);
    Recogniser recogniser(Json::parse(example.schema), options);
    ASSERT_EQ(recogniser.error(), nullptr) << recogniser.error()->ToString();
    for (const std::string_view text : example.accepted) EXPECT_TRUE(recogniser.Accepts(text)) << text;
    for (const std::string_view text : example.rejected) EXPECT_FALSE(recogniser.Accepts(text)) << text;
  }
}

void CheckRefused(std::string_view schema, ErrorCode code, std::string_view param) {
  SCOPED_TRACE(schema);
  Recogniser recogniser(Json::parse(schema));
  ASSERT_NE(recogniser.error(), nullptr);
  EXPECT_EQ(recogniser.error()->code(), code) << recogniser.error()->ToString();
  EXPECT_EQ(recogniser.error()->param(), param) << recogniser.error()->ToString();
}

TEST(JsonSchemaTest, AnyValueIsAnyJson) {
  Check({{"{}",
          {"null", "-0", "1e5", "-1.5E+3", R"("\u00e9\n\"")", "[ ]", "{ }", "[1 , [] ,\n{\"a\" : {}}]", R"({"":0})"},
          {"", "nul", "01", "1.", ".5", "+1", "NaN", "'a'", "[1,]", "[,1]", R"({"a"})", R"({"a":1,})", "{a:1}",
           "\"\n\"", R"("\x")", R"("\ud800")", "1 2", " 1", "1 "}},
         {"true", {"1", "{}"}, {}}});
}

TEST(JsonSchemaTest, WithoutWhiteSpaceThereIsNone) {
  Check({{"{}", {R"({"a":[1,2]})"}, {R"({"a": 1})", "[1, 2]", "[ ]", "{ }"}}}, {.whitespace = false});
}

TEST(JsonSchemaTest, Types) {
  Check({{R"({"type":"integer"})", {"0", "-7", "123456789012345678901"}, {"1.5", "1e2", "01", "\"1\""}},
         {R"({"type":"number"})", {"0", "-7.25", "1e-2"}, {"true", "[]"}},
         {R"({"type":["integer","number"]})", {"1", "1.5"}, {"null"}},
         {R"({"type":"boolean"})", {"true", "false"}, {"null", "True"}},
         {R"({"type":"null"})", {"null"}, {"0"}},
         {R"({"type":["string","null"]})", {"\"\"", "null"}, {"0"}},
         {R"({"type":"string","nullable":true})", {"\"\"", "null"}, {"0"}}});
}

TEST(JsonSchemaTest, ConstantsAreEqualAsValues) {
  Check({{R"({"const":1})", {"1", "1.0"}, {"1.5", "10", "\"1\"", "true"}},
         {R"({"const":"a\"b"})", {R"("a\"b")", R"("a\u0022b")"}, {"\"a\"", "\"ab\""}},
         {R"({"enum":[null,true,"x",2.50,[1,{}],{"a":{"b":false}}]})",
          {"null", "true", "\"x\"", "2.5", "2.500", "[1.0,{}]", R"({"a":{"b":false}})"},
          {"false", "2", "[1]", "[1,{},2]", R"({"a":{}})", R"({"a":{"b":false},"c":1})"}},
         {R"({"type":"integer","enum":[1,2,"a"]})", {"1", "2"}, {"\"a\"", "1.0", "3"}},
         {R"({"not":{"const":{"a":1}}})", {"{}", R"({"a":2})", R"({"a":1,"b":1})", R"({"b":1})"}, {R"({"a":1})"}},
         {R"({"not":{"const":[1,2]}})", {"[]", "[1]", "[1,3]", "[1,2,3]"}, {"[1,2]"}}});
}

TEST(JsonSchemaTest, StringsAreOneLanguage) {
  Check(
      {{R"({"type":"string","minLength":2,"maxLength":3})",
        {"\"ab\"", R"("\n\ud83d\ude00")", "\"äöü\""},
        {"\"a\"", "\"abcd\""}},
       {R"({"type":"string","pattern":"b","maxLength":2})", {"\"b\"", "\"ab\"", "\"bb\""}, {"\"aa\"", "\"abb\""}},
       {R"({"type":"string","format":"date","pattern":"^2"})",
        {"\"2024-02-29\""},
        {"\"1999-01-01\"", "\"2023-02-29\""}},
       {R"({"not":{"pattern":"^a"},"type":"string"})", {"\"\"", "\"ba\""}, {"\"a\"", "\"ab\""}},
       {R"({"type":"string","oneOf":[{"maxLength":2},{"pattern":"^x"}]})", {"\"ab\"", "\"xyz\""}, {"\"x\"", "\"abc\""}},
       {R"({"if":{"pattern":"^a"},"then":{"maxLength":1},"else":{"minLength":2},"type":"string"})",
        {"\"a\"", "\"bc\""},
        {"\"ab\"", "\"b\"", "\"\""}}});
}

/// Of texts that ECMA-262 and Python's validators read differently none is given, whichever way the schema asks.
TEST(JsonSchemaTest, PatternsHoldByEveryReading) {
  Check({{R"({"type": "string", "pattern": "^\\S+ \\S+$"})", {R"("a b")"}, {R"("a\u001d b")", R"("a\uFEFF b")"}},
         {R"({"type": "string", "not": {"pattern": "\\d"}})", {R"("a")"}, {R"("1")", R"("٣")"}},
         {R"({"type": "string", "not": {"not": {"pattern": "\\W"}}})", {R"("-")"}, {R"("é")", R"("a")"}},
         {R"({"type": "object", "patternProperties": {"^\\d$": {"type": "null"}}, "additionalProperties": false})",
          {R"({"1": null})"},
          {R"({"٣": null})", R"({"1": 1})"}},
         {R"({"type": "object", "patternProperties": {"^\\d$": {"type": "null"}}, "additionalProperties": true})",
          {R"({"٣": null})", R"({"a": 1})"},
          {R"({"٣": 1})", R"({"1": 1})"}}});
}

TEST(JsonSchemaTest, NumbersAreExact) {
  Check({{R"({"type":"integer","minimum":-3,"maximum":12})", {"-3", "0", "12"}, {"-4", "13", "1.5"}},
         {R"({"type":"number","exclusiveMinimum":0.5,"maximum":2})", {"0.51", "2", "2.0"}, {"0.5", "2.01", "-1"}},
         {R"({"minimum":1,"exclusiveMinimum":true})", {"1.1", "\"x\""}, {"1", "0"}},
         {R"({"type":"number","multipleOf":0.01})", {"1.23", "4"}, {"1.234"}},
         {R"({"type":"integer","multipleOf":7,"not":{"multipleOf":14}})", {"7", "21", "-7"}, {"0", "14", "8"}},
         {R"({"type":"number","not":{"minimum":3}})", {"2.9", "-5"}, {"3", "4"}},
         {R"({"anyOf":[{"type":"integer","minimum":5},{"type":"number","maximum":1}]})", {"5", "0.5"}, {"3", "5.5"}}});
}

TEST(JsonSchemaTest, Arrays) {
  Check({{R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":2})",
          {"[1]", "[1,2]"},
          {"[]", "[1,2,3]", "[true]"}},
         {R"({"type":"array","prefixItems":[{"type":"null"},{"type":"boolean"}],"items":false})",
          {"[]", "[null]", "[null,true]"},
          {"[true]", "[null,true,1]"}},
         {R"({"type":"array","items":[{"type":"null"}],"additionalItems":{"type":"string"}})",
          {"[]", "[null,\"a\",\"b\"]"},
          {"[null,1]", "[1]"}},
         {R"({"type":"array","contains":{"const":1}})", {"[1]", "[2,1]", "[1,1,\"x\"]"}, {"[]", "[2]"}},
         {R"({"type":"array","contains":{"const":1},"minContains":2,"maxContains":3,"maxItems":4})",
          {"[1,1]", "[1,2,1]", "[1,1,1,0]"},
          {"[1]", "[1,1,1,1]", "[0,0,0,1]", "[1,1,0,0,0]"}},
         {R"({"type":"array","items":{"enum":["a","é",1]},"uniqueItems":true,"minItems":2})",
          {R"(["a","\u00e9"])", R"([1,"é","a"])"},
          {R"(["a"])", R"(["a","a"])", R"([1,1.0])", R"(["é","\u00e9"])"}},
         {R"({"type":"array","uniqueItems":true,"maxItems":1})", {"[]", "[[1,1]]"}, {"[1,1]"}},
         {R"({"not":{"items":{"type":"string"}},"type":"array"})", {"[1]", "[\"a\",1]"}, {"[]", "[\"a\"]"}}});
}

TEST(JsonSchemaTest, ArraysThatCannotGoOnDoNotBegin) {
  Recogniser contains(Json::parse(R"({"contains":{"const":1},"type":"array","maxItems":2})"));
  EXPECT_TRUE(contains.Begins("[2,"));
  EXPECT_FALSE(contains.Begins("[2,2"));
  Recogniser unique(Json::parse(R"({"items":{"type":"boolean"},"uniqueItems":true,"type":"array"})"));
  EXPECT_TRUE(unique.Begins("[true,f"));
  EXPECT_FALSE(unique.Begins("[true,t"));
  EXPECT_FALSE(unique.Begins("[true,false,"));
}

TEST(JsonSchemaTest, Objects) {
  Check({{R"({"properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["b"],"type":"object"})",
          {R"({"b":""})", R"({"a":1,"b":""})", R"({"b":"","c":null})"},
          {"{}", R"({"a":1})", R"({"a":"","b":""})", R"({"b":"","b":""})", R"({"b":"","a":""})"}},
         {R"({"properties":{"a":{}},"additionalProperties":false,"type":"object"})",
          {"{}", R"({"a":1})"},
          {R"({"b":1})"}},
         {R"({"patternProperties":{"^x":{"type":"null"},"y$":{"type":["null","boolean"]}},)"
          R"("additionalProperties":{"type":"integer"},"type":"object"})",
          {R"({"x":null,"y":true,"z":1,"xy":null})"},
          {R"({"xy":true})", R"({"x":1})", R"({"z":null})"}},
         {R"({"propertyNames":{"maxLength":2},"type":"object"})", {"{}", R"({"ab":1})"}, {R"({"abc":1})"}},
         {R"({"minProperties":1,"maxProperties":2,"type":"object"})",
          {R"({"a":1})", R"({"a":1,"b":2})"},
          {"{}", R"({"a":1,"b":2,"c":3})"}},
         {R"({"minProperties":2,"type":"object"})",
          {R"({"a":1,"b":2})", R"({"a":1,"b":2,"a":3})"},
          {R"({"a":1})", R"({"a":1,"a":2})"}},
         {R"({"dependentRequired":{"a":["b"]},"type":"object"})",
          {"{}", R"({"b":1})", R"({"a":1,"b":1})", R"({"b":1,"a":1})"},
          {R"({"a":1})"}},
         {R"({"dependencies":{"a":{"required":["c"]}},"type":"object"})",
          {R"({"b":1})", R"({"a":1,"c":1})"},
          {R"({"a":1})"}}});
}

TEST(JsonSchemaTest, KeysInAnyOrder) {
  const std::string_view schema =
      R"({"properties":{"a":{},"b":{},"c":{}},"required":["a","c"],"additionalProperties":false,"type":"object"})";
  Check({{schema, {R"({"a":1,"c":1})", R"({"a":1,"b":1,"c":1})"}, {R"({"c":1,"a":1})", R"({"b":1,"a":1,"c":1})"}}});
  Check({{schema, {R"({"c":1,"b":1,"a":1})", R"({"c":1,"a":1})"}, {R"({"c":1,"b":1})", R"({"a":1,"c":1,"a":1})"}}},
        {.key_order = KeyOrder::kAny});
}

TEST(JsonSchemaTest, ObjectsThatCannotGoOnDoNotBegin) {
  Recogniser full(Json::parse(R"({"required":["a"],"maxProperties":1,"type":"object"})"));
  EXPECT_TRUE(full.Begins(R"({"a")"));
  EXPECT_FALSE(full.Begins(R"({"b")"));
  Recogniser impossible(Json::parse(R"({"properties":{"a":false,"b":{"not":{}},"c":{"enum":[]}},"type":"object"})"));
  for (const std::string_view key : {R"({"a")", R"({"b")", R"({"c")"}) EXPECT_FALSE(impossible.Begins(key)) << key;
  EXPECT_TRUE(impossible.Begins(R"({"d")"));
}

TEST(JsonSchemaTest, Combinations) {
  Check({{R"({"allOf":[{"properties":{"a":{"type":"integer"}},"required":["a"]},{"properties":{"a":{"minimum":3},)"
          R"("b":{}},"required":["b"]}],"type":"object"})",
          {R"({"a":3,"b":1})"},
          {R"({"a":2,"b":1})", R"({"a":3})"}},
         {R"({"anyOf":[{"required":["a"]},{"required":["b"]}],"type":"object","additionalProperties":{"type":"null"}})",
          {R"({"a":null})", R"({"c":null,"b":null})"},
          {"{}", R"({"c":null})", R"({"a":1})"}},
         {R"({"oneOf":[{"required":["a"]},{"required":["b"]}],"type":"object"})",
          {R"({"a":1})", R"({"c":2,"b":1})"},
          {"{}", R"({"a":1,"b":1})"}},
         {R"({"not":{"required":["a"]},"type":"object"})", {"{}", R"({"b":1})"}, {R"({"a":1})"}},
         {R"({"not":{"patternProperties":{"^x":{"type":"null"}}},"type":"object"})",
          {R"({"xa":1})", R"({"xa":null,"xb":1})"},
          {"{}", R"({"xa":null})", R"({"y":1})"}},
         {R"({"not":{"additionalProperties":{"type":"null"}},"type":"object"})",
          {R"({"a":1})"},
          {"{}", R"({"a":1,"a":null})"}},
         {R"({"if":{"properties":{"t":{"const":1}},"required":["t"]},"then":{"required":["x"]},)"
          R"("else":{"required":["y"]},"type":"object"})",
          {R"({"t":1,"x":0})", R"({"t":2,"y":0})", R"({"y":0})"},
          {R"({"t":1,"y":0})", R"({"x":0})"}}},
        {.key_order = KeyOrder::kAny});
}

TEST(JsonSchemaTest, Unevaluated) {
  Check({{R"({"allOf":[{"properties":{"a":{}}}],"properties":{"b":{}},"unevaluatedProperties":false,"type":"object"})",
          {R"({"a":1,"b":1})"},
          {R"({"c":1})"}},
         {R"({"anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{}},"required":["b"]}],)"
          R"("unevaluatedProperties":false,"type":"object"})",
          {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":2})"},
          {R"({"a":2,"b":1})", R"({"a":1,"c":1})"}},
         {R"({"prefixItems":[{"type":"null"}],"contains":{"type":"string"},"unevaluatedItems":{"type":"boolean"},)"
          R"("type":"array"})",
          {R"([null,"a",true])"},
          {R"([null,"a",1])", "[null,true]"}}},
        {.key_order = KeyOrder::kAny});
}

TEST(JsonSchemaTest, ReferencesAndRecursion) {
  Check({{R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"v":{"type":"integer"},)"
          R"("kids":{"type":"array","items":{"$ref":"#/$defs/tree"}}},"required":["v"],)"
          R"("additionalProperties":false}}})",
          {R"({"v":1})", R"({"v":1,"kids":[{"v":2,"kids":[]},{"v":3}]})"},
          {"{}", R"({"v":1,"kids":[{}]})"}},
         {R"({"$id":"http://e.x/root","items":{"$ref":"leaf"},"type":"array","$defs":{"l":{"$id":"leaf",)"
          R"("$anchor":"n","type":"null"}}})",
          {"[null]"},
          {"[1]"}},
         {R"({"$schema":"http://json-schema.org/draft-04/schema#","definitions":{"p":{"id":"#p","minimum":3}},)"
          R"("properties":{"a":{"$ref":"#p","maximum":1}},"type":"object"})",
          {R"({"a":5})"},
          {R"({"a":2})"}},
         {R"({"properties":{"a":{"$ref":"#/$defs/p","maximum":4}},"$defs":{"p":{"minimum":3}},"type":"object"})",
          {R"({"a":4})"},
          {R"({"a":5})", R"({"a":2})"}}});
}

TEST(JsonSchemaTest, DynamicReferences) {
  Check({{R"({"$id":"http://e.x/strict-tree","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false,)"
          R"("$defs":{"t":{"$id":"tree","$dynamicAnchor":"node","type":"object","properties":{"data":true,)"
          R"("children":{"type":"array","items":{"$dynamicRef":"#node"}}}}}})",
          {R"({"children":[{"data":1}]})"},
          {R"({"children":[{"daat":1}]})", R"({"x":1})"}}});
}

TEST(JsonSchemaTest, WhatNeedsItselfHasNoValue) {
  Check({{R"({"anyOf":[{"type":"null"},{"$ref":"#/$defs/endless"}],"$defs":{"endless":{"type":"object",)"
          R"("properties":{"next":{"$ref":"#/$defs/endless"}},"required":["next"]}}})",
          {"null"},
          {R"({"next":null})"}}});
  Recogniser endless(Json::parse(R"({"type":"array","minItems":1,"items":{"$ref":"#"}})"));
  ASSERT_NE(endless.error(), nullptr);
  EXPECT_EQ(endless.error()->code(), ErrorCode::kInvalidArgument);
}

TEST(JsonSchemaTest, ErrorsNameThePlace) {
  CheckRefused(R"({"properties":{"a/b":{"type":"strin"}}})", ErrorCode::kInvalidArgument, "/properties/a~1b/type");
  CheckRefused(R"({"items":{"pattern":"("}})", ErrorCode::kInvalidArgument, "/items/pattern");
  CheckRefused(R"({"format":"regex"})", ErrorCode::kUnsupported, "/format");
  CheckRefused(R"({"type":"string","not":{"format":"hostname"}})", ErrorCode::kUnsupported, "/not");
  CheckRefused(R"({"$ref":"http://elsewhere.example/schema"})", ErrorCode::kUnsupported, "/$ref");
  CheckRefused(R"({"$ref":"#/$defs/none"})", ErrorCode::kInvalidArgument, "/$ref");
  CheckRefused(R"({"type":"array","uniqueItems":true})", ErrorCode::kUnsupported, "/uniqueItems");
  CheckRefused(R"({"not":{"uniqueItems":true},"type":"array"})", ErrorCode::kUnsupported, "/not/uniqueItems");
  CheckRefused(R"({"allOf":[{"$ref":"#"}]})", ErrorCode::kInvalidArgument, "");
  CheckRefused(R"(false)", ErrorCode::kInvalidArgument, "");
  CheckRefused(R"([])", ErrorCode::kInvalidArgument, "");
}

TEST(JsonSchemaTest, FormatsThatNobodyDefinesAreAnnotations) {
  Check({{R"({"type":"string","format":"no-such-format"})", {"\"x\""}, {"1"}},
         {R"({"type":"string","not":{"format":"ipv4"}})", {"\"x\""}, {"\"1.2.3.4\""}}});
}

/// A schema that is small to write and large to understand is refused, or compiled, soon.
TEST(JsonSchemaTest, BombsAreDefused) {
  std::vector<Json> bombs;
  Json product{{"type", "object"}, {"allOf", Json::array()}};
  for (int i = 0; i < 40; ++i) {
    Json any = Json::array();
    for (int j = 0; j < 6; ++j) any.push_back({{"required", {fmt::format("p{}{}", i, j)}}});
    product["allOf"].push_back({{"anyOf", any}});
  }
  bombs.push_back(product);
  Json overlapping{{"oneOf", Json::array()}};
  for (int i = 0; i < 60; ++i) {
    overlapping["oneOf"].push_back({{"properties", {{fmt::format("p{}", i), {{"type", "integer"}}}}}});
  }
  bombs.push_back(overlapping);
  Json chain{{"$defs", Json::object()}, {"$ref", "#/$defs/d0"}};
  for (int i = 0; i < 5'000; ++i) {
    const std::string next = fmt::format("#/$defs/d{}", i + 1);
    chain["$defs"][fmt::format("d{}", i)] = {
        {"allOf", {{{"$ref", next}}, {{"properties", {{"x", {{"$ref", next}}}}}}}}};
  }
  chain["$defs"]["d5000"] = true;
  bombs.push_back(chain);
  Json wide{{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
  for (int i = 0; i < 20'000; ++i) wide["properties"][fmt::format("property{}", i)] = {{"type", "integer"}};
  bombs.push_back(wide);
  bombs.push_back(Json::parse(R"({"pattern":"^(a|b)*a(a|b){40}$","not":{"pattern":"^(a|b)*b(a|b){40}$"}})"));
  bombs.push_back(Json::parse(R"({"type":"array","contains":{"const":1},"minContains":1000000})"));
  Json deep = true;
  for (int i = 0; i < 1'000; ++i) deep = {{"items", deep}};
  bombs.push_back(deep);
  for (const Json& bomb : bombs) {
    SCOPED_TRACE(bomb.dump().substr(0, 200));
    const auto start = std::chrono::steady_clock::now();
    Recogniser recogniser(bomb);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_LT(taken.count(), 10) << "even on a slow machine, with sanitizers";
    if (recogniser.error() != nullptr) EXPECT_EQ(recogniser.error()->code(), ErrorCode::kUnsupported);
  }
}

}  // namespace
}  // namespace strata::grammar
