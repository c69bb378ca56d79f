#include "runtime/model_runner.h"

#include <algorithm>
#include <cassert>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory_limit.h"
#include "base/thread_team.h"
#include "compiler/map_compiler.h"
#include "models/models.h"
#include "runtime/kept_weights.h"
#include "runtime/latent_attention.h"
#include "runtime/plan.h"

namespace strata {
namespace {

/// Rows of attention that one rank takes at once: long prompts are shared, and late rows (which see more) spread out.
constexpr std::int64_t kAttendRows = 32;
/// Rows times splits that may be under way at once: enough for 64 streams of 8,000 tokens.
constexpr std::int64_t kPartials = 2048;

class CpuModelRunner : public ModelRunner {
 public:
  CpuModelRunner(std::shared_ptr<const ModelFile> model, const RunnerOptions& options)
      : model_(std::move(model)), options_(options) {}

  Status Load() {
    STRATA_TRY(const graph::Graph built, models::BuildGraph(*model_));
    STRATA_TRY(const std::optional<graph::Graph> draft, models::BuildDraftGraph(*model_));
    return Load(built, draft);
  }

  Status Load(const graph::Graph& built, const std::optional<graph::Graph>& draft) {
    STRATA_CHECK(ChooseOptions());
    cost_.threads = options_.threads;
    STRATA_TRY(graph_, graph::RunPasses(draft ? KeepHidden(built) : built, cost_, &notes_));
    team_ = std::make_unique<ThreadTeam>(options_.threads);
    STRATA_TRY(compiler_, compiler::MapCompiler::Create(options_.cache_directory));
    STRATA_TRY(plan_, Lower(graph_, *model_, options_, *team_, *compiler_));
    for (const auto& operation : plan_.operations) {
      const auto* linear = dynamic_cast<const LinearOperation*>(operation.get());
      if (linear != nullptr) rows_at_once_ = std::max(rows_at_once_, linear->kernel->rows_at_once);
    }
    if (draft) STRATA_CHECK(LoadDraft(*draft));
    notes_.insert(notes_.end(), plan_.notes.begin(), plan_.notes.end());
    STRATA_TRY(kv_, KvPool::Create(ShapeOfKv(), KvBlocks()));
    // What a head's split leaves: an output as wide as the values that it sums, its maximum and its sum.
    const std::int64_t value_dim = config().latent ? config().latent->kv_rank : config().head_dim;
    const std::int64_t partial_floats = kPartials * config().heads * (value_dim + 2);
    STRATA_TRY(partials_, MappedMemory::Map(static_cast<std::size_t>(partial_floats) * sizeof(float), "attention"));
    step_.partials = reinterpret_cast<float*>(partials_.data());
    step_.team = team_.get();
    step_.kv = kv_.get();
    if (options_.own_weights) {
      owning_ = std::jthread([this](const std::stop_token& stop) { OwnAllWeights(stop); });
    }
    return {};
  }

  void AwaitOwnWeights() override {
    if (owning_.joinable()) owning_.join();
  }

  const ModelConfig& config() const override { return model_->config(); }
  const RunnerOptions& options() const override { return options_; }
  KvPool& kv() override { return *kv_; }
  const std::vector<graph::PassNote>& pass_notes() const override { return notes_; }
  const std::vector<kernels::Choice>& kernel_choices() const override { return plan_.choices; }
  std::span<const std::byte> packed_weights() const override { return {plan_.weights.data(), plan_.weights.size()}; }
  MemoryUse memory() const override {
    MemoryUse use{plan_.weights.size(), plan_.arena.size() + plan_.expert_memory.size(), kv_->bytes()};
    if (draft_) {
      use.packed_weights += draft_->weights.size();
      use.arena += draft_->arena.size() + draft_->expert_memory.size();
    }
    return use;
  }
  std::int64_t rows_at_once() const override { return rows_at_once_; }
  std::vector<ExpertUse> expert_use() const override {
    std::vector<ExpertUse> all;
    for (const auto& operation : plan_.operations) {
      const auto* experts = dynamic_cast<const ExpertsOperation*>(operation.get());
      if (experts != nullptr) all.push_back({experts->value, experts->use});
    }
    return all;
  }

