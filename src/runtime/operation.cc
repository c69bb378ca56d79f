#include "runtime/operation.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

namespace strata {
namespace {

/// The epilogue of the rows from `row` on, which is their row 0; of one without row_max.
kernels::Epilogue From(kernels::Epilogue epilogue, std::int64_t row) {
  epilogue.out += row * epilogue.out_stride;
  for (int i = 0; i < epilogue.extras; ++i) epilogue.extra[i] += row * epilogue.extra_stride[i];
  return epilogue;
}

}  // namespace

void EmbedOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  for (std::int64_t r = share.begin; r < share.end; ++r) {
    const std::int64_t id = (step.*ids)[static_cast<std::size_t>(r)] + offset;
    kernels->embed(table, static_cast<std::int32_t>(id), Row(out, r));
  }
}

std::string EmbedOperation::Describe() const {
  return fmt::format("embed          {} {} {}", kernels->name, Info(table.dtype).name, table.shape.ToString());
}

void GatherRowsOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  for (std::int64_t r = share.begin; r < share.end; ++r) {
    std::memcpy(Row(out, r), Row(in, (step.*from)[static_cast<std::size_t>(r)]),
                static_cast<std::size_t>(cols) * sizeof(float));
  }
}

std::string GatherRowsOperation::Describe() const { return fmt::format("gather_rows    {} columns", cols); }

void RmsNormOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  for (std::int64_t r = share.begin; r < share.end; ++r) {
    for (std::int64_t c = 0; c < cols; c += group) {
      kernels->rms_norm(Row(in, r) + c, weight, eps, group, Row(out, r) + c);
    }
  }
}

std::string RmsNormOperation::Describe() const {
  return fmt::format("rms_norm       {} columns{}", cols, group < cols ? fmt::format(" by {}", group) : "");
}

void RopeOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  for (std::int64_t r = share.begin; r < share.end; ++r) {
    kernels->rope(rope, step.positions[static_cast<std::size_t>(r)], heads, head_dim, Row(in, r), Row(out, r));
  }
}

std::string RopeOperation::Describe() const { return fmt::format("rope           {} heads of {}", heads, head_dim); }

void LayerNormOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  for (std::int64_t r = share.begin; r < share.end; ++r) {
    kernels->layer_norm(Row(in, r), weight, bias, eps, cols, Row(out, r));
  }
}

std::string LayerNormOperation::Describe() const { return fmt::format("layer_norm     {} columns", cols); }

void PoolOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  for (std::int64_t r = share.begin; r < share.end; ++r) {
    const auto of = static_cast<std::size_t>(step.logit_sequences[static_cast<std::size_t>(r)]);
    const kernels::SequenceRows& sequence = step.sequences[of];
    float* const to = Row(out, r);
    std::memcpy(to, Row(in, sequence.row_begin), static_cast<std::size_t>(cols) * sizeof(float));
    if (!mean) continue;
    for (std::int64_t i = 1; i < sequence.row_count; ++i) {
      const float* const from = Row(in, sequence.row_begin + i);
      for (std::int64_t c = 0; c < cols; ++c) to[c] += from[c];
    }
    const auto count = static_cast<float>(sequence.row_count);
    for (std::int64_t c = 0; c < cols; ++c) to[c] /= count;
  }
}

std::string PoolOperation::Describe() const {
  return fmt::format("pool           {}, {} columns", mean ? "mean" : "first", cols);
}

void MapOperation::Run(int rank, const Step& step) {
  const RowRange share = Share(step.Count(rows), rank, step.team->size());
  const float* data[kMaxInputs];
  std::int64_t strides[kMaxInputs];
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    data[i] = Row(inputs[i], share.begin);
    strides[i] = inputs[i].stride;
  }
  map(data, strides, Row(out, share.begin), out.stride, share.end - share.begin, cols);
}

std::string MapOperation::Describe() const { return fmt::format("map            {}", expression); }

std::int64_t LinearOperation::RowBytes(const kernels::LinearKernel& of) const {
  return static_cast<std::int64_t>(of.prepared_row_bytes(problem.k));
}

void LinearOperation::Prepare(const Part& part, RowRange share) const {
  const std::int64_t begin = std::max(share.begin, part.rows.begin), end = std::min(share.end, part.rows.end);
  if (begin >= end) return;
  const std::int64_t first = begin - part.rows.begin;
  part.kernel->prepare({.x = Row(in, begin),
                        .x_stride = in.stride,
                        .rows = end - begin,
                        .k = problem.k,
                        .norm_weight = norm_weight,
                        .norm_eps = norm_eps,
                        .run_rows = part.rows.end - part.rows.begin,
                        .run_row = first,
                        .out = part.prepared + first * RowBytes(*part.kernel)});
}

