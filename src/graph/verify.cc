// What must hold of every graph, checked after it was built, parsed or rewritten.
#include <set>

#include "graph/expression.h"
#include "graph/graph.h"
#include "graph/rewrite.h"

namespace strata::graph {
namespace {

enum class AttributeKind { kInt, kFloat, kString, kFloats };
struct AttributeRule {
  std::string_view key;
  AttributeKind kind;
};

/// Operand counts and attributes of an operation; max_inputs -1 = any number.
struct OpRule {
  int min_inputs, max_inputs;
  std::vector<AttributeRule> required;
  std::vector<AttributeRule> optional = {};
};

const OpRule& RuleOf(Op op) {
  using enum AttributeKind;
  static const OpRule input{0, 0, {{"name", kString}}};
  static const OpRule constant{0, 0, {{"name", kString}, {"values", kFloats}}};
  static const OpRule embed{2, 2, {}, {{"offset", kInt}}};
  static const OpRule rms_norm{2, 2, {{"eps", kFloat}}, {{"offset", kFloat}, {"group", kInt}}};
  static const OpRule layer_norm{2, 3, {{"eps", kFloat}}};
  static const OpRule linear{2, 3, {}};
  static const OpRule rope{3, 3, {{"heads", kInt}, {"head_dim", kInt}, {"layout", kString}, {"scale", kFloat}}};
  static const OpRule attention{
      3,
      4,
      {{"layer", kInt}, {"heads", kInt}, {"kv_heads", kInt}, {"head_dim", kInt}, {"scale", kFloat}},
      {{"causal", kInt}, {"window", kInt}, {"chunk", kInt}, {"softcap", kFloat}}};
  static const OpRule latent_attention{6,
                                       7,
                                       {{"layer", kInt},
                                        {"heads", kInt},
                                        {"nope_dim", kInt},
                                        {"rope_dim", kInt},
                                        {"value_dim", kInt},
                                        {"kv_rank", kInt},
                                        {"scale", kFloat},
                                        {"layout", kString},
                                        {"rope_scale", kFloat}}};
  static const OpRule map{1, -1, {{"expr", kString}}};
  static const OpRule slice{1, 1, {{"offset", kInt}, {"length", kInt}}};
  static const OpRule concat{2, -1, {}};
  static const OpRule gather{2, 2, {}, {{"keep_input", kInt}}};
  static const OpRule pool{2, 2, {{"kind", kString}}};
  static const OpRule argmax{1, 1, {}};
  static const OpRule route{1,
                            2,
                            {{"top_k", kInt},
                             {"scoring", kString},
                             {"groups", kInt},
                             {"groups_used", kInt},
                             {"group_by_two", kInt},
                             {"normalize", kInt},
                             {"scale", kFloat}}};
  static const OpRule experts{5, 8, {{"top_k", kInt}, {"expr", kString}, {"weigh_input", kInt}}};
  static const OpRule fused_linear{2,
                                   -1,
                                   {{"weights", kInt}, {"biases", kInt}, {"combine", kString}},
                                   {{"norm_eps", kFloat}, {"norm_offset", kFloat}}};
  static const OpRule fused_attention{1,
                                      8,
                                      attention.required,
                                      {{"causal", kInt},
                                       {"window", kInt},
                                       {"chunk", kInt},
                                       {"softcap", kFloat},
                                       {"layout", kString},
                                       {"rope_scale", kFloat},
                                       {"norm_eps", kFloat},
                                       {"norm_offset", kFloat}}};
  switch (op) {
    case Op::kInput:
    case Op::kWeight:
      return input;
    case Op::kConstant:
      return constant;
    case Op::kEmbed:
      return embed;
    case Op::kRmsNorm:
      return rms_norm;
    case Op::kLayerNorm:
      return layer_norm;
    case Op::kLinear:
      return linear;
    case Op::kRope:
      return rope;
    case Op::kAttention:
      return attention;
    case Op::kLatentAttention:
      return latent_attention;
    case Op::kMap:
      return map;
    case Op::kSlice:
      return slice;
    case Op::kConcat:
      return concat;
    case Op::kGatherRows:
      return gather;
    case Op::kPool:
      return pool;
    case Op::kArgmax:
      return argmax;
    case Op::kRoute:
      return route;
    case Op::kExperts:
      return experts;
    case Op::kFusedLinear:
      return fused_linear;
    case Op::kFusedAttention:
      return fused_attention;
  }
  return input;
}

class Verifier {
 public:
  explicit Verifier(const Graph& graph) : graph_(graph) {}

