#include "runtime/latent_attention.h"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>

namespace strata {
namespace {

using kernels::kAttentionSplit;
using kernels::Lane;
using kernels::LaneState;
using kernels::SequenceRows;

/// The first row of the chunk that is of the absorbed form; from row_end on when there is none.
std::int64_t AbsorbedBegin(const Step& step, const Step::AttendChunk& chunk) {
  return std::max(chunk.row_begin, step.expanded[static_cast<std::size_t>(chunk.sequence)]);
}

}  // namespace

std::int64_t AbsorbedPromptRows(const LatentConfig& latent) {
  const std::int64_t up = latent.kv_rank * (latent.nope_dim + latent.value_dim);       // a position and head, once
  const std::int64_t absorbed = latent.kv_rank + latent.rope_dim + latent.kv_rank;     // a row, position and head
  const std::int64_t expanded = latent.nope_dim + latent.rope_dim + latent.value_dim;  // likewise
  if (expanded >= absorbed) return std::numeric_limits<std::int64_t>::max() / 2;
  return (up + absorbed - expanded - 1) / (absorbed - expanded);
}

void HeadLinears::Prepare(const float* x, std::int64_t x_stride, std::int64_t rows, std::byte* prepared) const {
  kernel->prepare({.x = x, .x_stride = x_stride, .rows = rows, .k = problem.k, .run_rows = rows, .out = prepared});
}

void HeadLinears::Run(std::int64_t head, const std::byte* prepared, std::int64_t rows, float* out,
                      std::int64_t out_stride, std::int64_t next) const {
  kernels::Epilogue epilogue;
  epilogue.out = out;
  epilogue.out_stride = out_stride;
  epilogue.out_cols = problem.n;
  const auto packed = [&](std::int64_t of) { return weights + static_cast<std::size_t>(of) * head_bytes(); };
  const std::byte* const then = next == WorkQueue::kNone ? nullptr : packed(next);
  kernel->run({prepared, packed(head), rows, problem.n, problem.k, &epilogue, then}, 0, kernels::Panels(problem.n));
}

LatentAttentionOperation::Own LatentAttentionOperation::OwnAt(std::byte* base) const {
  std::size_t end = 0;
  const auto take = [&](std::size_t bytes) {
    std::byte* at = base == nullptr ? nullptr : base + end;  // without a base only the size is asked for
    end += (bytes + 63) / 64 * 64;
    return at;
  };
  const auto floats = [&](std::int64_t count) {
    return reinterpret_cast<float*>(take(static_cast<std::size_t>(count) * sizeof(float)));
  };
  const auto rows = static_cast<std::size_t>(max_rows);
  const auto few = static_cast<std::size_t>(kExpandRows);
  Own o{};
  o.prepared = take(std::max({rows * absorb.row_bytes(), rows * values.row_bytes(), few * keys.row_bytes()}));
  o.prepared_values = take(few * values.row_bytes());
  o.latents = floats(kExpandRows * kv_rank);
  o.keys = floats(kAttentionSplit * head_dim());
  o.values = floats(kAttentionSplit * value_dim);
  o.states = floats(max_rows * LaneState(value_dim));
  o.parts = floats(kernel->lanes * LaneState(std::max(kv_rank, value_dim)));
  o.bytes = end;
  return o;
}

float* LatentAttentionOperation::Partial(const Step& step, const SequenceRows& sequence, std::int64_t row,
                                         std::int64_t head, std::int64_t split) const {
  const std::int64_t index = sequence.partial_begin + row * sequence.splits() + split;
  return step.partials + (index * heads + head) * LaneState(kv_rank);
}

void LatentAttentionOperation::Run(int rank, const Step& step) {
  const Own mine = OwnAt(rank_scratch[static_cast<std::size_t>(rank)]);
  Store(step);
  Absorb(rank, mine, step);
  step.team->Barrier(rank);
  AttendExpanded(mine, step);  // first: its shares are the larger ones
  if (step.absorbed.empty()) return;
  AttendAbsorbed(mine, step);
  step.team->Barrier(rank);
  Project(rank, mine, step);
}

/// Into the cache and, of queries of the absorbed form, the rotated part to where Absorb puts the rest.
void LatentAttentionOperation::Store(const Step& step) {
  const kernels::LatentStoreArgs args{.q = q.data,
                                      .q_stride = q.stride,
                                      .heads = heads,
                                      .head_dim = head_dim(),
                                      .latent = latent.data,
                                      .latent_stride = latent.stride,
                                      .kv_rank = kv_rank,
                                      .key = key.data,
                                      .key_stride = key.stride,
                                      .rope = rope,
                                      .kv = step.kv->latent_layer(layer)};
  store_queue.Drain(std::ssize(step.stores), 1, [&](std::int64_t unit, std::int64_t) {
    const Step::AttendChunk& chunk = step.stores[static_cast<std::size_t>(unit)];
    const SequenceRows& sequence = step.sequences[static_cast<std::size_t>(chunk.sequence)];
    kernel->store(args, sequence, chunk.row_begin, chunk.row_end);
    for (std::int64_t r = AbsorbedBegin(step, chunk); r < chunk.row_end; ++r) {
      const float* from = Row(q, sequence.row_begin + r) + nope_dim;
      float* to = Row(absorbed, sequence.row_begin + r) + kv_rank;
      for (std::int64_t h = 0; h < heads; ++h) std::copy_n(from + h * head_dim(), rope_dim, to + h * width());
    }
  });
}

/// Reads nothing that Store writes: ranks need not wait in between.
void LatentAttentionOperation::Absorb(int rank, const Own& own, const Step& step) {
  ForHeads(rank, step, absorb_queue, [&](std::int64_t head, std::int64_t next) {
    MapAbsorbed(absorb, head, next, own, step, {q.data + head * head_dim(), q.stride},
                {absorbed.data + head * width(), absorbed.stride});
  });
}

/// Calls work(head, next) for the heads that the rank takes; `next` is the one after it, or WorkQueue::kNone.
template <class Work>
void LatentAttentionOperation::ForHeads(int rank, const Step& step, WorkQueue& queue, const Work& work) {
  queue.DrainShares(rank, step.team->size(), heads, 1, [&](std::int64_t begin, std::int64_t end, std::int64_t next) {
    for (std::int64_t head = begin; head < end; ++head) work(head, head + 1 < end ? head + 1 : next);
  });
}

/// A head's linear over all rows of the absorbed form.
void LatentAttentionOperation::MapAbsorbed(const HeadLinears& linears, std::int64_t head, std::int64_t next,
                                           const Own& own, const Step& step, const Buffer& from,
                                           const Buffer& to) const {
  for (const RowRange& rows : step.absorbed) {
    const std::int64_t count = rows.end - rows.begin;
    const bool last = &rows == &step.absorbed.back();
    linears.Prepare(Row(from, rows.begin), from.stride, count, own.prepared);
    linears.Run(head, own.prepared, count, Row(to, rows.begin), to.stride, last ? next : WorkQueue::kNone);
  }
}

void LatentAttentionOperation::AttendAbsorbed(const Own& own, const Step& step) {
  std::int64_t most = 0;
  for (const Step::AttendChunk& chunk : step.attends) most = std::max(most, chunk.row_end - AbsorbedBegin(step, chunk));
  // Lanes of a unit share what is loaded, a tile of them at least; they are so few that ranks end at about one time.
  const std::int64_t chunks = std::ssize(step.attends), ranks = step.team->size();
  const std::int64_t each = (chunks * most * heads + ranks - 1) / ranks;
  const std::int64_t lanes = std::min(kernel->lanes, std::max(each / 4, std::clamp<std::int64_t>(each, 4, 8)));
  const std::int64_t groups = (most * heads + lanes - 1) / lanes;
  attend_queue.Drain(chunks * groups, 1, [&](std::int64_t unit, std::int64_t) {
    Step::AttendChunk chunk = step.attends[static_cast<std::size_t>(unit / groups)];
    chunk.row_begin = AbsorbedBegin(step, chunk);
    const std::int64_t first = unit % groups * lanes, pairs = (chunk.row_end - chunk.row_begin) * heads;
    if (first < pairs) AttendLanes(own, step, chunk, first, std::min(first + lanes, pairs));
  });
}

/// Pairs [first, last) of the chunk's rows and heads, no more than there are lanes, over what it sees.
void LatentAttentionOperation::AttendLanes(const Own& own, const Step& step, const Step::AttendChunk& chunk,
                                           std::int64_t first, std::int64_t last) const {
  const SequenceRows& sequence = step.sequences[static_cast<std::size_t>(chunk.sequence)];
  const kernels::LatentKvLayer kv = step.kv->latent_layer(layer);
  std::array<Lane, kernels::kMaxLanes> lanes;
  std::array<float*, kernels::kMaxLanes> all;
  const auto count = static_cast<std::size_t>(last - first);
  std::int64_t end = 0;
  for (std::size_t l = 0; l < count; ++l) {
    const std::int64_t pair = first + static_cast<std::int64_t>(l);
    const std::int64_t row = chunk.row_begin + pair / heads, head = pair % heads;
    lanes[l].query = absorbed.data + (sequence.row_begin + row) * absorbed.stride + head * width();
    lanes[l].position = sequence.position_begin + row;
    all[l] = chunk.split >= 0 ? Partial(step, sequence, row, head, chunk.split) : State(sequence.row_begin + row, head);
    end = lanes[l].position + 1;
  }
  kernels::LaneArgs args{
      .lanes = {lanes.data(), count}, .key_dim = width(), .value_dim = kv_rank, .scale = scale, .begin = 0, .end = 0};
  const std::int64_t first_split = std::max<std::int64_t>(chunk.split, 0) * kAttentionSplit;
  if (chunk.split >= 0) end = std::min(end, first_split + kAttentionSplit);
  for (args.begin = first_split; args.begin == first_split || args.begin < end; args.begin += kAttentionSplit) {
    args.end = std::min(end, args.begin + kAttentionSplit);
    const bool merged = args.begin > first_split;
    for (std::size_t l = 0; l < count; ++l) {
      lanes[l].state = merged ? own.parts + static_cast<std::int64_t>(l) * LaneState(kv_rank) : all[l];
    }
    kernel->attend_cache(args, kv, sequence.block_table);
    for (std::size_t l = 0; merged && l < count; ++l) {
      if (lanes[l].position >= args.begin) kernel->merge(lanes[l].state, kv_rank, all[l]);
    }
  }
}

void LatentAttentionOperation::AttendExpanded(const Own& own, const Step& step) {
  const auto has_some = [](std::int64_t rows) { return rows > 0; };
  const auto count = std::ranges::count_if(step.expanded, has_some);
  expand_queue.Drain(count * heads, 1, [&](std::int64_t unit, std::int64_t) {
    auto expanded = std::ranges::find_if(step.expanded, has_some);
    for (std::int64_t skip = unit / heads; skip > 0; --skip) {
      expanded = std::find_if(expanded + 1, step.expanded.end(), has_some);
    }
    SequenceRows sequence = step.sequences[static_cast<std::size_t>(expanded - step.expanded.begin())];
    sequence.row_count = *expanded;
    AttendHead(own, step, sequence, unit % heads);
  });
}

/// The expanded rows of the sequence, for one head.
void LatentAttentionOperation::AttendHead(const Own& own, const Step& step, const SequenceRows& sequence,
                                          std::int64_t head) const {
  const kernels::LatentKvLayer kv = step.kv->latent_layer(layer);
  const kernels::KeysAndValues expanded{own.keys, head_dim(), own.values, value_dim};
  std::array<Lane, kernels::kMaxLanes> lanes;
  const auto state = [&](std::int64_t row) { return own.states + row * LaneState(value_dim); };
  const std::int64_t context = sequence.position_begin + sequence.row_count;
  for (std::int64_t begin = 0; begin < context; begin += kAttentionSplit) {
    const std::int64_t end = std::min(context, begin + kAttentionSplit);
    Expand(own, kv, sequence, head, begin, end);
    // Rows before the stretch see nothing of it.
    for (std::int64_t row = std::max<std::int64_t>(0, begin - sequence.position_begin); row < sequence.row_count;
         row += kernel->lanes) {
      const auto count = static_cast<std::size_t>(std::min(kernel->lanes, sequence.row_count - row));
      for (std::size_t l = 0; l < count; ++l) {
        const auto lane = static_cast<std::int64_t>(l);
        lanes[l] = {q.data + (sequence.row_begin + row + lane) * q.stride + head * head_dim(),
                    begin == 0 ? state(row + lane) : own.parts + lane * LaneState(value_dim),
                    sequence.position_begin + row + lane};
      }
      kernel->attend_rows({{lanes.data(), count}, head_dim(), value_dim, scale, begin, end}, expanded);
      for (std::size_t l = 0; begin > 0 && l < count; ++l) {
        kernel->merge(lanes[l].state, value_dim, state(row + static_cast<std::int64_t>(l)));
      }
    }
  }
  for (std::int64_t row = 0; row < sequence.row_count; ++row) {
    kernel->finish(state(row), value_dim, out.data + (sequence.row_begin + row) * out.stride + head * value_dim);
  }
}

/// Keys and values of a head at positions [begin, end), of the cache's latents.
void LatentAttentionOperation::Expand(const Own& own, const kernels::LatentKvLayer& kv, const SequenceRows& sequence,
                                      std::int64_t head, std::int64_t begin, std::int64_t end) const {
  for (std::int64_t at = begin; at < end; at += kExpandRows) {
    const std::int64_t rows = std::min(kExpandRows, end - at);
    float* to = own.keys + (at - begin) * head_dim();
    kernel->load(kv, sequence.block_table, at, at + rows, 0, kv_rank, own.latents, kv_rank);
    keys.Prepare(own.latents, kv_rank, rows, own.prepared);
    keys.Run(head, own.prepared, rows, to, head_dim());
    kernel->load(kv, sequence.block_table, at, at + rows, kv_rank, rope_dim, to + nope_dim, head_dim());
    const bool same = values.kernel == keys.kernel;
    if (!same) values.Prepare(own.latents, kv_rank, rows, own.prepared_values);
    values.Run(head, same ? own.prepared : own.prepared_values, rows, own.values + (at - begin) * value_dim, value_dim);
  }
}

void LatentAttentionOperation::Project(int rank, const Own& own, const Step& step) {
  ForHeads(rank, step, project_queue, [&](std::int64_t head, std::int64_t next) {
    Merge(head, step);
    for (const RowRange& rows : step.absorbed) {
      for (std::int64_t r = rows.begin; r < rows.end; ++r) kernel->finish(State(r, head), kv_rank, State(r, head));
    }
    MapAbsorbed(values, head, next, own, step, {State(0, head), states.stride},
                {out.data + head * value_dim, out.stride});
  });
}

/// Puts together what the splits gave of a head.
void LatentAttentionOperation::Merge(std::int64_t head, const Step& step) const {
  for (const Step::AttendChunk& chunk : step.merges) {
    const SequenceRows& sequence = step.sequences[static_cast<std::size_t>(chunk.sequence)];
    for (std::int64_t row = AbsorbedBegin(step, chunk); row < chunk.row_end; ++row) {
      float* all = State(sequence.row_begin + row, head);
      std::copy_n(Partial(step, sequence, row, head, 0), LaneState(kv_rank), all);
      const std::int64_t reached = (sequence.position_begin + row) / kAttentionSplit;
      for (std::int64_t split = 1; split <= reached; ++split) {
        kernel->merge(Partial(step, sequence, row, head, split), kv_rank, all);
      }
    }
  }
}

std::string LatentAttentionOperation::Describe() const {
  return fmt::format(
      "latent         {} heads={} nope={} rope={} value={} kv_rank={} absorb {} keys {} values {} layer={}",
      kernel->name, heads, nope_dim, rope_dim, value_dim, kv_rank, absorb.kernel->name, keys.kernel->name,
      values.kernel->name, layer);
}

}  // namespace strata