void LinearOperation::Run(int rank, const Step& step) {
  const std::int64_t count = step.Count(rows);
  const bool owns = count <= kOwnRows;
  std::byte* const prepared = owns ? own[static_cast<std::size_t>(rank)] : shared;
  const std::int64_t decode_rows = prefill == nullptr ? count : step.decode_rows;
  const std::int64_t decode_bytes = decode_rows * RowBytes(*kernel);
  const Part parts[] = {{kernel, {0, decode_rows}, prepared}, {prefill, {decode_rows, count}, prepared + decode_bytes}};

  const RowRange share = owns ? RowRange{0, count} : Share(count, rank, step.team->size());
  for (const Part& part : parts) Prepare(part, share);
  if (!owns) step.team->Barrier(rank);

  kernels::Epilogue epilogues[] = {epilogue, prefill == nullptr ? epilogue : From(epilogue, decode_rows)};
  if (!row_max.empty()) {
    auto& own_max = row_max[static_cast<std::size_t>(rank)];
    std::fill_n(own_max.begin(), count, kernels::RowMax{});
    epilogues[0].row_max = own_max.data();
    epilogues[0].out_rows = step.stored_logits;
  }
  const std::int64_t all = kernels::Panels(problem.n);
  // Few rows: a panel streams by in less time than ranks may wait for each other. More: kernels unpack two at a time.
  const std::int64_t group = (count <= kStreamedRows ? 1 : 2) * epilogue.parts;
  panels.DrainShares(rank, step.team->size(), all, group, [&](std::int64_t begin, std::int64_t end, std::int64_t next) {
    const std::byte* const then = next == WorkQueue::kNone ? nullptr : weights + next * kernel->panel_bytes(problem);
    for (std::size_t i = 0; i < std::size(parts); ++i) {
      const std::int64_t part_rows = parts[i].rows.end - parts[i].rows.begin;
      if (part_rows == 0) continue;
      parts[i].kernel->run({parts[i].prepared, weights, part_rows, problem.n, problem.k, &epilogues[i], then}, begin,
                           end);
    }
  });
}

void LinearOperation::CopyInput(const kernels::RowKernels& kernels, std::int64_t row_count, float* out) const {
  for (std::int64_t r = 0; r < row_count; ++r, out += problem.k) {
    if (norm_weight != nullptr) {
      kernels.rms_norm(Row(in, r), norm_weight, norm_eps, problem.k, out);
    } else {
      std::copy_n(Row(in, r), problem.k, out);
    }
  }
}

std::int32_t LinearOperation::Argmax(std::int64_t row) const {
  kernels::RowMax greatest;
  for (const auto& of_rank : row_max) greatest.Take(of_rank[static_cast<std::size_t>(row)]);
  return greatest.column < epilogue.out_cols ? greatest.column : 0;
}

std::string LinearOperation::Describe() const {
  return fmt::format("linear         {}{} n={} k={}{}{}{}", kernel->name,
                     prefill != nullptr ? fmt::format(" prompts {}", prefill->name) : "", problem.n, problem.k,
                     norm_weight != nullptr ? " norm" : "", expression.empty() ? "" : " epilogue " + expression,
                     row_max.empty() ? "" : " argmax");
}

void AttentionOperation::Run(int rank, const Step& step) {
  kernels::AttentionArgs now = args;
  now.q = {q.data, q.stride};
  now.k = {k.data, k.stride};
  now.v = {v.data, v.stride};
  now.out = {out.data, out.stride};
  now.kv = step.kv->layer(layer);
  now.partials = step.partials;
  const auto for_units = [&](WorkQueue& queue, const std::vector<Step::AttendChunk>& chunks, const auto& work) {
    const auto units = static_cast<std::int64_t>(chunks.size()) * now.kv_heads;
    queue.Drain(units, 1, [&](std::int64_t unit, std::int64_t) {
      const Step::AttendChunk& chunk = chunks[static_cast<std::size_t>(unit / now.kv_heads)];
      work(step.sequences[static_cast<std::size_t>(chunk.sequence)], unit % now.kv_heads, chunk);
    });
  };
  const auto store = [&](const kernels::SequenceRows& sequence, std::int64_t head, const Step::AttendChunk& chunk) {
    kernel->rope_store(now, sequence, head, chunk.row_begin, chunk.row_end);
  };
  const auto attend = [&](const kernels::SequenceRows& sequence, std::int64_t head, const Step::AttendChunk& chunk) {
    if (chunk.split >= 0) {
      kernel->attend_part(now, sequence, head, chunk.row_begin, chunk.row_end, chunk.split);
    } else {
      kernel->attend(now, sequence, head, chunk.row_begin, chunk.row_end);
    }
  };
  if (step.decode && step.merges.empty()) {  // a row needs nobody else's: rotate, store and attend in one go
    for_units(attends, step.attends,
              [&](const kernels::SequenceRows& sequence, std::int64_t head, const Step::AttendChunk& chunk) {
                store(sequence, head, chunk);
                attend(sequence, head, chunk);
              });
    return;
  }
  for_units(stores, step.stores, store);
  step.team->Barrier(rank);
  for_units(attends, step.attends, attend);
  if (step.merges.empty()) return;
  step.team->Barrier(rank);
  for_units(merges, step.merges,
            [&](const kernels::SequenceRows& sequence, std::int64_t head, const Step::AttendChunk& chunk) {
              kernel->merge(now, sequence, head, chunk.row_begin, chunk.row_end);
            });
}

std::string AttentionOperation::DescribeKind() const {
  std::string text = fmt::format("attention      {} heads={} kv_heads={} head_dim={}", kernel->name, args.heads,
                                 args.kv_heads, args.head_dim);
  if (args.window > 0) text += fmt::format(" window={}", args.window);
  if (args.chunk > 0) text += fmt::format(" chunk={}", args.chunk);
  if (args.softcap > 0) text += fmt::format(" softcap={}", args.softcap);
  if (args.sinks != nullptr) text += " sinks";
  if (args.q_norm != nullptr) text += " norm";
  if (args.rope.rotary_dim > 0) text += fmt::format(" rope={}", args.rope.rotary_dim);
  return text;
}

std::string AttentionOperation::Describe() const { return fmt::format("{} layer={}", DescribeKind(), layer); }

}  // namespace strata
