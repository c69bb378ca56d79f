#include "runtime/plan.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "graph/expression.h"
#include "graph/rewrite.h"
#include "runtime/arena_layout.h"
#include "tensor/convert.h"

namespace strata {
namespace {

using graph::Node;
using graph::Op;
using graph::ValueId;

/// Rows are whole vectors apart, so that no two rows share a cache line.
std::int64_t Stride(std::int64_t cols) { return (cols + kernels::kPanel - 1) / kernels::kPanel * kernels::kPanel; }

class Lowering {
 public:
  Lowering(const graph::Graph& graph, const ModelFile& model, const RunnerOptions& options, ThreadTeam& team,
           compiler::MapCompiler& compiler)
      : graph_(graph), model_(model), options_(options), team_(team), compiler_(compiler) {}

  Result<Plan> Run() {
    row_kernels_ = &kernels::SelectRowKernels(Cpu(), &plan_.choices);
    STRATA_CHECK(JoinSeparateQkv());
    CollectLastUses();
    STRATA_CHECK(PlaceLogits());
    for (std::size_t id = 0; id < graph_.nodes.size(); ++id) STRATA_CHECK(LowerNode(static_cast<ValueId>(id)));
    STRATA_CHECK(PlaceArena());
    STRATA_CHECK(PackWeights());
    STRATA_CHECK(CompileExpressions());
    return std::move(plan_);
  }

 private:
  /// Where a value will live: buffers hold offsets until the arena exists.
  struct Storage {
    std::size_t offset = 0;
    std::int64_t stride = 0;
    ValueId last_use = -1;
  };

  bool IsComputed(ValueId id) const {
    const Op op = graph_.node(id).op;
    return op != Op::kInput && op != Op::kWeight && op != Op::kConstant;
  }

  /// q, k and v of an attention that takes them apart are written side by side, as the kernel reads them.
  Status JoinSeparateQkv() {
    const std::vector<int> uses = graph_.UseCounts();
    for (const Node& node : graph_.nodes) {
      if (node.op != Op::kFusedAttention || node.inputs.size() != 5) continue;
      std::int64_t column = 0;
      for (int part = 0; part < 3; ++part) {
        const ValueId id = node.inputs[static_cast<std::size_t>(part)];
        if (uses[static_cast<std::size_t>(id)] != 1) {
          return Fail(ErrorCode::kUnsupported, "%{}: an input of attention %{} that has other uses",
                      graph_.node(id).name, node.name);
        }
        joined_[id] = {node.inputs[0], column};
        column += graph::Columns(graph_.node(id).type);
      }
      joined_columns_[node.inputs[0]] = column;
    }
    return {};
  }

  ValueId StorageOf(ValueId id) const {
    const auto joined = joined_.find(id);
    return joined == joined_.end() ? id : joined->second.first;
  }

  void CollectLastUses() {
    for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
      for (const ValueId input : graph_.nodes[id].inputs) {
        if (IsComputed(input)) storage_[StorageOf(input)].last_use = static_cast<ValueId>(id);
      }
    }
  }

  /// The model's results are logits and their argmax, both of one linear. Logits have memory of their own: few rows of
  /// a step want them, and pages that no row reaches stay untouched.
  Status PlaceLogits() {
    const auto refuse = [&](std::string_view what) {
      return Fail(ErrorCode::kUnsupported, "graph {}: {}", graph_.name, what);
    };
    if (graph_.results.size() != 2) return refuse("returns something else than logits and their argmax");
    const Node& logits = graph_.node(graph_.results[0]);
    const Node& argmax = graph_.node(graph_.results[1]);
    if (logits.op != Op::kFusedLinear || RowsOf(logits) != Rows::kLogits) return refuse("its logits are no linear's");
    if (argmax.op != Op::kArgmax || argmax.inputs[0] != graph_.results[0] || !graph::HasAttribute(logits, "argmax")) {
      return refuse("its argmax is not part of the linear that gives the logits");
    }
    const std::int64_t cols = graph::Columns(logits.type);
    STRATA_TRY(plan_.logits_memory,
               MappedMemory::Map(static_cast<std::size_t>(options_.max_logit_rows * cols) * sizeof(float), "logits",
                                 MappedMemory::Pages::kSmall));
    plan_.logits = {reinterpret_cast<float*>(plan_.logits_memory.data()), cols};
    return {};
  }

