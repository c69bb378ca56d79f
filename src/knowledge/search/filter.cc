#include "knowledge/search/filter.h"

#include <algorithm>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json_pointer.h"
#include "knowledge/search/date.h"

namespace strata::knowledge {
namespace {

using Json = nlohmann::json;

// A filter is evaluated for every document: bounds on what one request may ask for.
constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 1000;

enum class Operator : std::uint8_t { kEqual, kLess, kLessOrEqual, kMore, kMoreOrEqual, kIn, kContains, kExists };

/// What an operator is called; "!=" is the negation of "=".
const std::map<std::string_view, Operator>& Operators() {
  static const auto& names =
      *new std::map<std::string_view, Operator>{{"=", Operator::kEqual},      {"!=", Operator::kEqual},
                                                {"<", Operator::kLess},       {"<=", Operator::kLessOrEqual},
                                                {">", Operator::kMore},       {">=", Operator::kMoreOrEqual},
                                                {"in", Operator::kIn},        {"contains", Operator::kContains},
                                                {"exists", Operator::kExists}};
  return names;
}

/// A value of the filter, its date read once.
struct Value {
  Json json;
  std::optional<std::int64_t> date;

  explicit Value(const Json& value) : json(value) {
    if (value.is_string()) date = ParseDate(value.get_ref<const std::string&>());
  }
};

std::partial_ordering Order(auto a, auto b) { return a <=> b; }

/// Unordered where the types differ.
std::partial_ordering Compare(const Json& a, const Value& b) {
  if (a.is_string() && b.json.is_string()) {
    const auto& text = a.get_ref<const std::string&>();
    if (b.date) {
      if (const auto date = ParseDate(text)) return Order(*date, *b.date);
    }
    return Order(text.compare(b.json.get_ref<const std::string&>()), 0);
  }
  if (a.is_boolean() && b.json.is_boolean()) return Order(a.get<bool>(), b.json.get<bool>());
  if (!a.is_number() || !b.json.is_number()) return std::partial_ordering::unordered;
  if (a < b.json) return std::partial_ordering::less;
  return a == b.json ? std::partial_ordering::equivalent : std::partial_ordering::greater;
}

bool Holds(Operator op, std::partial_ordering order) {
  switch (op) {
    case Operator::kLess:
      return order == std::partial_ordering::less;
    case Operator::kLessOrEqual:
      return order == std::partial_ordering::less || order == std::partial_ordering::equivalent;
    case Operator::kMore:
      return order == std::partial_ordering::greater;
    case Operator::kMoreOrEqual:
      return order == std::partial_ordering::greater || order == std::partial_ordering::equivalent;
    default:
      return order == std::partial_ordering::equivalent;
  }
}

std::unexpected<Error> Refuse(const std::string& pointer, std::string message) {
  return std::unexpected(
      Error(ErrorCode::kInvalidArgument, fmt::format("filter{}: {}", pointer.empty() ? "" : " " + pointer, message))
          .WithParam(pointer));
}

}  // namespace

struct Filter::Node {
  enum class Kind : std::uint8_t { kAll, kAny, kNot, kField };
  Kind kind = Kind::kAll;
  std::vector<Node> children = {};
  std::string field = {};
  Operator op = Operator::kEqual;
  std::vector<Value> values = {};  ///< one, but for kIn

  bool Accepts(const Json& metadata) const;

