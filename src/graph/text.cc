// The graph's text form, both ways.
#include <cctype>
#include <charconv>
#include <unordered_map>

#include "graph/graph.h"

namespace strata::graph {
namespace {

constexpr Op kAllOps[] = {Op::kInput,     Op::kWeight, Op::kConstant, Op::kEmbed,       Op::kRmsNorm,
                          Op::kLayerNorm, Op::kLinear, Op::kRope,     Op::kAttention,   Op::kLatentAttention,
                          Op::kMap,       Op::kSlice,  Op::kConcat,   Op::kGatherRows,  Op::kPool,
                          Op::kArgmax,    Op::kRoute,  Op::kExperts,  Op::kFusedLinear, Op::kFusedAttention};

std::string Quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

/// Shortest text that reads back as the same double, and always as a double ("1" would read back as an integer).
std::string Number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

struct AttributePrinter {
  std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
  std::string operator()(double value) const { return Number(value); }
  std::string operator()(const std::string& value) const { return Quote(value); }
  std::string operator()(const std::vector<double>& values) const {
    std::string out = "[";
    for (std::size_t i = 0; i < values.size(); ++i) out += (i == 0 ? "" : ", ") + Number(values[i]);
    return out + "]";
  }
};

std::string PrintType(const Type& type) {
  std::string out(Info(type.dtype).name);
  out += '[';
  for (std::size_t i = 0; i < type.dims.size(); ++i) {
    if (i != 0) out += ", ";
    out += type.dims[i].symbol != 0 ? std::string(1, type.dims[i].symbol) : std::to_string(type.dims[i].value);
  }
  return out + ']';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Graph> Parse() {
    STRATA_CHECK(Expect("graph"));
    STRATA_TRY(graph_.name, Identifier("a graph name"));
    STRATA_CHECK(Expect("{"));
    while (Peek() == '%') STRATA_CHECK(ParseNode());
    STRATA_CHECK(Expect("return"));
    do {
      STRATA_TRY(const ValueId value, Value());
      graph_.results.push_back(value);
    } while (Take(","));
    STRATA_CHECK(Expect("}"));
    Skip();
    if (at_ != text_.size()) return Unexpected("the end");
    return std::move(graph_);
  }

 private:
  std::unexpected<Error> Unexpected(std::string_view wanted) const {
    std::size_t line = 1;
    std::size_t column = 1;
    for (std::size_t i = 0; i < at_ && i < text_.size(); ++i) {
      column = text_[i] == '\n' ? 1 : column + 1;
      line += text_[i] == '\n';
    }
    return Fail(ErrorCode::kInvalidArgument, "graph text, line {}, column {}: expected {}", line, column, wanted);
  }
  void Skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  char Peek() {
    Skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  static bool IsWord(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }
  bool Take(std::string_view token) {
    Skip();
    if (!text_.substr(at_).starts_with(token)) return false;
    // "in" is not the beginning of "input".
    if (IsWord(token.back()) && at_ + token.size() < text_.size() && IsWord(text_[at_ + token.size()])) return false;
    at_ += token.size();
    return true;
  }
  Status Expect(std::string_view token) {
    if (Take(token)) return {};
    return Unexpected(fmt::format("'{}'", token));
  }
  Result<std::string> Identifier(std::string_view what) {
    Skip();
    const std::size_t start = at_;
    while (at_ < text_.size() && IsWord(text_[at_])) ++at_;
    if (at_ == start) return Unexpected(what);
    return std::string(text_.substr(start, at_ - start));
  }
  Result<ValueId> Value() {
    STRATA_CHECK(Expect("%"));
    const std::size_t start = at_;
    STRATA_TRY(const std::string name, Identifier("a value name"));
    const auto found = values_.find(name);
    if (found == values_.end()) {
      at_ = start;
      return Unexpected(fmt::format("a value that was defined before; %{} was not", name));
    }
    return found->second;
  }

  Result<Attribute> ParseAttribute() {
    if (Peek() == '"') {
      STRATA_TRY(std::string text, QuotedText());
      return Attribute(std::move(text));
    }
    if (!Take("[")) return ParseNumber();
    std::vector<double> values;
    if (Take("]")) return Attribute(std::move(values));
    do {
      STRATA_TRY(const Attribute value, ParseNumber());
      values.push_back(std::holds_alternative<double>(value) ? std::get<double>(value)
                                                             : static_cast<double>(std::get<std::int64_t>(value)));
    } while (Take(","));
    STRATA_CHECK(Expect("]"));
    return Attribute(std::move(values));
  }
  Result<std::string> QuotedText() {
    ++at_;
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_++];
    }
    STRATA_CHECK(Expect("\""));
    return out;
  }
  Result<Attribute> ParseNumber() {
    Skip();
    const char* begin = text_.data() + at_;
    const char* end = text_.data() + text_.size();
    std::int64_t integer = 0;
    double real = 0;
    const auto as_integer = std::from_chars(begin, end, integer);
    const auto as_real = std::from_chars(begin, end, real);
    if (as_real.ec != std::errc()) return Unexpected("a number");
    at_ += static_cast<std::size_t>(as_real.ptr - begin);
    if (as_integer.ec == std::errc() && as_integer.ptr == as_real.ptr) return Attribute(integer);
    return Attribute(real);
  }