  Status Run() {
    std::set<std::string_view> names;
    for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
      const Node& node = graph_.nodes[id];
      if (!names.insert(node.name).second) return Bad(node, "the name is used twice");
      for (const ValueId input : node.inputs) {
        if (input < 0 || static_cast<std::size_t>(input) >= id) return Bad(node, "an input is not defined before it");
      }
      STRATA_CHECK(CheckForm(node));
      STRATA_CHECK(CheckTypes(node));
    }
    if (graph_.results.empty()) return Fail(ErrorCode::kInvalidArgument, "graph {}: returns nothing", graph_.name);
    for (const ValueId result : graph_.results) {
      if (result < 0 || static_cast<std::size_t>(result) >= graph_.nodes.size()) {
        return Fail(ErrorCode::kInvalidArgument, "graph {}: returns a value that does not exist", graph_.name);
      }
    }
    return {};
  }

 private:
  std::unexpected<Error> Bad(const Node& node, std::string_view what) const {
    return Fail(ErrorCode::kInvalidArgument, "graph {}: %{} = {}: {}", graph_.name, node.name, ToString(node.op), what);
  }
  const Type& In(const Node& node, std::size_t i) const { return graph_.node(node.inputs[i]).type; }

  Status CheckForm(const Node& node) const {
    const OpRule& rule = RuleOf(node.op);
    const int count = static_cast<int>(node.inputs.size());
    if (count < rule.min_inputs || (rule.max_inputs >= 0 && count > rule.max_inputs)) {
      return Bad(node, fmt::format("takes {} inputs, has {}",
                                   rule.min_inputs == rule.max_inputs ? fmt::format("{}", rule.min_inputs)
                                                                      : fmt::format("{} or more", rule.min_inputs),
                                   count));
    }
    for (const std::vector<AttributeRule>* attributes : {&rule.required, &rule.optional}) {
      for (const AttributeRule& attribute : *attributes) {
        const auto found = node.attributes.find(attribute.key);
        if (found == node.attributes.end()) {
          if (attributes == &rule.optional) continue;
          return Bad(node, fmt::format("attribute {} is missing", attribute.key));
        }
        if (found->second.index() != static_cast<std::size_t>(attribute.kind))
          return Bad(node, fmt::format("attribute {} has the wrong kind", attribute.key));
      }
    }
    if (node.type.dims.empty()) return Bad(node, "has no dimensions");
    for (const Dim& dim : node.type.dims) {
      if (dim.symbol == 0 && dim.value <= 0) return Bad(node, fmt::format("dimension {}", dim.value));
    }
    if (node.type.dims.back().symbol != 0 && node.type.dims.size() > 1) return Bad(node, "only rows may be symbolic");
    return {};
  }

  Status Expect(const Node& node, bool holds, std::string_view what) const {
    if (!holds) return Bad(node, what);
    return {};
  }

  bool IsActivation(const Type& type) const { return type.dtype == DType::kF32 && type.dims.size() == 2; }
  bool IsVector(const Type& type, std::int64_t n) const { return type.dims.size() == 1 && type.dims[0] == Dim{n, 0}; }
  static std::int64_t Cols(const Type& type) { return type.dims.back().value; }

