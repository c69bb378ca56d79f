#include "runtime/lowering.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/build_id.h"
#include "base/log.h"
#include "tensor/convert.h"
#include "tensor/finite.h"

namespace strata {

namespace {

/// Later than any node.
constexpr ValueId kNever = std::numeric_limits<ValueId>::max();

TensorView RowsBetween(const TensorView& tensor, std::int64_t begin, std::int64_t end) {
  TensorView rows = tensor;
  rows.shape = {end - begin, tensor.shape.cols()};
  if (tensor.source != nullptr) {
    rows.first_row += begin;
  } else {
    rows.data = tensor.data.subspan(static_cast<std::size_t>(begin) * tensor.row_bytes(),
                                    static_cast<std::size_t>(end - begin) * tensor.row_bytes());
  }
  return rows;
}

}  // namespace

Result<Plan> Lowering::Run() {
  row_kernels_ = &kernels::SelectRowKernels(Cpu(), &plan_.choices);
  STRATA_CHECK(JoinConcats());
  CollectLastUses();
  STRATA_CHECK(PlaceOutputs());
  for (std::size_t id = 0; id < graph_.nodes.size(); ++id) STRATA_CHECK(LowerNode(static_cast<ValueId>(id)));
  STRATA_CHECK(PlaceArena());
  STRATA_CHECK(PlaceExpertScratch());
  STRATA_CHECK(PlaceWeights());
  STRATA_CHECK(CompileExpressions());
  return std::move(plan_);
}

bool Lowering::IsComputed(ValueId id) const {
  const Op op = graph_.node(id).op;
  if (op == Op::kInput) return graph_.node(id).type.dtype == DType::kF32;
  return op != Op::kWeight && op != Op::kConstant;
}

Status Lowering::JoinConcats() {
  const std::vector<int> uses = graph_.UseCounts();
  for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
    const Node& node = graph_.nodes[id];
    if (node.op != Op::kConcat) continue;
    std::int64_t column = 0;
    for (const ValueId input : node.inputs) {
      if (uses[static_cast<std::size_t>(input)] != 1 || joined_.contains(input) || StorageOf(input) != input) {
        return Fail(ErrorCode::kUnsupported, "%{}: an input of concat %{} that has other uses or is a slice",
                    graph_.node(input).name, node.name);
      }
      joined_[input] = {static_cast<ValueId>(id), column};
      column += graph::Columns(graph_.node(input).type);
    }
  }
  return {};
}

ValueId Lowering::StorageOf(ValueId id) const {
  while (graph_.node(id).op == Op::kSlice) id = graph_.node(id).inputs[0];
  const auto joined = joined_.find(id);
  return joined == joined_.end() ? id : joined->second.first;
}

void Lowering::CollectLastUses() {
  for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
    for (const ValueId input : graph_.nodes[id].inputs) {
      if (IsComputed(input)) storage_[StorageOf(input)].last_use = static_cast<ValueId>(id);
    }
  }
  for (const Node& node : graph_.nodes) {  // read by another plan, after this one
    if (graph::HasAttribute(node, "keep_input")) storage_[StorageOf(node.inputs[0])].last_use = kNever;
  }
}

Status Lowering::CheckResults() const {
  const auto refuse = [&](std::string_view what) {
    return Fail(ErrorCode::kUnsupported, "graph {}: {}", graph_.name, what);
  };
  const Node& output = graph_.node(graph_.results[0]);
  if (RowsOf(output) != Rows::kLogits || !IsComputed(graph_.results[0]))
    return refuse("its result is of no wanted rows");
  if (output.op == Op::kSlice || output.op == Op::kConcat) return refuse("its result lies within other values");
  if (graph_.results.size() == 1) {
    const bool read = graph_.UseCounts()[static_cast<std::size_t>(graph_.results[0])] > 1;
    return read ? refuse("its result is read by another operation") : Status();
  }
  if (graph_.results.size() != 2) return refuse("returns something else than one value, or logits and their argmax");
  const Node& argmax = graph_.node(graph_.results[1]);
  if (output.op != Op::kFusedLinear) return refuse("its logits are no linear's");
  if (argmax.op != Op::kArgmax || argmax.inputs[0] != graph_.results[0] || !graph::HasAttribute(output, "argmax")) {
    return refuse("its argmax is not part of the linear that gives the logits");
  }
  return {};
}