  Result<Type> ParseType() {
    STRATA_TRY(const std::string dtype, Identifier("a dtype"));
    const auto known = DTypeFromName(dtype);
    if (!known) return Unexpected(fmt::format("a dtype; '{}' is not one", dtype));
    Type type{*known, {}};
    STRATA_CHECK(Expect("["));
    if (Take("]")) return type;
    do {
      const char next = Peek();
      if (next == 'T' || next == 'R') {
        ++at_;
        type.dims.push_back({0, next});
        continue;
      }
      STRATA_TRY(const Attribute value, ParseNumber());
      if (!std::holds_alternative<std::int64_t>(value)) return Unexpected("a whole number");
      type.dims.push_back({std::get<std::int64_t>(value), 0});
    } while (Take(","));
    STRATA_CHECK(Expect("]"));
    return type;
  }

  Status ParseNode() {
    STRATA_CHECK(Expect("%"));
    Node node;
    STRATA_TRY(node.name, Identifier("a value name"));
    if (values_.contains(node.name)) return Unexpected(fmt::format("a new name; %{} is defined already", node.name));
    STRATA_CHECK(Expect("="));
    STRATA_TRY(const std::string op_name, Identifier("an operation"));
    const Op* op = nullptr;
    for (const Op& candidate : kAllOps) {
      if (ToString(candidate) == op_name) op = &candidate;
    }
    if (op == nullptr) return Unexpected(fmt::format("an operation; '{}' is not one", op_name));
    node.op = *op;
    if (Peek() == '%') {
      do {
        STRATA_TRY(const ValueId input, Value());
        node.inputs.push_back(input);
      } while (Take(","));
    }
    if (Take("{") && !Take("}")) {
      do {
        STRATA_TRY(std::string key, Identifier("an attribute name"));
        STRATA_CHECK(Expect("="));
        STRATA_TRY(Attribute value, ParseAttribute());
        node.attributes.insert_or_assign(std::move(key), std::move(value));
      } while (Take(","));
      STRATA_CHECK(Expect("}"));
    }
    STRATA_CHECK(Expect(":"));
    STRATA_TRY(node.type, ParseType());
    values_.emplace(node.name, static_cast<ValueId>(graph_.nodes.size()));
    graph_.nodes.push_back(std::move(node));
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Graph graph_;
  std::unordered_map<std::string, ValueId> values_;
};

}  // namespace

std::string Print(const Graph& graph) {
  std::string out = fmt::format("graph {} {{\n", graph.name);
  for (const Node& node : graph.nodes) {
    out += fmt::format("  %{} = {}", node.name, ToString(node.op));
    for (std::size_t i = 0; i < node.inputs.size(); ++i)
      out += fmt::format("{}%{}", i == 0 ? " " : ", ", graph.node(node.inputs[i]).name);
    if (!node.attributes.empty()) {
      out += " {";
      bool first = true;
      for (const auto& [key, value] : node.attributes) {
        out += fmt::format("{}{}={}", first ? "" : ", ", key, std::visit(AttributePrinter(), value));
        first = false;
      }
      out += '}';
    }
    out += fmt::format(" : {}\n", PrintType(node.type));
  }
  out += "  return";
  for (std::size_t i = 0; i < graph.results.size(); ++i)
    out += fmt::format("{}%{}", i == 0 ? " " : ", ", graph.node(graph.results[i]).name);
  return out + "\n}\n";
}

Result<Graph> Parse(std::string_view text) { return Parser(text).Parse(); }

}  // namespace strata::graph