  Status CheckTypes(const Node& node) const {
    switch (node.op) {
      case Op::kInput:
        return Expect(node, node.type.dtype == DType::kI32 || IsActivation(node.type), "inputs are i32 or f32[T, h]");
      case Op::kWeight:
        return Expect(node, node.type.dims.size() <= 3, "weights have one or two dimensions, stacks of them one more");
      case Op::kConstant:
        return Expect(
            node,
            IsVector(node.type, static_cast<std::int64_t>(
                                    std::get<std::vector<double>>(node.attributes.find("values")->second).size())),
            "the type does not fit the values");
      case Op::kEmbed:
        STRATA_CHECK(Expect(node, In(node, 0).dims.size() == 1 && In(node, 1).dims.size() == 2,
                            "wants ids [T] and a table [v, h]"));
        STRATA_CHECK(Expect(node, !HasAttribute(node, "offset") || IntAttribute(node, "offset") >= 0,
                            "the offset is a row of the table"));
        return Expect(
            node,
            IsActivation(node.type) && node.type.dims[0] == In(node, 0).dims[0] && Cols(node.type) == Cols(In(node, 1)),
            "the result is f32[T, h]");
      case Op::kRmsNorm:
        return CheckRmsNorm(node);
      case Op::kLayerNorm:
        return Expect(node,
                      IsActivation(node.type) && node.type == In(node, 0) && IsVector(In(node, 1), Cols(node.type)) &&
                          (node.inputs.size() < 3 || IsVector(In(node, 2), Cols(node.type))),
                      "wants x[rows, h], weight [h] (, bias [h]) -> f32[rows, h]");
      case Op::kLinear:
        STRATA_CHECK(CheckLinear(node, node.inputs[1], Cols(node.type)));
        return Expect(node, node.inputs.size() < 3 || IsVector(In(node, 2), Cols(node.type)), "the bias is [n]");
      case Op::kRope:
        return Expect(node,
                      node.type == In(node, 0) &&
                          Cols(node.type) == IntAttribute(node, "heads") * IntAttribute(node, "head_dim") &&
                          In(node, 2).dims.size() == 1 &&
                          2 * In(node, 2).dims[0].value <= IntAttribute(node, "head_dim"),
                      "wants x[T, heads * head_dim], positions, inv_freq[rotary / 2]");
      case Op::kAttention:
        STRATA_CHECK(CheckScores(node, node.inputs.size() == 4 ? node.inputs[3] : -1));
        return CheckHeads(node, Cols(In(node, 0)), Cols(In(node, 1)), Cols(In(node, 2)));
      case Op::kLatentAttention:
        return CheckLatentAttention(node);
      case Op::kMap:
        return CheckMap(node);
      case Op::kSlice:
        return Expect(node,
                      IntAttribute(node, "offset") >= 0 && IntAttribute(node, "length") == Cols(node.type) &&
                          IntAttribute(node, "offset") + IntAttribute(node, "length") <= Cols(In(node, 0)),
                      "is outside of its input");
      case Op::kConcat:
        return CheckConcat(node);
      case Op::kGatherRows:
        return CheckGather(node);
      case Op::kPool: {
        const std::string& kind = StringAttribute(node, "kind");
        STRATA_CHECK(Expect(node, kind == "mean" || kind == "first", "kind is mean or first"));
        return CheckGather(node);
      }
      case Op::kArgmax:
        return Expect(node, IsActivation(In(node, 0)) && node.type == Type{DType::kI32, {In(node, 0).dims[0]}},
                      "wants x[rows, n] -> i32[rows]");
      case Op::kRoute:
        return CheckRoute(node);
      case Op::kExperts:
        return CheckExperts(node);
      case Op::kFusedLinear:
        return CheckFusedLinear(node);
      case Op::kFusedAttention:
        return CheckFusedAttention(node);
    }
    return {};
  }

  Status CheckGather(const Node& node) const {
    return Expect(node,
                  IsActivation(node.type) && IsActivation(In(node, 0)) && In(node, 1).dims.size() == 1 &&
                      node.type.dims[0] == In(node, 1).dims[0] && Cols(node.type) == Cols(In(node, 0)),
                  "wants x[T, h], rows[R] -> [R, h]");
  }

  Status CheckLinear(const Node& node, ValueId weight, std::int64_t n) const {
    const Type& type = graph_.node(weight).type;
    STRATA_CHECK(
        Expect(node, IsActivation(node.type) && IsActivation(In(node, 0)) && node.type.dims[0] == In(node, 0).dims[0],
               "activations are f32[rows, k] -> f32[rows, n]"));
    return Expect(node, type.dims.size() == 2 && Cols(type) == Cols(In(node, 0)) && type.dims[0] == Dim{n, 0},
                  fmt::format("weight %{} is not [n, k]", graph_.node(weight).name));
  }