Status Lowering::PlaceOutputs() {
  STRATA_CHECK(CheckResults());
  const std::int64_t cols = graph::Columns(graph_.node(graph_.results[0]).type);
  STRATA_TRY(plan_.outputs_memory,
             MappedMemory::Map(static_cast<std::size_t>(options_.max_logit_rows * cols) * sizeof(float), "outputs",
                               MappedMemory::Pages::kSmall));
  plan_.outputs = {reinterpret_cast<float*>(plan_.outputs_memory.data()), cols};
  return {};
}

Buffer Lowering::Define(ValueId id) {
  const ValueId owner = StorageOf(id);
  Storage& storage = storage_[owner];
  if (storage.stride == 0) {
    storage.stride = Stride(graph::Columns(graph_.node(owner).type));
    storage.offset =
        layout_.Allocate(static_cast<std::size_t>(storage.stride * options_.max_step_tokens) * sizeof(float));
  }
  const auto joined = joined_.find(id);
  const std::int64_t column = joined == joined_.end() ? 0 : joined->second.second;
  return buffers_[id] = Behind(At(storage.offset, storage.stride), column);
}

Buffer Lowering::Scratch(std::int64_t columns) {
  const std::int64_t stride = Stride(columns);
  scratch_.push_back(layout_.Allocate(static_cast<std::size_t>(stride * options_.max_step_tokens) * sizeof(float)));
  return At(scratch_.back(), stride);
}

void Lowering::DefineInto(ValueId id, Buffer& target) {
  if (id == graph_.results[0]) {
    target = plan_.outputs;
  } else {
    Relocate(Define(id), target);
  }
}

void Lowering::FreeDead(ValueId now) {
  for (const std::size_t offset : scratch_) layout_.Free(offset);
  scratch_.clear();
  for (auto& [id, storage] : storage_) {
    if (storage.last_use == now && storage.stride != 0) layout_.Free(storage.offset);
  }
}

Result<const TensorView*> Lowering::Tensor(ValueId id) const {
  const std::string& name = graph::StringAttribute(graph_.node(id), "name");
  const TensorView* tensor = model_.FindTensor(name);
  if (tensor == nullptr) return Fail(ErrorCode::kCorrupt, "{}: tensor {} is missing", model_.path(), name);
  return tensor;
}

Result<const std::vector<float>*> Lowering::Vector(ValueId id, double offset) {
  if (const auto known = vectors_.find({id, offset}); known != vectors_.end()) return known->second;
  std::vector<float> values;
  if (graph_.node(id).op == Op::kConstant) {
    const auto& constant = std::get<std::vector<double>>(graph_.node(id).attributes.find("values")->second);
    for (const double value : constant) values.push_back(static_cast<float>(value));
  } else {
    STRATA_TRY(const TensorView* tensor, Tensor(id));
    STRATA_CHECK(CheckFinite(tensor->dtype, tensor->data));
    STRATA_TRY(values, DequantizeTensor(*tensor));
  }
  for (float& value : values) value += static_cast<float>(offset);
  plan_.vectors.push_back(std::move(values));
  return vectors_[{id, offset}] = &plan_.vectors.back();
}

Result<Buffer> Lowering::Operand(ValueId id) {
  if (IsComputed(id)) return buffers_.at(id);
  if (graph_.node(id).op != Op::kWeight) {
    return Fail(ErrorCode::kUnsupported, "%{} cannot be an operand of elementwise work", graph_.node(id).name);
  }
  STRATA_TRY(const std::vector<float>* values, Vector(id));
  return Buffer{const_cast<float*>(values->data()), 0};
}

