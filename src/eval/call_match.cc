#include "eval/call_match.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/unicode.h"
#include "eval/python_value.h"
#include "eval/source_literal.h"

namespace strata::eval {
namespace {

using Json = nlohmann::ordered_json;

Verdict Right() { return {.right = true}; }

template <class... Args>
Verdict Wrong(std::string_view kind, fmt::format_string<Args...> format, Args&&... args) {
  return {.kind = kind, .detail = fmt::format(format, std::forward<Args>(args)...)};
}

/// What a parameter's declared type is in Python.
std::optional<PythonType> DeclaredType(Language language, std::string_view name) {
  struct Row {
    std::string_view name;
    PythonType type;
  };
  static constexpr Row kPython[] = {{"string", PythonType::kStr},  {"integer", PythonType::kInt},
                                    {"float", PythonType::kFloat}, {"boolean", PythonType::kBool},
                                    {"array", PythonType::kList},  {"tuple", PythonType::kList},
                                    {"dict", PythonType::kDict},   {"any", PythonType::kStr}};
  static constexpr Row kJava[] = {
      {"byte", PythonType::kInt},       {"short", PythonType::kInt},    {"integer", PythonType::kInt},
      {"float", PythonType::kFloat},    {"double", PythonType::kFloat}, {"long", PythonType::kInt},
      {"boolean", PythonType::kBool},   {"char", PythonType::kStr},     {"Array", PythonType::kList},
      {"ArrayList", PythonType::kList}, {"HashMap", PythonType::kDict}, {"String", PythonType::kStr},
      {"any", PythonType::kStr}};
  static constexpr Row kJavaScript[] = {{"String", PythonType::kStr},   {"integer", PythonType::kInt},
                                        {"float", PythonType::kFloat},  {"Bigint", PythonType::kInt},
                                        {"Boolean", PythonType::kBool}, {"dict", PythonType::kDict},
                                        {"array", PythonType::kList},   {"any", PythonType::kStr}};
  const std::span<const Row> rows = language == Language::kPython ? std::span<const Row>(kPython)
                                    : language == Language::kJava ? std::span<const Row>(kJava)
                                                                  : std::span<const Row>(kJavaScript);
  const auto row = std::ranges::find(rows, name, &Row::name);
  if (row == rows.end()) return std::nullopt;
  return row->type;
}

bool IsAbsentMark(const Json& answer) { return answer.is_string() && answer.get_ref<const std::string&>().empty(); }

bool MayBeAbsent(const Json& answers) { return std::ranges::any_of(answers, IsAbsentMark); }

/// The type that the accepted answers have; nullopt where they only say that the argument may be absent.
std::optional<PythonType> TypeOfAnswers(const Json& answers) {
  for (const Json& answer : answers) {
    if (!IsAbsentMark(answer)) return TypeOf(answer);
  }
  return std::nullopt;
}

/// Strings that differ in case, spaces and some punctuation are the same.
std::string Standardised(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const DecodedCodePoint next = DecodeUtf8(text);
    text.remove_prefix(next.length);
    if (next.code_point < 0x80 && std::string_view(" ,./-_*^").contains(static_cast<char>(next.code_point))) continue;
    AppendUtf8(out, next.code_point == U'\'' ? U'"' : ToLower(next.code_point));
  }
  return out;
}

Json StandardisedIfString(const Json& value) {
  return value.is_string() ? Json(Standardised(value.get_ref<const std::string&>())) : value;
}

Json StandardisedElements(const Json& list) {
  Json out = Json::array();
  if (!list.is_array()) return out;
  for (const Json& element : list) out.push_back(StandardisedIfString(element));
  return out;
}

bool Contains(const Json& answers, const Json& value) {
  return std::ranges::any_of(answers, [&](const Json& answer) { return PythonEquals(answer, value); });
}

bool ContainsStandardised(const Json& answers, const Json& value) {
  const Json wanted = StandardisedIfString(value);
  return std::ranges::any_of(answers,
                             [&](const Json& answer) { return PythonEquals(StandardisedIfString(answer), wanted); });
}

bool ListIsAmong(const Json& answers, const Json& list) {
  const Json wanted = StandardisedElements(list);
  return std::ranges::any_of(answers,
                             [&](const Json& answer) { return PythonEquals(StandardisedElements(answer), wanted); });
}

/// `answer`: {key: [accepted values]}.
bool DictFits(const Json& answer, const Json& dict) {
  if (!answer.is_object() || !dict.is_object()) return false;
  for (const auto& [key, value] : dict.items()) {
    const auto accepted = answer.find(key);
    if (accepted == answer.end() || !accepted->is_array() || !ContainsStandardised(*accepted, value)) return false;
  }
  return std::ranges::all_of(answer.items(), [&](const auto& member) {
    return dict.contains(member.key()) || (member.value().is_array() && MayBeAbsent(member.value()));
  });
}

bool DictIsAmong(const Json& answers, const Json& dict) {
  return std::ranges::any_of(answers, [&](const Json& answer) { return DictFits(answer, dict); });
}

bool DictListIsAmong(const Json& answers, const Json& list) {
  return std::ranges::any_of(answers, [&](const Json& answer) {
    if (IsAbsentMark(answer)) return list.empty();
    return answer.is_array() && std::ranges::equal(answer, list, DictFits);
  });
}

struct TypeMatch {
  bool right = false;
  /// The answers are of another type than the declared one: names of variables, for instance. Compared as they are.
  bool as_answers = false;
};

/// Elements of a list may be of the declared type or of the answers' type.
bool ElementsFit(const Json& list, const Json& answers, PythonType element) {
  return std::ranges::any_of(answers, [&](const Json& answer) {
    if (!answer.is_array()) return true;
    const std::optional<PythonType> of_answer = TypeOfAnswers(answer);
    return std::ranges::all_of(list, [&](const Json& value) {
      const PythonType type = TypeOf(value);
      return type == element || (of_answer && type == *of_answer);
    });
  });
}

TypeMatch MatchType(const Json& value, const Json& answers, PythonType declared, std::optional<PythonType> element) {
  const std::optional<PythonType> of_answers = TypeOfAnswers(answers);
  if (TypeOf(value) == declared) {
    if (element && !ElementsFit(value, answers, *element)) return {};
    return {.right = true, .as_answers = of_answers && *of_answers != declared};
  }
  if (of_answers && TypeOf(value) == *of_answers) return {.right = true, .as_answers = true};
  return {};
}

bool IsAmong(const Json& answers, const Json& value, PythonType declared, std::optional<PythonType> element) {
  if (declared == PythonType::kDict) return DictIsAmong(answers, value);
  if (declared == PythonType::kList && element == PythonType::kDict) return DictListIsAmong(answers, value);
  if (declared == PythonType::kList) return ListIsAmong(answers, value);
  return declared == PythonType::kStr ? ContainsStandardised(answers, value) : Contains(answers, value);
}

class FunctionMatch {
 public:
  FunctionMatch(Language language, const Json& function, const Json& answer)
      : language_(language),
        name_(function.at("name").get<std::string>()),
        properties_(function.at("parameters").value("properties", Json::object())),
        required_(function.at("parameters").value("required", Json::array())),
        answer_(answer.front()) {}

