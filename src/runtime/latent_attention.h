// The operation of multi-head latent attention: store, absorb, attend, project.
//
// Absorbed rows have their queries brought into latent space by W_UK, pass over the cache's rows as these are, and what
// they gather goes through W_UV. For expanded rows a head's keys and values are made of the context's latents, once for
// all such rows of a slice: that costs what so many rows save (AbsorbedPromptRows), 171 at DeepSeek-V3's shape.
//
// Which form a row has must not depend on how its prompt is cut into slices, nor on how much of it a cache had: then
// its bits would. So the last 171 tokens of a prompt are absorbed, as outputs are, and those before them expanded. A
// prompt computed whole loses little by that; one of which the cache had all but the end never pays for the whole
// context, and whatever the cache had, attention costs at most about twice what the better form would.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "formats/model_config.h"
#include "kernels/latent_attention.h"
#include "runtime/operation.h"

namespace strata {

/// How many rows the expanded form must have to be the cheaper one, whatever the context; for the last so many tokens
/// of a prompt it is not used.
std::int64_t AbsorbedPromptRows(const LatentConfig& latent);

/// One matrix [n, k] a head, each packed by itself.
struct HeadLinears {
  const kernels::LinearKernel* kernel = nullptr;
  kernels::LinearProblem problem{};    ///< of one head
  const std::byte* weights = nullptr;  ///< packed, head after head

  std::size_t head_bytes() const { return kernel->packed_bytes(problem); }
  std::size_t row_bytes() const { return kernel->prepared_row_bytes(problem.k); }
  /// `rows` rows of [k] as Run wants them; the same for all heads.
  void Prepare(const float* x, std::int64_t x_stride, std::int64_t rows, std::byte* prepared) const;
  /// `next`: the head that the rank computes behind this one, WorkQueue::kNone where that is the same or unknown.
  void Run(std::int64_t head, const std::byte* prepared, std::int64_t rows, float* out, std::int64_t out_stride,
           std::int64_t next = WorkQueue::kNone) const;
};

struct LatentAttentionOperation : Operation {
  const kernels::LatentKernel* kernel = nullptr;
  std::int64_t layer = 0;
  std::int64_t heads = 0;
  std::int64_t nope_dim = 0, rope_dim = 0, value_dim = 0, kv_rank = 0;
  float scale = 1;
  kernels::RopeArgs rope{};
  std::vector<float> inv_freq;  ///< rope's

  Buffer q;            ///< [T, heads * head_dim()]
  Buffer latent;       ///< [T, kv_rank]
  Buffer key;          ///< [T, rope_dim]
  Buffer out;          ///< [T, heads * value_dim]
  HeadLinears absorb;  ///< W_UK transposed: [kv_rank, nope_dim]
  HeadLinears keys;    ///< W_UK: [nope_dim, kv_rank]
  HeadLinears values;  ///< W_UV: [value_dim, kv_rank]

  // Scratch, for steps of up to max_rows rows.
  std::int64_t max_rows = 0;
  Buffer absorbed;                       ///< [T, heads * width()]: queries in latent space, each with its rotated part
  Buffer states;                         ///< [T, heads * LaneState(kv_rank)]: what they gathered
  std::vector<std::byte*> rank_scratch;  ///< [ranks], OwnBytes() each
  WorkQueue store_queue, absorb_queue, attend_queue, expand_queue, project_queue;

  std::int64_t head_dim() const { return nope_dim + rope_dim; }
  std::int64_t width() const { return kv_rank + rope_dim; }
  std::size_t OwnBytes() const { return OwnAt(nullptr).bytes; }

  void Run(int rank, const Step& step) override;
  std::string Describe() const override;
  OperationCost Cost(const StepShape& shape) const override;
  void Reset() override {
    for (WorkQueue* queue : {&store_queue, &absorb_queue, &attend_queue, &expand_queue, &project_queue}) queue->Reset();
  }

 private:
  /// A rank's own scratch.
  struct Own {
    std::byte* prepared;         ///< rows for linears
    std::byte* prepared_values;  ///< for `values`, where it wants others than `keys`
    float* latents;              ///< [kExpandRows, kv_rank]
    float* keys;                 ///< of a stretch: [kAttentionSplit, head_dim()]
    float* values;               ///< [kAttentionSplit, value_dim]
    float* states;               ///< [max_rows, LaneState(value_dim)]
    float* parts;                ///< [kernel->lanes, LaneState(kv_rank or value_dim)]
    std::size_t bytes;
  };
  /// Positions whose keys and values are made at once: as many as linears take together.
  static constexpr std::int64_t kExpandRows = 64;

  Own OwnAt(std::byte* base) const;
  float* State(std::int64_t row, std::int64_t head) const {
    return states.data + row * states.stride + head * kernels::LaneState(kv_rank);
  }
  float* Partial(const Step& step, const kernels::SequenceRows& sequence, std::int64_t row, std::int64_t head,
                 std::int64_t split) const;

  void Store(const Step& step);
  void Absorb(int rank, const Own& own, const Step& step);
  template <class Work>
  void ForHeads(int rank, const Step& step, WorkQueue& queue, const Work& work);
  void MapAbsorbed(const HeadLinears& linears, std::int64_t head, std::int64_t next, const Own& own, const Step& step,
                   const Buffer& from, const Buffer& to) const;
  void AttendAbsorbed(const Own& own, const Step& step);
  void AttendLanes(const Own& own, const Step& step, const Step::AttendChunk& chunk, std::int64_t first,
                   std::int64_t last) const;
  void AttendExpanded(const Own& own, const Step& step);
  void AttendHead(const Own& own, const Step& step, const kernels::SequenceRows& sequence, std::int64_t head) const;
  void Expand(const Own& own, const kernels::LatentKvLayer& kv, const kernels::SequenceRows& sequence,
              std::int64_t head, std::int64_t begin, std::int64_t end) const;
  void Project(int rank, const Own& own, const Step& step);
  void Merge(std::int64_t head, const Step& step) const;
};

}  // namespace strata