  Result<LogitsView> Run(std::span<const SequenceSlice> slices) override {
    SetStep(slices);
    last_.clear();
    for (std::size_t i = 0; i < slices.size(); ++i) last_.emplace_back(slices[i], step_.sequences[i].row_begin);
    return RunStep(plan_);
  }

  void ForEach(std::int64_t count, const std::function<void(std::int64_t)>& work) override {
    WorkQueue queue;
    const auto take = [&] { queue.Drain(count, 1, [&](std::int64_t i, std::int64_t) { work(i); }); };
    if (count <= 1) return take();
    team_->Run([&take](int) { take(); });
  }

  bool has_draft_module() const override { return draft_.has_value(); }
  Result<LogitsView> Draft(std::span<const DraftSlice> slices) override {
    draft_slices_.clear();
    for (const DraftSlice& slice : slices) {
      SequenceSlice& of = draft_slices_.emplace_back(last_[slice.slice].first);
      assert(draft_ && slice.next.size() <= of.tokens.size());
      of.tokens = slice.next;
      of.block_table = slice.block_table;
      of.logits = slice.logits;
      of.result = slice.result;
    }
    SetStep(draft_slices_);
    step_.hidden_rows.resize(step_.tokens.size());
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const kernels::SequenceRows& rows = step_.sequences[i];
      for (std::int64_t r = 0; r < rows.row_count; ++r) {
        step_.hidden_rows[static_cast<std::size_t>(rows.row_begin + r)] =
            static_cast<std::int32_t>(last_[slices[i].slice].second + r);
      }
    }
    return RunStep(*draft_);
  }

  std::vector<OperationCost> Costs(StepShape shape) const override {
    shape.kv_token_bytes =
        static_cast<double>(kv_->bytes()) / static_cast<double>(kv_->blocks() * kernels::kKvBlock * kv_layers());
    shape.kv_dtype = *options_.kv_dtype;
    std::vector<OperationCost> costs;
    costs.reserve(plan_.operations.size());
    for (const auto& operation : plan_.operations) {
      costs.push_back(operation->Cost(shape));
      costs.back().value = operation->value;
    }
    return costs;
  }
  void TimeOperations(std::vector<double>* seconds) override {
    timer_ = seconds;
    if (timer_ != nullptr) timer_->resize(plan_.operations.size());
  }

  void ObserveLinears(std::function<void(const LinearInput&)> observer) override { observer_ = std::move(observer); }

  Result<std::string> Describe(std::string_view stage) const override {
    if (stage == "plan") return plan_.Describe();
    if (stage == "final") return graph::Print(graph_);
    STRATA_TRY(graph::Graph graph, models::BuildGraph(*model_));
    if (stage == "model") return graph::Print(graph);
    std::string names = "model";
    std::vector<graph::PassNote> ignored;
    for (const graph::Pass& pass : graph::DefaultPasses()) {
      graph = pass.run(graph, cost_, ignored);
      if (pass.name == stage) return graph::Print(graph);
      names += ", " + pass.name;
    }
    return Fail(ErrorCode::kInvalidArgument, "no stage {} (stages: {}, final, plan)", stage, names);
  }

 private:
  /// The module reads what the last layer gave of every token.
  static graph::Graph KeepHidden(graph::Graph graph) {
    for (graph::Node& node : graph.nodes) {
      if (node.op == graph::Op::kGatherRows) node.attributes.insert_or_assign("keep_input", std::int64_t{1});
    }
    return graph;
  }

  /// The module's plan packs the head and the embedding again: the file has them once, shared, but this one's linears
  /// are its own.
  Status LoadDraft(const graph::Graph& built) {
    std::vector<graph::PassNote> notes;
    STRATA_TRY(const graph::Graph graph, graph::RunPasses(built, cost_, &notes));
    STRATA_TRY(draft_, Lower(graph, *model_, options_, *team_, *compiler_));
    draft_->hidden_input->in = plan_.hidden;
    return {};
  }

