// What the families share: graphs put together from a model file's tensors, every one checked against the config, and
// the parts that most decoders have in common. A family's file says in which order they come.
//
//   return BuildDecoder(model, [](Layer& layer, ValueId x) -> Result<ValueId> {
//     STRATA_TRY(const ValueId normed, layer.Norm("attn_norm", x));
//     STRATA_TRY(const ValueId attention, layer.Attention(normed));
//     ...
//   });
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/model_file.h"
#include "graph/graph.h"

namespace strata::models {

using graph::Op;
using graph::ValueId;

enum class Bias : std::uint8_t { kNone, kRequired, kIfStored };

/// RMS norm of queries (attn_q_norm) and keys (attn_k_norm) before they are rotated.
enum class QkNorm : std::uint8_t {
  kNone,
  kHeads,  ///< each head by itself, weights [head_dim] (Qwen 3, Gemma 3)
  kUnit,   ///< each head by itself, without weights and where it is rotated (Llama 4); behind rotation it is the same
  kWhole,  ///< all heads together, weights [heads * head_dim] (OLMo 2)
};

/// A constant of rotary frequencies, and what multiplies cos and sin.
struct RopeConstant {
  ValueId inv_freq;
  double scale;
};

class Builder {
 public:
  /// Defines the inputs that every model has: tokens, positions, logit_rows.
  explicit Builder(const ModelFile& model);

  const ModelConfig& config() const { return config_; }
  /// `part` without its ending: "output_norm", "blk.0.attn_q".
  bool Has(std::string_view part) const { return model_.FindTensor(fmt::format("{}.weight", part)) != nullptr; }
  bool HasTensor(std::string_view name) const { return model_.FindTensor(name) != nullptr; }
  /// Whether there is a stack of experts, as Stack reads it.
  bool HasStack(std::string_view name) const { return model_.FindExpert(name, 0) != nullptr; }
  const graph::Type& type(ValueId id) const { return graph_.node(id).type; }

  /// Errors: kCorrupt naming the tensor that is missing or has other dimensions.
  Result<ValueId> Weight(const std::string& tensor, std::vector<std::int64_t> dims);
  /// A stack of experts, "blk.0.ffn_up_exps.weight" or ".bias", which stands for the tensors of all of them (see
  /// ModelFile::FindExpert); dims[0] experts. Errors: as Weight's; kUnsupported when the experts' types differ.
  Result<ValueId> Stack(const std::string& name, std::vector<std::int64_t> dims);
  /// Rows stay what they are: of tokens, or of logits behind the gather. group: so many columns are normed by
  /// themselves; 0 = the row.
  Result<ValueId> Norm(const std::string& part, ValueId x, std::string name, std::int64_t group = 0);
  /// The same without weights.
  ValueId UnitNorm(ValueId x, std::string name, std::int64_t group);
  Result<ValueId> LayerNorm(const std::string& part, ValueId x, Bias bias, std::string name);
  /// x W^T (+ b) with W [n, columns of x].
  Result<ValueId> Linear(const std::string& part, ValueId x, std::int64_t n, Bias bias, std::string name);
  ValueId Map(std::string expression, std::vector<ValueId> inputs, std::string name);
  ValueId Constant(std::string name, std::vector<double> values);
  ValueId Add(Op op, std::vector<ValueId> inputs, graph::Attributes attributes, graph::Type type, std::string name) {
    return graph_.Add(op, std::move(inputs), std::move(attributes), std::move(type), std::move(name));
  }
  /// f32[T, columns].
  static graph::Type Activation(std::int64_t columns);

  ValueId positions() const { return positions_; }
  /// An activation of config.json, or config.activation, as an expression's function. Errors: kUnsupported.
  Result<std::string> ActivationFunction(const std::string& name) const;
  Result<std::string> ActivationFunction() const { return ActivationFunction(config_.activation); }