  /// Reserves the value's bytes; its buffer's data is an offset until PlaceArena.
  Buffer Define(ValueId id) {
    const ValueId owner = StorageOf(id);
    Storage& storage = storage_[owner];
    if (storage.stride == 0) {
      const auto wide = joined_columns_.find(owner);
      const std::int64_t cols = wide != joined_columns_.end() ? wide->second : graph::Columns(graph_.node(owner).type);
      storage.stride = Stride(cols);
      storage.offset =
          layout_.Allocate(static_cast<std::size_t>(storage.stride * options_.max_step_tokens) * sizeof(float));
    }
    const auto joined = joined_.find(id);
    const std::int64_t column = joined == joined_.end() ? 0 : joined->second.second;
    const Buffer buffer{reinterpret_cast<float*>(storage.offset) + column, storage.stride};
    buffers_[id] = buffer;
    return buffer;
  }

  void FreeDead(ValueId now) {
    for (auto& [id, storage] : storage_) {
      if (storage.last_use == now && storage.stride != 0) layout_.Free(storage.offset);
    }
  }

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

  Result<const TensorView*> Tensor(ValueId id) const {
    const std::string& name = graph::StringAttribute(graph_.node(id), "name");
    const TensorView* tensor = model_.FindTensor(name);
    if (tensor == nullptr) return Fail(ErrorCode::kCorrupt, "{}: tensor {} is missing", model_.path(), name);
    return tensor;
  }

  /// A vector weight as f32; the plan keeps it.
  Result<const std::vector<float>*> Vector(ValueId id) {
    if (const auto known = vectors_.find(id); known != vectors_.end()) return known->second;
    STRATA_TRY(const TensorView* tensor, Tensor(id));
    STRATA_TRY(std::vector<float> values, DequantizeTensor(*tensor));
    plan_.vectors.push_back(std::move(values));
    return vectors_[id] = &plan_.vectors.back();
  }

  /// An operand that elementwise work reads: a computed value, or a vector that all rows share.
  Result<Buffer> Operand(ValueId id) {
    if (IsComputed(id)) return buffers_.at(id);
    if (graph_.node(id).op != Op::kWeight) {
      return Fail(ErrorCode::kUnsupported, "%{} cannot be an operand of elementwise work", graph_.node(id).name);
    }
    STRATA_TRY(const std::vector<float>* values, Vector(id));
    return Buffer{const_cast<float*>(values->data()), 0};
  }

  Status LowerNode(ValueId id) {
    const Node& node = graph_.node(id);
    if (!IsComputed(id)) return {};
    switch (node.op) {
      case Op::kEmbed: {
        auto* operation = Add<EmbedOperation>(id);
        STRATA_TRY(const TensorView* table, Tensor(node.inputs[1]));
        operation->table = *table;
        operation->kernels = row_kernels_;
        Relocate(Define(id), operation->out);
        break;
      }
      case Op::kGatherRows: {
        auto* operation = Add<GatherRowsOperation>(id);
        operation->cols = graph::Columns(node.type);
        Relocate(buffers_.at(node.inputs[0]), operation->in);
        Relocate(Define(id), operation->out);
        break;
      }
      case Op::kRmsNorm: {
        auto* operation = Add<RmsNormOperation>(id);
        STRATA_TRY(const std::vector<float>* weight, Vector(node.inputs[1]));
        operation->kernels = row_kernels_;
        operation->weight = weight->data();
        operation->eps = static_cast<float>(graph::FloatAttribute(node, "eps"));
        operation->cols = graph::Columns(node.type);
        Relocate(buffers_.at(node.inputs[0]), operation->in);
        Relocate(Define(id), operation->out);
        break;
      }
      case Op::kMap: {
        auto* operation = Add<MapOperation>(id);
        operation->expression = graph::StringAttribute(node, "expr");
        operation->cols = graph::Columns(node.type);
        operation->inputs.resize(node.inputs.size());
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
          STRATA_TRY(const Buffer operand, Operand(node.inputs[i]));
          IsComputed(node.inputs[i]) ? Relocate(operand, operation->inputs[i]) : void(operation->inputs[i] = operand);
        }
        Relocate(Define(id), operation->out);
        STRATA_TRY(const graph::Expression expression, graph::ParseExpression(operation->expression));
        maps_.push_back({expression, &operation->map});
        break;
      }
      case Op::kFusedLinear:
        STRATA_CHECK(LowerLinear(id));
        break;
      case Op::kFusedAttention:
        STRATA_CHECK(LowerAttention(id));
        break;
      case Op::kArgmax:  // the linear's, see PlaceLogits
        if (id != graph_.results[1])
          return Fail(ErrorCode::kUnsupported, "%{}: an argmax that is no result", node.name);
        break;
      default:
        return Fail(ErrorCode::kUnsupported, "%{}: the executor has no operation for {}", node.name,
                    graph::ToString(node.op));
    }
    FreeDead(id);
    return {};
  }