  Verdict operator()(const Call& call) const {
    if (call.name != ToolName(name_)) return Wrong("wrong_name", "{} is called, not {}", call.name, ToolName(name_));
    for (const Json& name : required_) {
      if (!call.arguments.contains(name.get<std::string>())) return Wrong("missing_required", "{}", name.dump());
    }
    for (const auto& [name, value] : call.arguments.items()) {
      if (Verdict verdict = MatchArgument(name, value); !verdict.right) return verdict;
    }
    for (const auto& [name, answers] : answer_.items()) {
      if (!call.arguments.contains(name) && !MayBeAbsent(answers)) return Wrong("missing_optional", "{}", name);
    }
    return Right();
  }

 private:
  Verdict MatchArgument(const std::string& name, Json value) const {
    const auto property = properties_.find(name);
    const auto answers = answer_.find(name);
    if (property == properties_.end() || answers == answer_.end()) return Wrong("unexpected_parameter", "{}", name);
    const std::string type = property->value("type", "");
    const std::optional<PythonType> declared = DeclaredType(language_, type);
    if (!declared) return Wrong("unknown_type", "{} is declared as {:?}", name, type);
    std::optional<PythonType> element;
    std::string element_name;
    if (HasElements(type)) {
      element_name = property->value("items", Json::object()).value("type", "");
      element = DeclaredType(language_, element_name);
      if (!element) return Wrong("unknown_type", "the items of {} are declared as {:?}", name, element_name);
    }
    if (language_ == Language::kPython) {
      if (type == "float" && TypeOf(value) == PythonType::kInt) value = value.get<double>();
    } else {
      if (!value.is_string()) return Wrong("wrong_type", "{} is {}, not source text", name, value.dump());
      value = ReadSourceLiteral(language_, value.get<std::string>(), type, element_name);
    }
    const TypeMatch match = MatchType(value, *answers, *declared, element);
    if (!match.right) return Wrong("wrong_type", "{} is {}, not of type {}", name, value.dump(), type);
    const bool among = match.as_answers ? Contains(*answers, value) : IsAmong(*answers, value, *declared, element);
    if (!among) return Wrong("wrong_value", "{} is {}, not one of {}", name, value.dump(), answers->dump());
    return Right();
  }