  /// The step that was set.
  Result<LogitsView> RunStep(Plan& plan) {
    for (const auto& operation : plan.operations) operation->Reset();
    running_ = &plan;  // a function that captured more than `this` would take memory
    team_->Run([this](int rank) {
      const bool timed = running_ == &plan_ && timer_ != nullptr;
      timed ? RunPlan<true>(rank) : RunPlan<false>(rank);
    });
    // The rows stand in the order of their kind; the answer has that of the slices.
    argmax_.clear();
    if (plan.head != nullptr) {
      for (const std::int32_t row : rows_) argmax_.push_back(plan.head->Argmax(row));
    }
    for (std::int32_t& row : rows_) row = row < step_.stored_logits ? row : -1;
    return LogitsView{plan.outputs.data, step_.Count(Rows::kLogits), plan.outputs.stride, argmax_, rows_};
  }

  Status ChooseOptions() {
    if (options_.threads <= 0) options_.threads = AvailableCpus();
    const std::int64_t trained = config().max_positions;
    if (options_.max_context <= 0) options_.max_context = trained;
    if (options_.max_context > trained) {
      return Fail(ErrorCode::kInvalidArgument, "a context of {} tokens: the model was trained for {}",
                  options_.max_context, trained);
    }
    if (config().whole()) options_.max_step_tokens = std::max(options_.max_step_tokens, options_.max_context);
    if (options_.max_sequences < 1 || options_.max_step_tokens < options_.max_sequences) {
      return Fail(ErrorCode::kInvalidArgument, "max_step_tokens {} must be at least max_sequences {}, and that 1",
                  options_.max_step_tokens, options_.max_sequences);
    }
    const bool every_row = config().whole() && config().pooling.pooling == Pooling::kNone;
    if (options_.max_logit_rows <= 0) {
      options_.max_logit_rows = every_row ? options_.max_step_tokens : options_.max_sequences + 64;
    }
    options_.max_logit_rows = std::clamp(options_.max_logit_rows, options_.max_sequences, options_.max_step_tokens);
    if (options_.activations == kernels::Activations::kBF16 && !Cpu().amx) {
      return Fail(ErrorCode::kUnsupported, "linears with activations of bf16 need AMX, which this processor lacks");
    }
    options_.kv_dtype = options_.kv_dtype.value_or(BestKvDType());
    return CheckKvDType(*options_.kv_dtype);
  }

  DType BestKvDType() const {
    const bool all_f32 = std::ranges::all_of(
        model_->tensors(), [](const ModelTensor& tensor) { return tensor.view.dtype == DType::kF32; });
    using kernels::Activations;
    if (all_f32 && options_.activations.value_or(Activations::kInt16) == Activations::kInt16) {
      return DType::kF32;  // the rest is exact
    }
    // Keys and values are multiplied in pairs as they lie there. Latent rows are widened first.
    if (config().latent || config().head_dim % 2 != 0) return DType::kF16;
    const auto* attention = kernels::SelectAttention(config().heads, config().kv_heads, config().head_dim, Cpu());
    if (Cpu().avx512_bf16_fast || attention->bf16_tiles) return DType::kBF16;
    return Cpu().avx512_vnni ? DType::kI16 : DType::kF16;
  }

  Status CheckKvDType(DType dtype) const {
    using enum DType;
    static constexpr auto kTypes = std::to_array<DType>({kF32, kF16, kBF16, kI8, kI16});
    const bool latent = config().latent.has_value();
    const auto possible = std::span(kTypes).first(latent ? 4 : 5);  // latent rows are never multiplied as integers
    if (std::ranges::find(possible, dtype) == possible.end()) {
      return Fail(ErrorCode::kInvalidArgument, "a KV cache of {}: f32, f16, bf16,{} and i8 are possible{}",
                  Info(dtype).name, latent ? "" : " i16", latent ? " for latent rows" : "");
    }
    if (!latent && (dtype == kBF16 || kernels::HasScales(dtype)) && config().head_dim % 2 != 0) {
      return Fail(ErrorCode::kInvalidArgument, "a KV cache of {} holds pairs: heads of {} are odd", Info(dtype).name,
                  config().head_dim);
    }
    return {};
  }