  /// What the accumulators go through: biases are inputs after the accumulators, then come the map's own extras.
  Result<graph::Expression> EpilogueExpression(const Node& node, const graph::FusedLinearView& view) const {
    const int parts = view.combined ? static_cast<int>(view.weights.size()) : 1;
    const int biases = view.biases.empty() ? 0 : parts;
    const bool mapped = graph::HasAttribute(node, "expr");
    STRATA_TRY(graph::Expression expression,
               graph::ParseExpression(mapped ? graph::StringAttribute(node, "expr") : "a0"));
    for (graph::ExpressionNode& part : expression.nodes) {
      if (part.kind == graph::ExpressionNode::Kind::kInput && part.input >= parts) part.input += biases;
    }
    expression.inputs = parts + biases + static_cast<int>(view.extras.size());
    if (biases == 0) return expression;
    STRATA_TRY(const graph::Expression sum, graph::ParseExpression("a0 + a1"));
    for (int part = 0; part < parts; ++part) {
      std::vector<int> outer;
      for (int i = 0; i < expression.inputs; ++i) outer.push_back(i);
      expression = graph::Substitute(expression, part, sum, outer, {part, parts + part});
    }
    return expression;
  }

  Status LowerLinear(ValueId id) {
    const Node& node = graph_.node(id);
    const graph::FusedLinearView view(node);
    auto* operation = Add<LinearOperation>(id);
    Packing packing;
    packing.operation = operation;
    packing.interleaved = view.combined && view.weights.size() > 1;
    for (const ValueId weight : view.weights) {
      STRATA_TRY(const TensorView* tensor, Tensor(weight));
      packing.parts.push_back(*tensor);
      operation->problem.n += tensor->shape[0];
      operation->problem.k = tensor->shape[1];
      operation->problem.weight_dtype = tensor->dtype;
    }
    operation->problem.activations = options_.activations;
    // The decision is the same for every layer: it is logged once for each kind of weight.
    const bool seen = !logged_.emplace(operation->problem.weight_dtype, operation->problem.k).second;
    operation->kernel = kernels::SelectLinear(operation->problem, Cpu(), seen ? nullptr : &plan_.choices);
    if (operation->rows == Rows::kTokens) SelectPrefill(*operation, !seen);
    packing.offset = packed_bytes_;
    packed_bytes_ += operation->kernel->packed_bytes(operation->problem);
    packings_.push_back(std::move(packing));

    if (view.norm >= 0) {
      STRATA_TRY(const std::vector<float>* weight, Vector(view.norm));
      operation->norm_weight = weight->data();
      operation->norm_eps = static_cast<float>(graph::FloatAttribute(node, "norm_eps"));
    }
    Relocate(buffers_.at(view.x), operation->in);

    kernels::Epilogue& epilogue = operation->epilogue;
    epilogue.parts = packings_.back().interleaved ? static_cast<int>(view.weights.size()) : 1;
    const auto add_extra = [&](const Buffer& buffer, bool computed) {
      epilogue.extra_stride[epilogue.extras] = buffer.stride;
      if (computed) {
        relocations_.push_back({buffer, const_cast<float**>(&epilogue.extra[epilogue.extras])});
      } else {
        epilogue.extra[epilogue.extras] = buffer.data;
      }
      ++epilogue.extras;
    };
    const std::size_t bias_vectors = view.biases.empty() ? 0 : static_cast<std::size_t>(epilogue.parts);
    if (bias_vectors + view.extras.size() > kernels::Epilogue::kMaxExtras) {
      return Fail(ErrorCode::kUnsupported, "%{}: an epilogue with {} extra inputs, {} are possible", node.name,
                  bias_vectors + view.extras.size(), kernels::Epilogue::kMaxExtras);
    }
    if (packings_.back().interleaved) {
      for (const ValueId bias : view.biases) {
        STRATA_TRY(const Buffer buffer, Operand(bias));
        add_extra(buffer, false);
      }
    } else if (!view.biases.empty()) {
      std::vector<float> all;
      for (const ValueId bias : view.biases) {
        STRATA_TRY(const std::vector<float>* values, Vector(bias));
        all.insert(all.end(), values->begin(), values->end());
      }
      plan_.vectors.push_back(std::move(all));
      add_extra({plan_.vectors.back().data(), 0}, false);
    }
    for (const ValueId extra : view.extras) {
      STRATA_TRY(const Buffer buffer, Operand(extra));
      add_extra(buffer, IsComputed(extra));
    }
    if (epilogue.extras > 0 || graph::HasAttribute(node, "expr")) {
      STRATA_TRY(const graph::Expression expression, EpilogueExpression(node, view));
      operation->expression = expression.ToString();
      maps_.push_back({expression, &epilogue.map});
    }
    epilogue.out_cols = graph::Columns(node.type);
    if (id == graph_.results[0]) {
      plan_.head = operation;
      epilogue.out = plan_.logits.data;
      epilogue.out_stride = plan_.logits.stride;
      operation->row_max.assign(static_cast<std::size_t>(team_.size()),
                                std::vector<kernels::RowMax>(static_cast<std::size_t>(options_.max_step_tokens)));
    } else {
      const Buffer out = Define(id);
      epilogue.out_stride = out.stride;
      relocations_.push_back({out, &epilogue.out});
    }

    for (const kernels::LinearKernel* kernel : {operation->kernel, operation->prefill}) {
      if (kernel == nullptr) continue;
      prepared_row_bytes_ = std::max(prepared_row_bytes_, kernel->prepared_row_bytes(operation->problem.k));
    }
    return {};
  }