  bool HasElements(std::string_view type) const {
    if (language_ == Language::kPython) return type == "array" || type == "tuple";
    return type == "array" || type == "Array" || type == "ArrayList";
  }

  const Language language_;
  const std::string name_;
  const Json properties_, required_;
  const Json& answer_;
};

const Json* FindFunction(const BfclCase& test_case, const std::string& name) {
  const auto found =
      std::ranges::find_if(test_case.functions, [&](const Json& function) { return function["name"] == name; });
  return found == test_case.functions.end() ? nullptr : &*found;
}

/// Each expected call takes the first that fits and that no other has taken.
Verdict MatchAll(const BfclCase& test_case, const std::vector<Call>& calls) {
  std::vector<bool> taken(calls.size());
  for (const Json& expected : test_case.ground_truth) {
    const std::string name = expected.begin().key();
    const Json* function = FindFunction(test_case, name);
    if (function == nullptr) return Wrong("unknown_function", "the ground truth calls {}, which is not there", name);
    const FunctionMatch match(test_case.language(), *function, expected);
    Verdict nearest = Wrong("no_match", "no call is left for {}", name);
    std::size_t found = calls.size();
    for (std::size_t i = 0; i < calls.size() && found == calls.size(); ++i) {
      if (taken[i]) continue;
      const Verdict verdict = match(calls[i]);
      if (verdict.right) found = i;
      if (verdict.kind != "wrong_name") nearest.detail = fmt::format("{}: {} {}", name, verdict.kind, verdict.detail);
    }
    if (found == calls.size()) return nearest;
    taken[found] = true;
  }
  return Right();
}

}  // namespace

Verdict MatchCalls(const BfclCase& test_case, const std::vector<Call>& calls) {
  const Expected expected = test_case.expected();
  if (expected == Expected::kNoCall) return calls.empty() ? Right() : Wrong("called", "{} is called", calls[0].name);
  if (expected == Expected::kSomeCall) return calls.empty() ? Wrong("not_called", "nothing is called") : Right();
  const std::size_t wanted = expected == Expected::kOneCall ? 1 : test_case.ground_truth.size();
  if (calls.size() != wanted) return Wrong("wrong_count", "{} calls, not {}", calls.size(), wanted);
  if (expected == Expected::kAllCalls) return MatchAll(test_case, calls);
  // "multiple" finds the function by its name, "simple" has only one.
  const std::string name = test_case.ground_truth[0].begin().key();
  const Json* function =
      test_case.category.contains("multiple") ? FindFunction(test_case, name) : &test_case.functions[0];
  if (function == nullptr) return Wrong("unknown_function", "the ground truth calls {}, which is not there", name);
  return FunctionMatch(test_case.language(), *function, test_case.ground_truth[0])(calls[0]);
}

}  // namespace strata::eval
