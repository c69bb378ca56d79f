// Inside runtime: how a fused graph becomes a plan. One pass over the nodes makes operations whose buffers are offsets;
// then the arena is laid out, weights are packed and expressions compiled. lower_*.cc have the
// operations that take most words.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "graph/expression.h"
#include "graph/rewrite.h"
#include "runtime/arena_layout.h"
#include "runtime/plan.h"

namespace strata {

using graph::Node;
using graph::Op;
using graph::ValueId;

class Lowering {
 public:
  Lowering(const graph::Graph& graph, const ModelFile& model, const RunnerOptions& options, ThreadTeam& team,
           compiler::MapCompiler& compiler)
      : graph_(graph), model_(model), options_(options), team_(team), compiler_(compiler) {}

  Result<Plan> Run();

 private:
  /// Where a value will live: buffers hold offsets until the arena exists.
  struct Storage {
    std::size_t offset = 0;
    std::int64_t stride = 0;
    ValueId last_use = -1;
  };

  bool IsComputed(ValueId id) const;

  /// The value whose bytes it has: a slice's are its input's.
  ValueId StorageOf(ValueId id) const;

  void CollectLastUses();

  /// The model's results are logits and their argmax, both of one linear, or one value for each wanted row. They have
  /// memory of their own: few rows of a step want them, and pages that no row reaches stay untouched.
  Status PlaceOutputs();
  Status CheckResults() const;

  /// Reserves the value's bytes; its buffer's data is an offset until PlaceArena.
  Buffer Define(ValueId id);

  /// `target` becomes where the operation of `id` writes.
  void DefineInto(ValueId id, Buffer& target);

  void FreeDead(ValueId now);

  static Rows RowsOf(const Node& node) { return node.type.dims.front().symbol == 'R' ? Rows::kLogits : Rows::kTokens; }

  template <class T>
  T* Add(ValueId id) {
    auto operation = std::make_unique<T>();
    operation->rows = RowsOf(graph_.node(id));
    operation->value = graph_.node(id).name;
    T* raw = operation.get();
    plan_.operations.push_back(std::move(operation));
    return raw;
  }

  Result<const TensorView*> Tensor(ValueId id) const;

  /// A vector weight as f32, `offset` added to each element; the plan keeps it.
  Result<const std::vector<float>*> Vector(ValueId id, double offset = 0);

  /// An operand that elementwise work reads: a computed value, or a vector that all rows share.
  Result<Buffer> Operand(ValueId id);

  Status LowerNode(ValueId id);

  /// What the accumulators go through: biases are inputs after the accumulators, then come the map's own extras.
  Result<graph::Expression> EpilogueExpression(const Node& node, const graph::FusedLinearView& view) const;

  Status LowerLinear(ValueId id);

  /// Not for the gathered rows, the head's: these are few, and no longer parted by phase.
  void SelectPrefill(LinearOperation& operation, bool log);

  Status LowerNorm(ValueId id);

  Status LowerAttention(ValueId id);

  Status LowerEmbed(ValueId id);
  Status LowerLayerNorm(ValueId id);
  Status LowerPool(ValueId id);
  Status LowerRope(ValueId id);

  /// Rotation by a constant of frequencies, which the operation keeps.
  static kernels::RopeArgs Rope(const Node& frequencies, std::string_view layout, double scale,
                                std::vector<float>& inv_freq);

  void Relocate(Buffer planned, Buffer& target);

  Status PlaceArena();

  Status PackWeights();

  Status CompileExpressions();

  struct Relocation {
    Buffer planned;
    float** target;
  };
  struct Packing {
    LinearOperation* operation;
    std::vector<TensorView> parts;
    bool interleaved;
    std::size_t offset;
  };

  const graph::Graph& graph_;
  const ModelFile& model_;
  const RunnerOptions& options_;
  ThreadTeam& team_;
  compiler::MapCompiler& compiler_;
  Plan plan_;
  const kernels::RowKernels* row_kernels_ = nullptr;
  std::map<ValueId, Storage> storage_;
  std::map<ValueId, Buffer> buffers_;
  std::map<std::pair<ValueId, double>, const std::vector<float>*> vectors_;  ///< by weight and offset
  std::set<std::pair<DType, std::int64_t>> logged_;
  bool attention_logged_ = false;
  ArenaLayout layout_;
  std::vector<Relocation> relocations_;
  std::vector<Packing> packings_;
  std::vector<std::pair<graph::Expression, kernels::MapFn*>> maps_;
  std::size_t packed_bytes_ = 0;
  std::size_t prepared_row_bytes_ = 0;
};

}  // namespace strata