  Status CheckHeads(const Node& node, std::int64_t q, std::int64_t k, std::int64_t v) const {
    const std::int64_t heads = IntAttribute(node, "heads");
    const std::int64_t kv_heads = IntAttribute(node, "kv_heads");
    const std::int64_t head_dim = IntAttribute(node, "head_dim");
    STRATA_CHECK(
        Expect(node, heads > 0 && kv_heads > 0 && heads % kv_heads == 0, "heads must be a multiple of kv_heads"));
    return Expect(node, q == heads * head_dim && k == kv_heads * head_dim && v == k && Cols(node.type) == q,
                  "q, k, v do not fit heads * head_dim");
  }

  Status CheckConcat(const Node& node) const {
    std::int64_t columns = 0;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      STRATA_CHECK(Expect(node, IsActivation(In(node, i)) && In(node, i).dims[0] == node.type.dims[0],
                          "takes f32[rows, n] of the result's rows"));
      columns += Cols(In(node, i));
    }
    return Expect(node, IsActivation(node.type) && Cols(node.type) == columns, "the columns do not add up");
  }

  Status CheckLatentAttention(const Node& node) const {
    const std::int64_t heads = IntAttribute(node, "heads");
    const std::int64_t nope = IntAttribute(node, "nope_dim"), rope = IntAttribute(node, "rope_dim");
    const std::int64_t value = IntAttribute(node, "value_dim"), rank = IntAttribute(node, "kv_rank");
    STRATA_CHECK(Expect(node, heads > 0 && nope > 0 && rope > 0 && rope % 2 == 0 && value > 0 && rank > 0,
                        "its dimensions must be positive, rope_dim even"));
    STRATA_CHECK(Expect(node,
                        IsActivation(node.type) && Cols(In(node, 0)) == heads * (nope + rope) &&
                            Cols(In(node, 1)) == rank && Cols(In(node, 2)) == rope && Cols(node.type) == heads * value,
                        "wants q[T, heads * (nope_dim + rope_dim)], latent[T, kv_rank], key[T, rope_dim] -> "
                        "f32[T, heads * value_dim]"));
    const auto is_matrix = [&](std::size_t input, std::int64_t rows, std::int64_t cols) {
      return In(node, input).dims == std::vector<Dim>{{rows, 0}, {cols, 0}};
    };
    STRATA_CHECK(Expect(node,
                        node.inputs.size() == 6 ? is_matrix(3, heads * (nope + value), rank)
                                                : is_matrix(3, heads * rank, nope) && is_matrix(4, heads * value, rank),
                        "its weights are neither kv_b[heads * (nope_dim + value_dim), kv_rank] nor k_b[heads * "
                        "kv_rank, nope_dim] and v_b[heads * value_dim, kv_rank]"));
    return Expect(node, IsVector(In(node, node.inputs.size() - 1), rope / 2), "inv_freq is [rope_dim / 2]");
  }

  Status CheckRmsNorm(const Node& node) const {
    const std::int64_t columns = Cols(node.type);
    const std::int64_t group = HasAttribute(node, "group") ? IntAttribute(node, "group") : columns;
    STRATA_CHECK(Expect(node, group > 0 && columns % group == 0, "the columns are not whole groups"));
    return Expect(node, IsActivation(node.type) && node.type == In(node, 0) && IsVector(In(node, 1), group),
                  "wants x[rows, h], weight [h] or [group] -> f32[rows, h]");
  }

  /// What an attention makes of its scores. sinks: -1 when there are none.
  Status CheckScores(const Node& node, ValueId sinks) const {
    for (const std::string_view key : {"window", "chunk"}) {
      STRATA_CHECK(Expect(node, !HasAttribute(node, key) || IntAttribute(node, key) > 0,
                          fmt::format("{} must be at least 1", key)));
    }
    STRATA_CHECK(Expect(node, !HasAttribute(node, "softcap") || FloatAttribute(node, "softcap") > 0,
                        "softcap must be greater than 0"));
    return Expect(node, sinks < 0 || IsVector(graph_.node(sinks).type, IntAttribute(node, "heads")),
                  "sinks are [heads]");
  }