Status Lowering::LowerNode(ValueId id) {
  const Node& node = graph_.node(id);
  if (!IsComputed(id)) return {};
  switch (node.op) {
    case Op::kEmbed:
      STRATA_CHECK(LowerEmbed(id));
      break;
    case Op::kLayerNorm:
      STRATA_CHECK(LowerLayerNorm(id));
      break;
    case Op::kPool:
      STRATA_CHECK(LowerPool(id));
      break;
    case Op::kGatherRows: {
      auto* operation = Add<GatherRowsOperation>(id);
      operation->cols = graph::Columns(node.type);
      Relocate(buffers_.at(node.inputs[0]), operation->in);
      DefineInto(id, operation->out);
      if (graph::HasAttribute(node, "keep_input")) Relocate(buffers_.at(node.inputs[0]), plan_.hidden);
      break;
    }
    case Op::kRmsNorm:
      STRATA_CHECK(LowerNorm(id));
      break;
    case Op::kRope:
      STRATA_CHECK(LowerRope(id));
      break;
    case Op::kSlice: {
      const Buffer whole = buffers_.at(node.inputs[0]);
      buffers_[id] = Behind(whole, graph::IntAttribute(node, "offset"));
      break;
    }
    case Op::kMap: {
      auto* operation = Add<MapOperation>(id);
      operation->expression = graph::StringAttribute(node, "expr");
      operation->cols = graph::Columns(node.type);
      if (node.inputs.size() > MapOperation::kMaxInputs) {
        return Fail(ErrorCode::kUnsupported, "%{}: {} inputs, {} are possible", node.name, node.inputs.size(),
                    MapOperation::kMaxInputs);
      }
      operation->inputs.resize(node.inputs.size());
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        STRATA_TRY(const Buffer operand, Operand(node.inputs[i]));
        IsComputed(node.inputs[i]) ? Relocate(operand, operation->inputs[i]) : void(operation->inputs[i] = operand);
      }
      DefineInto(id, operation->out);
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
    case Op::kLatentAttention:
      STRATA_CHECK(LowerLatentAttention(id));
      break;
    case Op::kInput: {
      auto* operation = Add<GatherRowsOperation>(id);
      operation->from = &Step::hidden_rows;
      operation->cols = graph::Columns(node.type);
      Relocate(Define(id), operation->out);
      plan_.hidden_input = operation;
      break;
    }
    case Op::kConcat:
      Define(id);
      break;
    case Op::kRoute:
      STRATA_CHECK(LowerRoute(id));
      break;
    case Op::kExperts:
      STRATA_CHECK(LowerExperts(id));
      break;
    case Op::kArgmax:  // the linear's, see CheckResults
      if (id != graph_.results.back())
        return Fail(ErrorCode::kUnsupported, "%{}: an argmax that is no result", node.name);
      break;
    default:
      return Fail(ErrorCode::kUnsupported, "%{}: the executor has no operation for {}", node.name,
                  graph::ToString(node.op));
  }
  FreeDead(id);
  return {};
}

Status Lowering::LowerNorm(ValueId id) {
  const Node& node = graph_.node(id);
  auto* operation = Add<RmsNormOperation>(id);
  const double offset = graph::HasAttribute(node, "offset") ? graph::FloatAttribute(node, "offset") : 0;
  STRATA_TRY(const std::vector<float>* weight, Vector(node.inputs[1], offset));
  operation->kernels = row_kernels_;
  operation->weight = weight->data();
  operation->eps = static_cast<float>(graph::FloatAttribute(node, "eps"));
  operation->cols = graph::Columns(node.type);
  operation->group = static_cast<std::int64_t>(weight->size());
  Relocate(buffers_.at(node.inputs[0]), operation->in);
  DefineInto(id, operation->out);
  return {};
}

void Lowering::Relocate(Buffer planned, Buffer& target) {
  target.stride = planned.stride;
  relocations_.push_back({planned, &target.data});
}

Status Lowering::PlaceArena() {
  // Scratch is in use beside every value, so it lies behind all of them. Prepared rows are whole cache lines.
  const std::size_t shared = layout_.size();
  std::size_t end = shared + prepared_row_bytes_ * static_cast<std::size_t>(options_.max_step_tokens);
  std::vector<std::size_t> own;
  for (int rank = 0; rank < team_.size(); ++rank) {
    own.push_back(end);
    end += prepared_row_bytes_ * LinearOperation::kOwnRows;
  }
  std::vector<std::size_t> latent_own;
  std::size_t latent_bytes = 0;
  for (const LatentAttentionOperation* operation : latent_)
    latent_bytes = std::max(latent_bytes, operation->OwnBytes());
  for (int rank = 0; rank < team_.size(); ++rank) {
    latent_own.push_back(end);
    end += latent_bytes;
  }
  STRATA_TRY(plan_.arena, MappedMemory::Map(end, "the arena"));
  std::byte* base = plan_.arena.data();
  const auto place = [&](Buffer buffer) {
    return reinterpret_cast<float*>(base + reinterpret_cast<std::uintptr_t>(buffer.data));
  };
  for (const Relocation& relocation : relocations_) *relocation.target = place(relocation.planned);
  for (auto& [id, buffer] : buffers_) buffer.data = place(buffer);
  for (LinearOperation* operation : linears_) {
    operation->shared = base + shared;
    for (const std::size_t offset : own) operation->own.push_back(base + offset);
  }
  for (LatentAttentionOperation* operation : latent_) {
    for (const std::size_t offset : latent_own) operation->rank_scratch.push_back(base + offset);
  }
  return {};
}