  std::int64_t kv_layers() const { return config().kv_layers() + (draft_ ? 1 : 0); }
  KvShape ShapeOfKv() const {
    if (config().latent) {
      return {.layers = kv_layers(),
              .kv_rank = config().latent->kv_rank,
              .rope_dim = config().latent->rope_dim,
              .dtype = *options_.kv_dtype};
    }
    return {.layers = kv_layers(),
            .kv_heads = config().kv_heads,
            .head_dim = config().head_dim,
            .dtype = *options_.kv_dtype};
  }

  std::int64_t KvBlocks() {
    const auto block_bytes =
        static_cast<std::uint64_t>(std::max<std::int64_t>(ShapeOfKv().BlockBytes() * kv_layers(), 1));
    // Of a model that takes a text at once, the texts of a step, each with a last block that is not full.
    const auto wanted = static_cast<std::uint64_t>(
        config().whole() ? KvPool::BlocksFor(options_.max_step_tokens) + options_.max_sequences
                         : options_.max_sequences * KvPool::BlocksFor(options_.max_context));
    // Half of what is free: the other half is for everything else that the machine does.
    const std::uint64_t bytes = options_.kv_bytes != 0 ? options_.kv_bytes : FreeBytes() / 2;
    const std::uint64_t blocks = config().whole() ? wanted : std::clamp<std::uint64_t>(bytes / block_bytes, 1, wanted);
    options_.kv_bytes = blocks * block_bytes;
    return static_cast<std::int64_t>(blocks);
  }

  /// Weights in a file's pages count as free memory, and are wanted there all the same.
  std::uint64_t FreeBytes() const {
    std::uint64_t kept = plan_.weights.anonymous() ? 0 : plan_.weights.size();
    if (draft_ && !draft_->weights.anonymous()) kept += draft_->weights.size();
    const std::uint64_t available = ReadMemoryLimit().available_bytes;
    return available - std::min(available, kept);
  }

  void OwnAllWeights(const std::stop_token& stop) {
    // Steps go first: with this thread's weight it takes a twentieth of two busy processors.
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
    for (Plan* plan : {&plan_, draft_ ? &*draft_ : nullptr}) {
      if (plan != nullptr && !plan->weights.anonymous()) OwnWeights(plan->weights, kv_->bytes(), stop);
    }
  }

  template <bool kTimed>
  void RunPlan(int rank) {
    double begin = kTimed ? MonotonicSeconds() : 0;
    for (std::size_t i = 0; i < running_->operations.size(); ++i) {
      Operation& operation = *running_->operations[i];
      if (step_.Count(operation.rows) == 0) continue;
      operation.Run(rank, step_);
      team_->Barrier(rank);
      if (observer_) {
        if (rank == 0) Observe(operation);
        team_->Barrier(rank);
      }
      if constexpr (kTimed) {
        const double end = MonotonicSeconds();
        if (rank == 0) (*timer_)[i] += end - begin;
        begin = end;
      }
    }
  }

  /// While its input is still there.
  void Observe(const Operation& operation) {
    if (const auto* experts = dynamic_cast<const ExpertsOperation*>(&operation)) return Observe(*experts);
    const auto* linear = dynamic_cast<const LinearOperation*>(&operation);
    if (linear == nullptr) return;
    const std::int64_t rows = step_.Count(linear->rows), columns = linear->problem.k;
    observed_.resize(static_cast<std::size_t>(rows * columns));
    linear->CopyInput(kernels::SelectRowKernels(Cpu()), rows, observed_.data());
    observer_({linear->tensors, observed_.data(), rows, columns});
  }