  Status CheckFusedAttention(const Node& node) const {
    const FusedAttentionView view(node);
    const std::int64_t head_dim = IntAttribute(node, "head_dim");
    STRATA_CHECK(Expect(node, view.qkv.size() == 1 || view.qkv.size() == 3,
                        "takes qkv or q, k, v, then weights of norms, positions and inv_freq, and sinks"));
    for (const ValueId norm : {view.q_norm, view.k_norm}) {
      STRATA_CHECK(
          Expect(node, norm < 0 || IsVector(graph_.node(norm).type, head_dim), "the norms' weights are [head_dim]"));
    }
    STRATA_CHECK(Expect(node, HasAttribute(node, "layout") == HasAttribute(node, "rope_scale"),
                        "layout and rope_scale come together"));
    STRATA_CHECK(Expect(node,
                        view.inv_freq < 0 || (graph_.node(view.inv_freq).type.dims.size() == 1 &&
                                              2 * graph_.node(view.inv_freq).type.dims[0].value <= head_dim),
                        "inv_freq is [rotary / 2]"));
    STRATA_CHECK(CheckScores(node, view.sinks));
    if (view.qkv.size() == 3) {
      return CheckHeads(node, Cols(In(node, 0)), Cols(In(node, 1)), Cols(In(node, 2)));
    }
    const std::int64_t q = IntAttribute(node, "heads") * head_dim;
    const std::int64_t kv = IntAttribute(node, "kv_heads") * head_dim;
    STRATA_CHECK(Expect(node, Cols(In(node, 0)) == q + 2 * kv, "qkv is [T, (heads + 2 kv_heads) * head_dim]"));
    return CheckHeads(node, q, kv, kv);
  }

