// Attention of a 135M model's layer (9 query heads, 3 KV heads, head_dim 64): decode at a context, and prefill.
//   flock /tmp/bench.lock chrt -f 50 taskset -c 1 attention_bench --benchmark_min_time=0.05
#include <numeric>
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kHeads = 9;
constexpr std::int64_t kKvHeads = 3;
constexpr std::int64_t kDim = 64;
constexpr std::int64_t kLayers = 30;  // whose blocks lie side by side in the pool

// range(0): tokens before the step; range(1): rows of the step. One layer, all heads, one thread.
void Attention(benchmark::State& state, bool rope, DType dtype, std::int64_t window = 0, float softcap = 0) {
  const std::int64_t before = state.range(0);
  const std::int64_t rows = state.range(1);
  const AttentionKernel& kernel = *SelectAttention(kHeads, kKvHeads, kDim, Cpu());
  std::vector<std::int32_t> blocks(static_cast<std::size_t>((before + rows + kKvBlock - 1) / kKvBlock));
  std::iota(blocks.begin(), blocks.end(), 0);
  constexpr std::int64_t kWidth = (kHeads + 2 * kKvHeads) * kDim;
  const std::int64_t block_bytes = KvLayer::BlockBytes(kKvHeads, kDim, dtype);
  std::vector<float> cache(blocks.size() * static_cast<std::size_t>(kLayers * block_bytes) / sizeof(float));
  std::vector<float> qkv(static_cast<std::size_t>(rows * kWidth), 0.1f);
  std::vector<float> out(static_cast<std::size_t>(rows * kHeads * kDim));
  const std::vector<float> inv_freq(kDim / 2, 0.01f);
  const AttentionArgs args{
      .q = {qkv.data(), kWidth},
      .k = {qkv.data() + kHeads * kDim, kWidth},
      .v = {qkv.data() + (kHeads + kKvHeads) * kDim, kWidth},
      .out = {out.data(), kHeads * kDim},
      .heads = kHeads,
      .kv_heads = kKvHeads,
      .head_dim = kDim,
      .scale = 0.125f,
      .window = window,
      .softcap = softcap,
      .rope = {inv_freq.data(), kDim, 1.0f, RopeStyle::kHalves},
      .kv = {reinterpret_cast<std::byte*>(cache.data()), kKvHeads, kDim, dtype, kLayers * block_bytes}};
  const SequenceRows sequence{0, rows, before, blocks.data()};
  for (auto _ : state) {
    for (std::int64_t head = 0; head < kKvHeads; ++head) {
      (rope ? kernel.rope_store : kernel.attend)(args, sequence, head, 0, rows);
    }
    benchmark::ClobberMemory();
  }
  if (rope) return;
  double pairs = 0;
  for (std::int64_t position = before; position < before + rows; ++position) {
    pairs += static_cast<double>(position + 1 - args.first_seen(position));
  }
  state.counters["GFLOPS"] =
      benchmark::Counter(4e-9 * pairs * kHeads * kDim, benchmark::Counter::kIsIterationInvariantRate);
  state.SetLabel(std::string(kernel.name));
}
BENCHMARK_CAPTURE(Attention, attend_f32, false, DType::kF32)
    ->Args({16, 1})
    ->Args({256, 1})
    ->Args({1024, 1})
    ->Args({4096, 1})
    ->Args({0, 64})
    ->Args({0, 512})
    ->Args({1024, 512});
BENCHMARK_CAPTURE(Attention, attend_f16, false, DType::kF16)
    ->Args({16, 1})
    ->Args({1024, 1})
    ->Args({4096, 1})
    ->Args({0, 512})
    ->Args({1024, 512});
BENCHMARK_CAPTURE(Attention, attend_bf16, false, DType::kBF16)
    ->Args({16, 1})
    ->Args({1024, 1})
    ->Args({4096, 1})
    ->Args({0, 512})
    ->Args({1024, 512});
BENCHMARK_CAPTURE(Attention, attend_i16, false, DType::kI16)
    ->Args({16, 1})
    ->Args({1024, 1})
    ->Args({4096, 1})
    ->Args({0, 512})
    ->Args({1024, 512});
BENCHMARK_CAPTURE(Attention, attend_i8, false, DType::kI8)
    ->Args({16, 1})
    ->Args({1024, 1})
    ->Args({4096, 1})
    ->Args({0, 512})
    ->Args({1024, 512});
BENCHMARK_CAPTURE(Attention, window_512_f16, false, DType::kF16, 512)
    ->Args({16, 1})
    ->Args({4096, 1})
    ->Args({4096, 512});
BENCHMARK_CAPTURE(Attention, softcap_f16, false, DType::kF16, 0, 50.0f)->Args({16, 1})->Args({4096, 1});
BENCHMARK_CAPTURE(Attention, rope_store_f16, true, DType::kF16)->Args({256, 1})->Args({0, 512});
BENCHMARK_CAPTURE(Attention, rope_store_bf16, true, DType::kBF16)->Args({256, 1})->Args({0, 512});
BENCHMARK_CAPTURE(Attention, rope_store_i16, true, DType::kI16)->Args({256, 1})->Args({0, 512});
BENCHMARK_CAPTURE(Attention, rope_store_i8, true, DType::kI8)->Args({256, 1})->Args({0, 512});

}  // namespace
}  // namespace strata::kernels

BENCHMARK_MAIN();