  void Observe(const ExpertsOperation& experts) {
    const ExpertOrder& order = experts.scratch->own.front().order;
    const auto show = [&](const ExpertOrder::Group& group, std::span<const std::string> stacks, std::int64_t columns,
                          const auto& row) {
      std::vector<std::string> names;
      for (const std::string& stack : stacks) names.push_back(model_->FindExpert(stack, group.expert)->name);
      observed_.clear();
      for (std::int64_t slot = group.begin; slot < group.end; ++slot) {
        const float* const values = row(slot);
        const float weight = &stacks.front() == experts.tensors.data() && experts.weigh_input ? order.weight(slot) : 1;
        for (std::int64_t c = 0; c < columns; ++c) observed_.push_back(weight * values[c]);
      }
      observer_({names, observed_.data(), group.end - group.begin, columns});
    };
    const std::span<const std::string> stacks = experts.tensors;
    for (const ExpertOrder::Group& group : order.groups()) {
      show(group, stacks.first(2), experts.gate_up.problem.k,
           [&](std::int64_t slot) { return Row(experts.in, order.row(slot)); });
      show(group, stacks.last(1), experts.down.problem.k,
           [&](std::int64_t slot) { return experts.scratch->hidden + slot * experts.hidden_stride; });
    }
  }

  void SetStep(std::span<const SequenceSlice> slices) {
    SetTokens(slices);
    SetForms(slices);
    step_.logit_rows.clear();
    step_.logit_sequences.clear();
    step_.stores.clear();
    step_.attends.clear();
    step_.merges.clear();
    std::int64_t partials = 0;
    step_.decode = true;
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const auto sequence = static_cast<std::int32_t>(i);
      kernels::SequenceRows& rows = step_.sequences[i];
      const std::int64_t count = rows.row_count;
      if (count <= kAttendRows && rows.splits() > 1 && partials + count * rows.splits() <= kPartials) {
        rows.partial_begin = partials;
        partials += count * rows.splits();
        step_.stores.push_back({sequence, 0, count});
        step_.merges.push_back({sequence, 0, count});
        for (std::int64_t split = 0; split < rows.splits(); ++split) {
          step_.attends.push_back({sequence, 0, count, split});
        }
      } else {
        // The last rows first: they cost most, so that no rank is left with a long one at the end.
        for (std::int64_t begin = (count - 1) / kAttendRows * kAttendRows; begin >= 0; begin -= kAttendRows) {
          step_.stores.push_back({sequence, begin, std::min(begin + kAttendRows, count)});
          step_.attends.push_back(step_.stores.back());
        }
      }
      step_.decode = step_.decode && count == 1;
    }
    SetLogitRows(slices);
  }

  /// Rows of prompts come last, so that each kind of linear has rows that lie densely; sequences have the slices'
  /// order.
  void SetTokens(std::span<const SequenceSlice> slices) {
    step_.tokens.clear();
    step_.positions.clear();
    step_.token_types.clear();
    step_.sequences.resize(slices.size());
    for (const Phase phase : {Phase::kDecode, Phase::kPrefill}) {
      for (std::size_t i = 0; i < slices.size(); ++i) {
        const SequenceSlice& slice = slices[i];
        if (slice.phase != phase) continue;
        const auto count = static_cast<std::int64_t>(slice.tokens.size());
        assert(count > 0 &&
               KvPool::BlocksFor(slice.start + count) <= static_cast<std::int64_t>(slice.block_table.size()));
        step_.sequences[i] = {step_.Count(Rows::kTokens), count, slice.start, slice.block_table.data()};
        assert(!config().whole() || (slice.start == 0 && slice.result == RowResult::kLogits));
        step_.tokens.insert(step_.tokens.end(), slice.tokens.begin(), slice.tokens.end());
        for (std::int64_t r = 0; r < count; ++r) step_.positions.push_back(static_cast<std::int32_t>(slice.start + r));
        assert(slice.token_types.empty() || slice.token_types.size() == slice.tokens.size());
        step_.token_types.insert(step_.token_types.end(), slice.token_types.begin(), slice.token_types.end());
        step_.token_types.resize(step_.tokens.size());
      }
      if (phase == Phase::kDecode) step_.decode_rows = step_.Count(Rows::kTokens);
    }
    assert(step_.Count(Rows::kTokens) <= options_.max_step_tokens);
  }

