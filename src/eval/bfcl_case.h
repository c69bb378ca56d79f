// Cases of the Berkeley Function-Calling Leaderboard (BFCL v3 and v4; ShishirPatil/gorilla).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace strata::eval {

/// In which an argument is written: Java's and JavaScript's are strings of source text.
enum class Language : std::uint8_t { kPython, kJava, kJavaScript };

/// What is right.
enum class Expected : std::uint8_t {
  kOneCall,   ///< the one of the ground truth
  kAllCalls,  ///< those of the ground truth, in any order
  kNoCall,    ///< irrelevance
  kSomeCall,  ///< relevance: any call
};

struct BfclCase {
  std::string id;
  std::string category = {};             ///< "live_simple"
  nlohmann::ordered_json messages = {};  ///< of its only turn
  nlohmann::ordered_json functions = {};
  nlohmann::ordered_json ground_truth = {};  ///< array of {name: {parameter: [accepted values; "" = may be absent]}}

  Language language() const;
  Expected expected() const;
};

struct BfclCases {
  std::vector<BfclCase> cases;
  std::vector<std::string> skipped;  ///< ids of cases of several turns, which need tools that run
};

/// Two layouts: BFCL's own, where `questions` has {"id", "question", "function"} a line and `answers` has {"id",
/// "ground_truth"} (empty text: no file of answers, as irrelevance has none); or all in one, {"id", "category",
/// "question", "functions", "ground_truth"}. Errors: kInvalidArgument naming line and member.
Result<BfclCases> ParseBfclCases(std::string_view questions, std::string_view answers);

/// BFCL's dots in names become underscores, which every API takes.
std::string ToolName(std::string_view function);

/// The functions as OpenAI's tools: BFCL's types as JSON Schema's, arguments of Java and JavaScript as strings.
nlohmann::ordered_json ToolsOf(const BfclCase& test_case, bool strict);

}  // namespace strata::eval