  Result<ValueId> Embed();
  /// Embeddings of tokens, positions and token types, as many of these as the model has, and their norm.
  Result<ValueId> EmbedForEncoder(Bias norm_bias);
  /// x's wanted rows, output_norm, head and argmax are the results; FinishPooled of the norm where the model does not
  /// generate. Errors: kUnsupported naming a tensor of the file that nothing reads: without it the model would compute
  /// something else than was trained.
  Result<graph::Graph> Finish(ValueId x);
  /// The result is one row for each text, as config().pooling says: of x, or what the classifier makes of it. Errors as
  /// above.
  Result<graph::Graph> FinishPooled(ValueId x);

  /// Of a graph that goes on from another's: what its last layer gave, f32[T, hidden].
  ValueId Hidden();
  /// As Finish, by another norm; the file has more than such a graph reads.
  Result<graph::Graph> FinishDraft(ValueId x, const std::string& norm);

  std::unexpected<Error> Unsupported(std::string_view what) const;

 private:
  Status AddResults(ValueId x, const std::string& norm);
  ValueId Input(const std::string& name, char rows);
  ValueId Pool(ValueId x);
  Result<ValueId> Classifier(ValueId x);
  Status CheckAllRead() const;

  const ModelFile& model_;
  const ModelConfig& config_;
  graph::Graph graph_;
  std::map<std::string, ValueId, std::less<>> weights_;
  ValueId tokens_, positions_, logit_rows_;
};

/// One layer: tensors are blk.N.PART, values lN_NAME.
class Layer {
 public:
  Layer(Builder& builder, std::int64_t index, RopeConstant rope) : builder_(builder), index_(index), rope_(rope) {}

  Builder& builder() { return builder_; }
  const ModelConfig& config() const { return builder_.config(); }
  std::int64_t index() const { return index_; }
  const RopeConstant& rope() const { return rope_; }
  std::string Tensor(std::string_view part) const { return fmt::format("blk.{}.{}", index_, part); }
  std::string Name(std::string_view value) const { return fmt::format("l{}_{}", index_, value); }
  bool Has(std::string_view part) const { return builder_.Has(Tensor(part)); }

  Result<ValueId> LayerNorm(std::string_view part, ValueId x, Bias bias) {
    return builder_.LayerNorm(Tensor(part), x, bias, Name(part));
  }
  Result<ValueId> Norm(std::string_view part, ValueId x) { return builder_.Norm(Tensor(part), x, Name(part)); }
  Result<ValueId> Linear(std::string_view part, ValueId x, std::int64_t n, Bias bias, std::string_view name) {
    return builder_.Linear(Tensor(part), x, n, bias, Name(name));
  }
  ValueId Map(std::string expression, std::vector<ValueId> inputs, std::string_view name) {
    return builder_.Map(std::move(expression), std::move(inputs), Name(name));
  }
  ValueId Rope(ValueId x, std::int64_t heads, std::string_view name);

  /// Query, key and value projections of x, their norm and rotation, attention, output projection.
  Result<ValueId> Attention(ValueId x, QkNorm qk_norm = QkNorm::kNone);
  /// down(activation(gate(x)) * up(x)).
  Result<ValueId> GatedMlp(ValueId x);
  /// down(activation(up(x))).
  Result<ValueId> Mlp(ValueId x);
  /// What a block adds to the residual x.
  ValueId Residual(ValueId added, ValueId x, std::string_view name);

 private:
  Builder& builder_;
  std::int64_t index_;
  RopeConstant rope_;
};

using LayerBuilder = std::function<Result<ValueId>(Layer& layer, ValueId x)>;

/// The layers one after another, each rotated as the config says of it.
Result<ValueId> BuildLayers(Builder& builder, ValueId x, const LayerBuilder& build_layer);

/// Embedding, the layers, output norm and head.
Result<graph::Graph> BuildDecoder(const ModelFile& model, const LayerBuilder& build_layer);

/// Embeddings and their norm, the layers, a last norm where there is one, pooling. `norm_bias`: of those two.
Result<graph::Graph> BuildEncoder(const ModelFile& model, Bias norm_bias, const LayerBuilder& build_layer);

}  // namespace strata::models