  /// Of latent attention: the form follows from a row's place in its request alone.
  void SetForms(std::span<const SequenceSlice> slices) {
    step_.expanded.clear();
    step_.absorbed.clear();
    if (!config().latent) return;
    const std::int64_t tail = AbsorbedPromptRows(*config().latent);
    if (step_.decode_rows > 0) step_.absorbed.push_back({0, step_.decode_rows});
    for (std::size_t i = 0; i < slices.size(); ++i) {
      const kernels::SequenceRows& rows = step_.sequences[i];
      const bool prefill = slices[i].phase == Phase::kPrefill;
      const std::int64_t expanded =
          prefill ? std::clamp<std::int64_t>(slices[i].prompt - tail - slices[i].start, 0, rows.row_count) : 0;
      step_.expanded.push_back(expanded);
      if (prefill && expanded < rows.row_count) {
        step_.absorbed.push_back({rows.row_begin + expanded, rows.row_begin + rows.row_count});
      }
    }
  }

  /// Rows that want logits come first, so that these lie densely; rows_ says where each wanted row went.
  void SetLogitRows(std::span<const SequenceSlice> slices) {
    rows_.clear();
    for (const RowResult result : {RowResult::kLogits, RowResult::kArgmax}) {
      std::size_t wanted = 0;
      for (std::size_t i = 0; i < slices.size(); ++i) {
        const std::int64_t row = step_.sequences[i].row_begin, count = step_.sequences[i].row_count;
        for (std::int64_t r = row + count - slices[i].rows(); r < row + count; ++r, ++wanted) {
          if (rows_.size() <= wanted) rows_.push_back(0);
          if (slices[i].result != result) continue;
          rows_[wanted] = static_cast<std::int32_t>(step_.logit_rows.size());
          step_.logit_rows.push_back(static_cast<std::int32_t>(r));
          step_.logit_sequences.push_back(static_cast<std::int32_t>(i));
        }
      }
      if (result == RowResult::kLogits) step_.stored_logits = step_.Count(Rows::kLogits);
    }
    assert(step_.stored_logits <= options_.max_logit_rows);
  }

  std::shared_ptr<const ModelFile> model_;
  RunnerOptions options_;
  graph::CostModel cost_;
  graph::Graph graph_;
  std::vector<graph::PassNote> notes_;
  std::unique_ptr<ThreadTeam> team_;
  std::unique_ptr<compiler::MapCompiler> compiler_;
  Plan plan_;
  std::int64_t rows_at_once_ = 1;  ///< of its linears
  std::optional<Plan> draft_;      ///< of the module that predicts the token after the next
  Plan* running_ = nullptr;
  std::unique_ptr<KvPool> kv_;
  MappedMemory partials_;  ///< of attention's splits
  Step step_{};
  std::vector<std::pair<SequenceSlice, std::int64_t>> last_;  ///< slices of the last Run, and where their rows begin
  std::vector<SequenceSlice> draft_slices_;
  std::vector<std::int32_t> rows_;        ///< of each wanted row, in the slices' order: its place in step_.logit_rows
  std::vector<std::int32_t> argmax_;      ///< [rows_.size()]
  std::vector<double>* timer_ = nullptr;  ///< [operations]
  std::function<void(const LinearInput&)> observer_;
  std::vector<float> observed_;  ///< what it is shown
  std::jthread owning_;          ///< last: it ends before what it changes does
};

}  // namespace

Result<std::unique_ptr<ModelRunner>> ModelRunner::Load(std::shared_ptr<const ModelFile> model,
                                                       const RunnerOptions& options) {
  auto runner = std::make_unique<CpuModelRunner>(std::move(model), options);
  STRATA_CHECK(runner->Load());
  return runner;
}

Result<std::unique_ptr<ModelRunner>> ModelRunner::Load(std::shared_ptr<const ModelFile> model,
                                                       const graph::Graph& graph, const RunnerOptions& options) {
  auto runner = std::make_unique<CpuModelRunner>(std::move(model), options);
  STRATA_CHECK(runner->Load(graph, std::nullopt));
  return runner;
}

}  // namespace strata