  /// Not for the gathered rows, the head's: these are few, and no longer parted by phase.
  void SelectPrefill(LinearOperation& operation, bool log) {
    std::vector<kernels::Choice> choices;
    operation.prefill =
        kernels::SelectPrefillLinear(options_.prefill_linears, operation.problem, *operation.kernel, Cpu(), &choices);
    if (!log) return;
    for (const kernels::Choice& choice : choices) {
      plan_.notes.push_back({"prefill-linear",
                             fmt::format("{} k={}", Info(operation.problem.weight_dtype).name, operation.problem.k),
                             choice.taken, fmt::format("{} {}", choice.kernel, choice.reason)});
      plan_.choices.push_back(choice);
    }
  }

  Status LowerAttention(ValueId id) {
    const Node& node = graph_.node(id);
    auto* operation = Add<AttentionOperation>(id);
    kernels::AttentionArgs& args = operation->args;
    args.heads = graph::IntAttribute(node, "heads");
    args.kv_heads = graph::IntAttribute(node, "kv_heads");
    args.head_dim = graph::IntAttribute(node, "head_dim");
    args.scale = static_cast<float>(graph::FloatAttribute(node, "scale"));
    operation->layer = graph::IntAttribute(node, "layer");
    operation->kernel = kernels::SelectAttention(args.heads, args.kv_heads, args.head_dim, Cpu(),
                                                 operation->layer == 0 ? &plan_.choices : nullptr);
    const Node& frequencies = graph_.node(node.inputs.back());
    for (const double value : std::get<std::vector<double>>(frequencies.attributes.find("values")->second)) {
      operation->inv_freq.push_back(static_cast<float>(value));
    }
    args.rope.rotary_dim = 2 * static_cast<std::int64_t>(operation->inv_freq.size());
    args.rope.scale = static_cast<float>(graph::FloatAttribute(node, "rope_scale"));
    args.rope.style = graph::StringAttribute(node, "layout") == "halves" ? kernels::RopeStyle::kHalves
                                                                         : kernels::RopeStyle::kInterleaved;
    const Buffer qkv = buffers_.at(node.inputs[0]);
    args.qkv_stride = qkv.stride;
    relocations_.push_back({qkv, &args.qkv});
    const Buffer out = Define(id);
    args.out_stride = out.stride;
    relocations_.push_back({out, &args.out});
    return {};
  }