void Lowering::AddPacking(Packing packing) {
  packing.offset = packed_bytes_;
  packed_bytes_ += packing.kernel->packed_bytes(packing.problem);
  packings_.push_back(std::move(packing));
}

/// `blocks`: some of a tensor's.
Status Lowering::CheckFinite(DType type, std::span<const std::byte> blocks) const {
  const std::optional<std::size_t> found = FirstNotFinite(type, blocks);
  if (!found) return {};
  for (const ModelTensor& tensor : model_.tensors()) {
    const std::span<const std::byte> all = tensor.view.data;
    if (blocks.data() < all.data() || blocks.data() >= all.data() + all.size()) continue;
    const auto before = static_cast<std::size_t>(blocks.data() - all.data()) / Info(type).block_bytes;
    return Fail(ErrorCode::kCorrupt, "{}: block {} ({}) has a number that is not finite",
                model_.StoredName(tensor.name), before + *found, Info(type).name);
  }
  return Fail(ErrorCode::kCorrupt, "a weight has a number that is not finite");
}

Status Lowering::CheckFinite(const TensorView& rows) const {
  if (rows.source == nullptr) return CheckFinite(rows.dtype, rows.data);
  const auto found = FirstRowNotFinite(rows);
  if (!found) return {};
  for (const ModelTensor& tensor : model_.tensors()) {
    const std::int64_t row = *found - tensor.view.first_row;
    if (tensor.view.source != rows.source || row < 0 || row >= tensor.view.shape.rows()) continue;
    return Fail(ErrorCode::kCorrupt, "{}: row {} has a number that is not finite", model_.StoredName(tensor.name), row);
  }
  return Fail(ErrorCode::kCorrupt, "a weight has a number that is not finite");
}

Status Lowering::CheckTable(const TensorView& table, std::string_view name) {
  for (const Node& node : graph_.nodes) {
    if (node.op != Op::kFusedLinear) continue;
    for (const ValueId input : node.inputs) {
      const Node& weight = graph_.node(input);
      if (weight.op == Op::kWeight && graph::StringAttribute(weight, "name") == name) return {};
    }
  }
  const std::int64_t rows = table.shape.rows(), ranks = team_.size();
  std::vector<Status> statuses(static_cast<std::size_t>(ranks));
  team_.Run([&](int rank) {
    const std::int64_t begin = rows * rank / ranks, end = rows * (rank + 1) / ranks;
    statuses[static_cast<std::size_t>(rank)] = CheckFinite(RowsBetween(table, begin, end));
  });
  for (const Status& status : statuses) STRATA_CHECK(status);
  return {};
}

std::string Lowering::WeightsKey() const {
  const std::string state = model_.StateKey();
  if (state.empty() || BuildId().empty()) return {};
  std::string key = fmt::format("{}\n{}", state, graph::Print(graph_));
  const auto add = [&](const kernels::LinearKernel& kernel, const kernels::LinearProblem& problem, std::size_t offset) {
    key += fmt::format("{} {} {} {} {}\n", kernel.name, Info(problem.weight_dtype).name, problem.n, problem.k, offset);
  };
  for (const Packing& packing : packings_) add(*packing.kernel, packing.problem, packing.offset);
  for (const HeadPacking& packing : head_packings_) {
    add(*packing.linears->kernel, packing.linears->problem, packing.offset);
  }
  return key;
}

