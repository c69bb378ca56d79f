// Inside runtime: how a fused graph becomes a plan. One pass over the nodes makes operations whose buffers are offsets;
// then the arena is laid out, weights are packed and expressions compiled. lower_WHAT.cc have the operations that take
// most words.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "graph/expression.h"
#include "graph/rewrite.h"
#include "runtime/arena_layout.h"
#include "runtime/experts.h"
#include "runtime/kept_weights.h"
#include "runtime/latent_attention.h"
#include "runtime/plan.h"

namespace strata {

using graph::Node;
using graph::Op;
using graph::ValueId;

/// Rows are whole vectors apart, so that no two rows share a cache line.
inline std::int64_t Stride(std::int64_t cols) { return kernels::Panels(cols) * kernels::kPanel; }

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

  /// A weight to be packed, and where the pointer to it goes.
  struct Packing {
    const kernels::LinearKernel* kernel = nullptr;
    kernels::LinearProblem problem{};
    std::vector<TensorView> parts = {};
    bool interleaved = false;
    const std::byte** target = nullptr;
    std::size_t offset = 0;  ///< AddPacking sets it
  };

  bool IsComputed(ValueId id) const;

  /// What is concatenated is written side by side.
  Status JoinConcats();

  /// The value whose bytes it has: a slice's are its input's, what is concatenated has the whole's.
  ValueId StorageOf(ValueId id) const;

  void CollectLastUses();

  /// The model's results are logits and their argmax, both of one linear, or one value for each wanted row. They have
  /// memory of their own: few rows of a step want them, and pages that no row reaches stay untouched.
  Status PlaceOutputs();
  Status CheckResults() const;

  /// Reserves the value's bytes; its buffer's data is an offset until PlaceArena.
  Buffer Define(ValueId id);

  /// At an offset into the arena, in bytes, which is what a buffer's data is until PlaceArena.
  static Buffer At(std::size_t offset, std::int64_t stride) {
    return {std::bit_cast<float*>(static_cast<std::uintptr_t>(offset)), stride};
  }
  /// So many columns behind the first.
  static Buffer Behind(const Buffer& planned, std::int64_t columns) {
    const auto offset = std::bit_cast<std::uintptr_t>(planned.data);
    return At(offset + static_cast<std::size_t>(columns) * sizeof(float), planned.stride);
  }

  /// [T, columns] that the operation at work alone uses, freed with what dies there.
  Buffer Scratch(std::int64_t columns);
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

  /// A vector, weight or constant, as f32, `offset` added to each element; the plan keeps it.
  Result<const std::vector<float>*> Vector(ValueId id, double offset = 0);

  /// An operand that elementwise work reads: a computed value, or a vector that all rows share.
  Result<Buffer> Operand(ValueId id);

  Status LowerNode(ValueId id);

  /// What the accumulators go through: biases are inputs after the accumulators, then come the map's own extras.
  Result<graph::Expression> EpilogueExpression(const Node& node, const graph::FusedLinearView& view) const;

  /// `expression` with a bias added to each of its first `parts` inputs: biases are inputs after those.
  static Result<graph::Expression> AddBiases(graph::Expression expression, int parts);

  Status LowerLinear(ValueId id);
  bool FeedsRoute(ValueId id) const;

  kernels::Activations ActivationsOver(DType weights) const;

  /// A kernel, and another for the rows of prompts where there is one. A choice is logged once for each kind
  /// of weight.
  void SelectKernels(const kernels::LinearProblem& problem, Rows rows, const kernels::LinearKernel*& kernel,
                     const kernels::LinearKernel*& prefill);

  void AddPacking(Packing packing);

  Status LowerRoute(ValueId id);
  Status LowerExperts(ValueId id);
  /// One linear of every expert, of stacks that are interleaved.
  Status LowerExpertLinear(std::span<const ValueId> weights, std::span<const ValueId> biases, const std::string& expr,
                           Rows rows, ExpertLinear& linear);
  Result<const TensorView*> ExpertTensor(ValueId stack, std::int64_t expert) const;
  Status PlaceExpertScratch();

  Status LowerNorm(ValueId id);

  Status LowerAttention(ValueId id);

  Status LowerLatentAttention(ValueId id);

  Status SelectHeadLinears(const Node& node, LatentAttentionOperation& operation);

  Status PackHeadLinears();
  Status LowerEmbed(ValueId id);
  Status LowerLayerNorm(ValueId id);
  Status LowerPool(ValueId id);
  Status LowerRope(ValueId id);

  /// Rotation by a constant of frequencies, which the operation keeps.
  static kernels::RopeArgs Rope(const Node& frequencies, std::string_view layout, double scale,
                                std::vector<float>& inv_freq);

  void Relocate(Buffer planned, Buffer& target);

  Status PlaceArena();

  /// What the bytes of packed weights follow from, beside the build. Empty where they must not be kept.
  std::string WeightsKey() const;

  /// Packed, or found as they were packed before.
  Status PlaceWeights();
  /// Leaves plan_.weights empty where they can neither be found nor kept.
  Status PlaceKeptWeights();
  Status PackWeights(KeptWeights* kept);
  Status CheckFinite(DType type, std::span<const std::byte> blocks) const;
  /// Of a tensor or the rows of one, also of rows that are made.
  Status CheckFinite(const TensorView& rows) const;
  /// The rows of a table, by all ranks; those that a linear packs as well are looked at there.
  Status CheckTable(const TensorView& table, std::string_view name);

  Status CompileExpressions();

  struct Relocation {
    Buffer planned;
    float** target;
  };

  struct HeadPacking {
    HeadLinears* linears;
    std::vector<TensorView> heads;
    bool transposed;
    std::size_t offset;
  };

  const graph::Graph& graph_;
  const ModelFile& model_;
  const RunnerOptions& options_;
  ThreadTeam& team_;
  compiler::MapCompiler& compiler_;
  Plan plan_;
  const kernels::RowKernels* row_kernels_ = nullptr;
  std::map<ValueId, std::pair<ValueId, std::int64_t>>
      joined_;  ///< what is concatenated -> the whole, and its column there
  std::map<ValueId, Storage> storage_;
  std::map<ValueId, Buffer> buffers_;
  std::map<std::pair<ValueId, double>, const std::vector<float>*> vectors_;  ///< by weight and offset
  std::set<std::tuple<DType, std::int64_t, kernels::Activations>> logged_;
  bool attention_logged_ = false;
  ArenaLayout layout_;
  std::vector<Relocation> relocations_;
  std::vector<Packing> packings_;
  std::vector<LinearOperation*> linears_;
  std::map<ValueId, const RouteOperation*> routes_;
  std::vector<ExpertsOperation*> experts_;
  std::vector<HeadPacking> head_packings_;
  std::vector<LatentAttentionOperation*> latent_;
  std::vector<std::size_t> scratch_;  ///< of the operation at work, in layout_
  std::vector<std::pair<graph::Expression, kernels::MapFn*>> maps_;
  std::size_t packed_bytes_ = 0;
  std::size_t prepared_row_bytes_ = 0;
};

}  // namespace strata