  Status CheckMap(const Node& node) const {
    const Result<Expression> expression = ParseExpression(StringAttribute(node, "expr"));
    if (!expression) return Bad(node, expression.error().message());
    STRATA_CHECK(Expect(node, expression->inputs <= static_cast<int>(node.inputs.size()),
                        "the expression names an input that is not there"));
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      STRATA_CHECK(Expect(node, In(node, i) == node.type || IsVector(In(node, i), Cols(node.type)),
                          fmt::format("input {} is neither of the result's type nor a row of it", i)));
    }
    return {};
  }

  Status CheckRoute(const Node& node) const {
    const std::int64_t experts = Cols(node.type);
    STRATA_CHECK(Expect(node, IsActivation(node.type) && node.type == In(node, 0), "wants logits[T, E] -> f32[T, E]"));
    STRATA_CHECK(Expect(node, node.inputs.size() < 2 || IsVector(In(node, 1), experts), "the correction is [E]"));
    const std::string& scoring = StringAttribute(node, "scoring");
    STRATA_CHECK(Expect(node, scoring == "softmax" || scoring == "sigmoid" || scoring == "softmax_of_chosen",
                        "scoring is softmax, sigmoid or softmax_of_chosen"));
    const std::int64_t groups = IntAttribute(node, "groups"), used = IntAttribute(node, "groups_used");
    STRATA_CHECK(Expect(node, groups >= 1 && experts % groups == 0, "groups do not divide the experts"));
    STRATA_CHECK(Expect(node, used >= 1 && used <= groups, "groups_used is not between 1 and groups"));
    const std::int64_t top_k = IntAttribute(node, "top_k");
    return Expect(node, top_k >= 1 && top_k <= experts / groups * used, "top_k experts are not in the groups used");
  }

  Status CheckExperts(const Node& node) const {
    const Type& x = In(node, 0);
    STRATA_CHECK(Expect(node, node.inputs.size() == 5 || node.inputs.size() == 8,
                        "takes x, weights, gate, up, down, and the biases of all three or of none"));
    STRATA_CHECK(Expect(node, IsActivation(node.type) && node.type == x, "wants x[T, h] -> f32[T, h]"));
    STRATA_CHECK(Expect(node, IsActivation(In(node, 1)) && In(node, 1).dims[0] == x.dims[0], "weights are f32[T, E]"));
    const Dim experts = In(node, 1).dims[1], hidden = x.dims[1];
    const Dim inner = In(node, 2).dims.size() == 3 ? In(node, 2).dims[1] : Dim{};
    const auto is_stack = [&](std::size_t input, std::vector<Dim> dims) {
      dims.insert(dims.begin(), experts);
      return In(node, input).dims == dims;
    };
    STRATA_CHECK(
        Expect(node, is_stack(2, {inner, hidden}) && is_stack(3, {inner, hidden}), "gate and up are stacks [E, f, h]"));
    STRATA_CHECK(Expect(node, is_stack(4, {hidden, inner}), "down is a stack [E, h, f]"));
    STRATA_CHECK(
        Expect(node, node.inputs.size() == 5 || (is_stack(5, {inner}) && is_stack(6, {inner}) && is_stack(7, {hidden})),
               "biases are stacks [E, f], [E, f], [E, h]"));
    const std::int64_t top_k = IntAttribute(node, "top_k");
    STRATA_CHECK(Expect(node, top_k >= 1 && top_k <= experts.value, "top_k is not between 1 and E"));
    const Result<Expression> expression = ParseExpression(StringAttribute(node, "expr"));
    if (!expression) return Bad(node, expression.error().message());
    return Expect(node, expression->inputs <= 2, "the expression names an input that is not there");
  }

  Status CheckFusedLinear(const Node& node) const {
    const std::int64_t weights = IntAttribute(node, "weights");
    const std::int64_t biases = IntAttribute(node, "biases");
    const std::size_t first = HasAttribute(node, "norm_eps") ? 2 : 1;
    STRATA_CHECK(Expect(node,
                        weights >= 1 && (biases == 0 || biases == weights) &&
                            first + static_cast<std::size_t>(weights + biases) <= node.inputs.size(),
                        "weights and biases do not fit the inputs"));
    STRATA_CHECK(Expect(node, first == 1 || IsVector(In(node, 1), Cols(In(node, 0))), "the norm's weight is [k]"));
    const bool combined = StringAttribute(node, "combine") == "map";
    STRATA_CHECK(Expect(node, !HasAttribute(node, "argmax") || !combined, "argmax is of one weight's columns"));
    STRATA_CHECK(Expect(node, combined || StringAttribute(node, "combine") == "concat", "combine is map or concat"));
    STRATA_CHECK(Expect(node, !combined || HasAttribute(node, "expr"), "combine=map needs an expression"));
    std::int64_t total = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(weights); ++i) {
      const ValueId weight = node.inputs[first + i];
      const std::int64_t n = graph_.node(weight).type.dims[0].value;
      STRATA_CHECK(CheckLinear(node, weight, n));
      STRATA_CHECK(Expect(node, graph_.node(weight).type.dtype == graph_.node(node.inputs[first]).type.dtype,
                          "the weights' dtypes differ"));
      STRATA_CHECK(Expect(node, !combined || n == Cols(node.type), "combined weights have the result's columns"));
      if (biases != 0)
        STRATA_CHECK(
            Expect(node, IsVector(In(node, first + static_cast<std::size_t>(weights) + i), n), "a bias is [n]"));
      total += n;
    }
    STRATA_CHECK(
        Expect(node, combined || total == Cols(node.type), "the weights' rows do not add up to the result's columns"));
    const std::size_t extras = node.inputs.size() - first - static_cast<std::size_t>(weights + biases);
    for (std::size_t i = node.inputs.size() - extras; i < node.inputs.size(); ++i) {
      STRATA_CHECK(Expect(node, In(node, i) == node.type || IsVector(In(node, i), Cols(node.type)),
                          "an extra is neither of the result's type nor a row of it"));
    }
    if (!HasAttribute(node, "expr")) return Expect(node, extras == 0, "extras without an expression");
    const Result<Expression> expression = ParseExpression(StringAttribute(node, "expr"));
    if (!expression) return Bad(node, expression.error().message());
    const std::size_t values = combined ? static_cast<std::size_t>(weights) : 1;
    return Expect(node, expression->inputs <= static_cast<int>(values + extras),
                  "the expression names an input that is not there");
  }

  const Graph& graph_;
};

}  // namespace

Status Verify(const Graph& graph) { return Verifier(graph).Run(); }

}  // namespace strata::graph