Status Lowering::PlaceWeights() {
  if (!options_.cache_directory.empty() && packed_bytes_ >= options_.keep_weights_from) {
    STRATA_CHECK(PlaceKeptWeights());
  }
  if (plan_.weights.size() == 0) {
    STRATA_TRY(plan_.weights, MappedMemory::Map(packed_bytes_, "packed weights"));
    STRATA_CHECK(PackWeights(nullptr));
    plan_.weights.MakePagesHuge();
  }
  for (const Packing& packing : packings_) *packing.target = plan_.weights.data() + packing.offset;
  for (const HeadPacking& packing : head_packings_) packing.linears->weights = plan_.weights.data() + packing.offset;
  return {};
}

Status Lowering::PlaceKeptWeights() {
  const std::string key = WeightsKey();
  if (key.empty()) return {};
  KeptWeights kept(options_.cache_directory, key, packed_bytes_);
  if (options_.progress) options_.progress(0, "reading packed weights");
  if (auto found = kept.Find(team_)) {
    plan_.weights = std::move(*found);
    return {};
  }
  if (!kept.Begin()) return {};
  STRATA_TRY(plan_.weights, MappedMemory::Map(kept.memory_bytes(), "packed weights"));
  STRATA_CHECK(PackWeights(&kept));
  const Status finished = kept.Finish(plan_.weights);
  if (finished) return {};
  LogWarning("packed weights are not kept, and are packed again: {}", finished.error().ToString());
  plan_.weights = {};
  return {};
}

Status Lowering::PackWeights(KeptWeights* kept) {
  // Experts have many small weights: ranks take pieces of all weights in turn and meet once.
  struct Piece {
    std::size_t packing;
    RowRange panels;
  };
  constexpr std::int64_t kPiece = 64;
  std::vector<Piece> pieces;
  std::vector<std::atomic<std::int64_t>> left(packings_.size());
  for (std::size_t i = 0; i < packings_.size(); ++i) {
    const std::int64_t panels = kernels::Panels(packings_[i].problem.n);
    left[i] = panels;
    for (std::int64_t at = 0; at < panels; at += kPiece) pieces.push_back({i, {at, std::min(at + kPiece, panels)}});
  }
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  Status finite;
  // The same share of each part's rows as of the panels, which are mostly the same rows.
  const auto check = [&](const TensorView& part, RowRange panels, std::int64_t all) {
    const std::int64_t rows = part.shape.rows();
    const Status good = CheckFinite(RowsBetween(part, rows * panels.begin / all, rows * panels.end / all));
    if (good) return;
    const std::lock_guard lock(mutex);
    if (finite) finite = good;
  };
  team_.Run([&](int rank) {
    for (std::size_t at = next++; at < pieces.size(); at = next++) {
      const auto [index, panels] = pieces[at];
      const Packing& packing = packings_[index];
      for (const TensorView& part : packing.parts) check(part, panels, kernels::Panels(packing.problem.n));
      packing.kernel->pack(packing.problem, {packing.parts, packing.interleaved}, panels.begin, panels.end,
                           plan_.weights.data() + packing.offset);
      const std::int64_t count = panels.end - panels.begin;
      if (left[index].fetch_sub(count) == count) {
        for (const TensorView& part : packing.parts) model_.DoneWith(part);
        if (kept != nullptr) kept->Done(plan_.weights, packing.offset, packing.kernel->packed_bytes(packing.problem));
      }
      if (rank == 0 && options_.progress) {
        options_.progress(static_cast<double>(at) / static_cast<double>(pieces.size()), "packing weights");
      }
    }
  });
  STRATA_CHECK(finite);
  STRATA_CHECK(PackHeadLinears());
  for (const HeadPacking& packing : head_packings_) {
    if (kept != nullptr)
      kept->Done(plan_.weights, packing.offset, packing.linears->head_bytes() * packing.heads.size());
  }
  if (options_.progress) options_.progress(1, "packing weights");
  return {};
}

Status Lowering::CompileExpressions() {
  std::map<std::string, std::size_t> index;
  std::vector<graph::Expression> expressions;
  for (const auto& [expression, slot] : maps_) {
    if (index.emplace(expression.ToString(), expressions.size()).second) expressions.push_back(expression);
  }
  STRATA_TRY(const std::vector<kernels::MapFn> functions, compiler_.Compile(expressions));
  for (const auto& [expression, slot] : maps_) *slot = functions[index.at(expression.ToString())];
  return {};
}

}  // namespace strata