  void Relocate(Buffer planned, Buffer& target) {
    target.stride = planned.stride;
    relocations_.push_back({planned, &target.data});
  }

  Status PlaceArena() {
    // Scratch is in use beside every value, so it lies behind all of them. Prepared rows are whole cache lines.
    const std::size_t shared = layout_.size();
    std::size_t end = shared + prepared_row_bytes_ * static_cast<std::size_t>(options_.max_step_tokens);
    std::vector<std::size_t> own;
    for (int rank = 0; rank < team_.size(); ++rank) {
      own.push_back(end);
      end += prepared_row_bytes_ * LinearOperation::kOwnRows;
    }
    STRATA_TRY(plan_.arena, MappedMemory::Map(end, "the arena"));
    std::byte* base = plan_.arena.data();
    const auto place = [&](Buffer buffer) {
      return reinterpret_cast<float*>(base + reinterpret_cast<std::uintptr_t>(buffer.data));
    };
    for (const Relocation& relocation : relocations_) *relocation.target = place(relocation.planned);
    for (auto& [id, buffer] : buffers_) buffer.data = place(buffer);
    for (const Packing& packing : packings_) {
      packing.operation->shared = base + shared;
      for (const std::size_t offset : own) packing.operation->own.push_back(base + offset);
    }
    return {};
  }

  Status PackWeights() {
    STRATA_TRY(plan_.weights, MappedMemory::Map(packed_bytes_, "packed weights"));
    std::size_t done = 0;
    for (const Packing& packing : packings_) {
      LinearOperation& operation = *packing.operation;
      std::byte* packed = plan_.weights.data() + packing.offset;
      const kernels::PackSource source{packing.parts, packing.interleaved};
      const std::int64_t panels = kernels::Panels(operation.problem.n);
      team_.Run([&](int rank) {
        operation.kernel->pack(operation.problem, source, panels * rank / team_.size(),
                               panels * (rank + 1) / team_.size(), packed);
      });
      operation.weights = packed;
      for (const TensorView& part : packing.parts) model_.DoneWith(part);
      if (options_.progress) {
        options_.progress(static_cast<double>(++done) / static_cast<double>(packings_.size()), "packing weights");
      }
    }
    return {};
  }

  Status CompileExpressions() {
    std::map<std::string, std::size_t> index;
    std::vector<graph::Expression> expressions;
    for (const auto& [expression, slot] : maps_) {
      if (index.emplace(expression.ToString(), expressions.size()).second) expressions.push_back(expression);
    }
    STRATA_TRY(const std::vector<kernels::MapFn> functions, compiler_.Compile(expressions));
    for (const auto& [expression, slot] : maps_) *slot = functions[index.at(expression.ToString())];
    return {};
  }

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
  std::map<ValueId, std::pair<ValueId, std::int64_t>> joined_;  ///< value -> (owner of its bytes, column)
  std::map<ValueId, std::int64_t> joined_columns_;
  std::map<ValueId, Storage> storage_;
  std::map<ValueId, Buffer> buffers_;
  std::map<ValueId, const std::vector<float>*> vectors_;
  std::set<std::pair<DType, std::int64_t>> logged_;
  ArenaLayout layout_;
  std::vector<Relocation> relocations_;
  std::vector<Packing> packings_;
  std::vector<std::pair<graph::Expression, kernels::MapFn*>> maps_;
  std::size_t packed_bytes_ = 0;
  std::size_t prepared_row_bytes_ = 0;
};

}  // namespace

std::string Plan::Describe() const {
  std::string text;
  for (const auto& operation : operations) {
    text += fmt::format("{:<14} [{}] {}\n", "%" + operation->value, operation->rows == Rows::kTokens ? 'T' : 'R',
                        operation->Describe());
  }
  return text;
}

Result<Plan> Lower(const graph::Graph& graph, const ModelFile& model, const RunnerOptions& options, ThreadTeam& team,
                   compiler::MapCompiler& compiler) {
  return Lowering(graph, model, options, team, compiler).Run();
}

}  // namespace strata
