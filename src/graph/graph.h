// The typed SSA graph that a model becomes: built by src/models, rewritten by passes, lowered by src/compiler.
//
//   graph llama {
//     %tokens = input {name="tokens"} : i32[T]
//     %w0 = weight {name="token_embd.weight"} : q4_1[49152, 576]
//     %0 = embed %tokens, %w0 : f32[T, 576]
//     ...
//     return %logits
//   }
//
// Activations are f32 and row-major with the rows symbolic: T tokens in the step, R rows whose logits are wanted.
// Weights keep their stored dtype. Elementwise work is `map` with an expression over its inputs, so that chains fuse by
// substitution and one code generator serves all.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "tensor/dtype.h"

namespace strata::graph {

/// A dimension: a number, or one of the step's symbols.
struct Dim {
  std::int64_t value = 0;  ///< used when symbol == 0
  char symbol = 0;         ///< 'T' (tokens), 'R' (rows with logits)
  bool operator==(const Dim&) const = default;
};

struct Type {
  DType dtype = DType::kF32;
  std::vector<Dim> dims;
  bool operator==(const Type&) const = default;
};

enum class Op : std::uint8_t {
  kInput,   ///< {name}: tokens, positions, token_types i32[T], logit_rows i32[R]; hidden f32[T, h], which another graph
            ///< gave
  kWeight,  ///< {name}: a tensor of the model file, [n, k] or [n]
  kConstant,   ///< {name, values}: f32[n] made by the model builder (rope frequencies)
  kEmbed,      ///< ids i32[T], table[v, h] {offset?}: row ids[t] + offset of the table -> f32[T, h]
  kRmsNorm,    ///< x, weight[h] {eps, offset?, group?}: x * rsqrt(mean(x^2) + eps) * (weight + offset). With `group`
               ///< each so many columns, a head's, are normed by themselves, all by one weight[group]
  kLayerNorm,  ///< x, weight[h] (, bias[h]) {eps}: (x - mean(x)) * rsqrt(variance(x) + eps) * weight + bias
  kLinear,     ///< x[rows, k], weight[n, k] (, bias[n]) -> f32[rows, n] = x W^T + b
  kRope,       ///< x[T, heads*head_dim], positions, inv_freq[rotary/2] {heads, head_dim, layout="interleaved"|"halves",
               ///< scale}: rotates each head
  kAttention,  ///< q, k, v (, sinks[heads]) {layer, heads, kv_heads, head_dim, scale, causal?, window?, chunk?,
               ///< softcap?}: writes k, v to the paged cache of `layer`, attends -> f32[T, heads*head_dim]. A query
               ///< sees what is before it (with causal=0 all of its sequence, which is in the step), the last `window`
               ///< tokens, its own included (then in the middle), and those of its own `chunk` of positions; a score s
               ///< becomes softcap * tanh(s / softcap); a head's sink joins its softmax's denominator as one more score
  kLatentAttention,  ///< q[T, heads*(nope_dim+rope_dim)], latent[T, kv_rank], key[T, rope_dim], weights, positions,
                     ///< inv_freq[rope_dim/2] {layer, heads, nope_dim, rope_dim, value_dim, kv_rank, scale, layout,
                     ///< rope_scale}: rotates the last rope_dim of each head of q and key, writes [latent | key] to the
                     ///< paged cache of `layer`, attends causally with the keys and values that the weights make of the
                     ///< latents -> f32[T, heads*value_dim]. weights: kv_b[heads*(nope_dim+value_dim), kv_rank], or
                     ///< k_b[heads*kv_rank, nope_dim] and v_b[heads*value_dim, kv_rank] (DeepSeek-V2, 2405.04434)
  kMap,              ///< inputs... {expr}: elementwise; an input of shape [n] is broadcast over rows
  kSlice,            ///< x {offset, length}: columns
  kConcat,           ///< x[T, n], y[T, m], ... -> f32[T, n + m + ...]
  kGatherRows,       ///< x[T, h], rows[R] {keep_input?} -> [R, h]; with keep_input another graph reads all of x, too
  kPool,     ///< x[T, h], rows[R] {kind="mean"|"first"} -> [R, h]: of all rows in this step of the sequence that
             ///< has the row, their mean or the first
  kArgmax,   ///< x[rows, n] -> i32[rows]: the first column of those with the row's greatest value; NaN is none
  kRoute,    ///< logits[T, E] (, correction[E]) {top_k, scoring="softmax"|"sigmoid"|"softmax_of_chosen", groups,
             ///< groups_used, group_by_two, normalize, scale} -> f32[T, E]: the weights of the top_k experts that a
             ///< row goes to, 0 for the others. The correction is added to the scores for the choice alone
  kExperts,  ///< x[T, h], weights[T, E] (a route's), gate[E, f, h], up[E, f, h], down[E, h, f] (, their biases
             ///< [E, f], [E, f], [E, h]) {top_k, expr, weigh_input} -> f32[T, h]: the sum over a row's experts of
             ///< weight * down(expr(a0 = gate(x), a1 = up(x))); with weigh_input weight * x is what goes in. A stack
             ///< is a weight "PART.weight" or "PART.bias" that stands for its experts' tensors PART.E.weight
  // Made by passes:
  kFusedLinear,     ///< x (, norm weight), weights..., biases..., extras... {norm_eps?, weights, biases,
                    ///< combine="concat"|"map", expr?, argmax?}: see passes.h
  kFusedAttention,  ///< qkv or q, k, v, and more {as attention, rope?, norm?}: norm and rope of q's and k's heads,
                    ///< cache write and attention in one: see passes.h
};

std::string_view ToString(Op op);

using Attribute = std::variant<std::int64_t, double, std::string, std::vector<double>>;
using Attributes = std::map<std::string, Attribute, std::less<>>;
using ValueId = std::int32_t;

struct Node {
  Op op;
  std::vector<ValueId> inputs;
  Attributes attributes;
  Type type;         ///< of the one value it defines
  std::string name;  ///< without '%'; unique in the graph
};

/// Nodes are in topological order, a node's id is its position: inputs always have smaller ids.
class Graph {
 public:
  std::string name;
  std::vector<Node> nodes;
  std::vector<ValueId> results;

  ValueId Add(Op op, std::vector<ValueId> inputs, Attributes attributes, Type type, std::string value_name = {});

  const Node& node(ValueId id) const { return nodes[static_cast<std::size_t>(id)]; }
  Node& node(ValueId id) { return nodes[static_cast<std::size_t>(id)]; }
  /// uses[id] = how many inputs and results refer to id.
  std::vector<int> UseCounts() const;
};

std::int64_t IntAttribute(const Node& node, std::string_view key);           ///< assert: present
double FloatAttribute(const Node& node, std::string_view key);               ///< assert: present
const std::string& StringAttribute(const Node& node, std::string_view key);  ///< assert: present
bool HasAttribute(const Node& node, std::string_view key);

/// Types, operand counts, attribute presence, topological order, name uniqueness. The error names the node.
Status Verify(const Graph& graph);

std::string Print(const Graph& graph);
/// Inverse of Print. Errors: kInvalidArgument with line and column.
Result<Graph> Parse(std::string_view text);

}  // namespace strata::graph