 private:
  bool AcceptsValue(const Json& value) const;
};

bool Filter::Node::AcceptsValue(const Json& value) const {
  if (value.is_array()) {
    return std::ranges::any_of(value,
                               [&](const Json& element) { return !element.is_array() && AcceptsValue(element); });
  }
  if (op == Operator::kContains && value.is_string() && values.front().json.is_string()) {
    return value.get_ref<const std::string&>().contains(values.front().json.get_ref<const std::string&>());
  }
  return std::ranges::any_of(values, [&](const Value& wanted) { return Holds(op, Compare(value, wanted)); });
}

bool Filter::Node::Accepts(const Json& metadata) const {
  const auto accepts = [&](const Node& child) { return child.Accepts(metadata); };
  switch (kind) {
    case Kind::kAll:
      return std::ranges::all_of(children, accepts);
    case Kind::kAny:
      return std::ranges::any_of(children, accepts);
    case Kind::kNot:
      return !accepts(children.front());
    case Kind::kField:
      break;
  }
  const auto found = metadata.find(field);
  const bool exists = found != metadata.end() && !found->is_null();
  if (op == Operator::kExists) return exists == values.front().json.get<bool>();
  if (!exists) return false;
  if (op == Operator::kContains && found->is_array()) {
    // An element, whole: the piece of a string is looked for in strings only.
    return std::ranges::any_of(
        *found, [&](const Json& element) { return Holds(Operator::kEqual, Compare(element, values.front())); });
  }
  return AcceptsValue(*found);
}

namespace {

using Node = Filter::Node;

class Parser {
 public:
  Result<Node> Parse(const Json& json, const std::string& pointer, int depth) {
    if (!json.is_object()) return Refuse(pointer, "must be an object");
    if (depth > kMaxDepth) return Refuse(pointer, fmt::format("is nested deeper than {}", kMaxDepth));
    Node all;
    for (const auto& [name, value] : json.items()) {
      if (++nodes_ > kMaxNodes) return Refuse(pointer, fmt::format("has more than {} conditions", kMaxNodes));
      STRATA_TRY(Node node, ParseMember(name, value, pointer + PointerToken(name), depth));
      all.children.push_back(std::move(node));
    }
    if (all.children.size() == 1) return std::move(all.children.front());
    return all;
  }

 private:
  Result<Node> ParseMember(const std::string& name, const Json& value, const std::string& pointer, int depth) {
    if (name == "and" || name == "or") {
      if (!value.is_array()) return Refuse(pointer, "must be a list of filters");
      Node node{.kind = name == "and" ? Node::Kind::kAll : Node::Kind::kAny};
      for (std::size_t i = 0; i < value.size(); ++i) {
        STRATA_TRY(Node child, Parse(value[i], fmt::format("{}/{}", pointer, i), depth + 1));
        node.children.push_back(std::move(child));
      }
      return node;
    }
    if (name == "not") {
      STRATA_TRY(Node child, Parse(value, pointer, depth + 1));
      return Not(std::move(child));
    }
    if (!value.is_object()) return ParseCondition(name, "=", value, pointer);
    if (value.empty()) return Refuse(pointer, "has no operator");
    Node all;
    for (const auto& [op, operand] : value.items()) {
      if (++nodes_ > kMaxNodes) return Refuse(pointer, fmt::format("has more than {} conditions", kMaxNodes));
      STRATA_TRY(Node node, ParseCondition(name, op, operand, pointer + PointerToken(op)));
      all.children.push_back(std::move(node));
    }
    return all;
  }

  Result<Node> ParseCondition(const std::string& field, const std::string& name, const Json& operand,
                              const std::string& pointer) {
    const auto found = Operators().find(name);
    if (found == Operators().end()) {
      return Refuse(pointer, fmt::format("no operator {:?} (there are = != < <= > >= in contains exists)", name));
    }
    Node node{.kind = Node::Kind::kField, .field = field, .op = found->second};
    if (node.op == Operator::kIn) {
      if (!operand.is_array()) return Refuse(pointer, "must be a list of values");
      for (std::size_t i = 0; i < operand.size(); ++i) {
        if (++nodes_ > kMaxNodes) return Refuse(pointer, fmt::format("has more than {} values", kMaxNodes));
        STRATA_CHECK(AddValue(operand[i], fmt::format("{}/{}", pointer, i), node));
      }
      return node;
    }
    if (node.op == Operator::kExists && !operand.is_boolean()) return Refuse(pointer, "must be true or false");
    STRATA_CHECK(AddValue(operand, pointer, node));
    return name == "!=" ? Not(std::move(node)) : std::move(node);
  }

  static Status AddValue(const Json& value, const std::string& pointer, Node& node) {
    if (!value.is_number() && !value.is_string() && !value.is_boolean()) {
      return Refuse(pointer, "must be a number, a string or a boolean");
    }
    node.values.emplace_back(value);
    return {};
  }

  static Node Not(Node child) {
    Node node{.kind = Node::Kind::kNot};
    node.children.push_back(std::move(child));
    return node;
  }

  int nodes_ = 0;
};

}  // namespace

Result<Filter> Filter::Parse(const Json& json) {
  STRATA_TRY(Node root, Parser().Parse(json, "", 0));
  Filter filter;
  // What is no UTF-8 is replaced by one character: metadata, which came as JSON, has no such string to be equal to.
  filter.key_ = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  filter.root_ = std::make_shared<const Node>(std::move(root));
  return filter;
}

bool Filter::Accepts(const Json& metadata) const { return root_->Accepts(metadata); }

}  // namespace strata::knowledge
