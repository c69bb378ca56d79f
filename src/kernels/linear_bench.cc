// GOPS of the linears at a 135M model's shapes, beside what vpdpbusd and the memory can do on this core.
//   flock /tmp/bench.lock chrt -f 50 taskset -c 1 linear_bench --benchmark_min_time=0.05
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

struct Aligned {
  explicit Aligned(std::size_t bytes)
      : data(static_cast<std::byte*>(std::aligned_alloc(1 << 21, (bytes + (1 << 21)) >> 21 << 21)), std::free) {
    std::memset(data.get(), 0, bytes);
  }
  std::unique_ptr<std::byte, decltype(&std::free)> data;
};

// Random block bytes whose f16 scales are small positive numbers wherever the format has them: all bytes 0x2c..0x2f.
std::vector<std::byte> Blocks(DType type, std::int64_t n, std::int64_t k) {
  std::vector<std::byte> bytes(BytesOf(type, static_cast<std::size_t>(n * k)));
  std::minstd_rand random(1);
  for (std::byte& b : bytes) b = static_cast<std::byte>(0x2c + random() % 4);
  return bytes;
}

void Linear(benchmark::State& state, const LinearProblem& problem, std::int64_t rows) {
  const auto& [type, n, k, precision] = problem;
  const LinearKernel& kernel = *SelectLinear(problem, Cpu());
  const std::vector<std::byte> blocks = Blocks(type, n, k);
  const TensorView view{type, {n, k}, blocks};
  const Aligned packed(kernel.packed_bytes(problem));
  kernel.pack(problem, {.parts = {&view, 1}}, 0, Panels(n), packed.data.get());
  const Aligned activations(kernel.prepared_row_bytes(k) * static_cast<std::size_t>(rows));
  const std::vector<float> x(static_cast<std::size_t>(rows * k), 0.5f);
  std::vector<float> out(static_cast<std::size_t>(rows * n));
  const Epilogue epilogue{.out = out.data(), .out_stride = n, .out_cols = n};
  const LinearArgs args{activations.data.get(), packed.data.get(), rows, n, k, &epilogue};
  for (auto _ : state) {
    kernel.prepare(
        {.x = x.data(), .x_stride = k, .rows = rows, .k = k, .run_rows = rows, .out = activations.data.get()});
    kernel.run(args, 0, Panels(n));
    benchmark::ClobberMemory();
  }
  using benchmark::Counter;
  state.counters["GOPS"] = Counter(2e-9 * static_cast<double>(n * k * rows), Counter::kIsIterationInvariantRate);
  state.counters["weights_GB/s"] =
      Counter(1e-9 * static_cast<double>(kernel.packed_bytes(problem)), Counter::kIsIterationInvariantRate);
  state.SetLabel(std::string(kernel.name));
}

void MemoryRead(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0)) << 20;
  const Aligned memory(bytes);
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const auto* words = reinterpret_cast<const std::uint64_t*>(memory.data.get());
    std::uint64_t lanes[16] = {};
    for (std::size_t i = 0; i < bytes / 8; i += 16) {
      __builtin_prefetch(words + i + 512);
      for (std::size_t lane = 0; lane < 16; ++lane) lanes[lane] += words[i + lane];
    }
    for (const std::uint64_t lane : lanes) sum += lane;
    benchmark::DoNotOptimize(sum);
  }
  state.counters["GB/s"] =
      benchmark::Counter(1e-9 * static_cast<double>(bytes), benchmark::Counter::kIsIterationInvariantRate);
}

#if defined(__x86_64__)
// Twelve independent chains of vpdpbusd on zmm: the most that this core can do.
void DotPeak(benchmark::State& state) {
  if (!Cpu().avx512_vnni) return state.SkipWithError("needs avx512 vnni");
  constexpr int kLoops = 10000;
  for (auto _ : state) {
    int loops = kLoops;
    __asm__ volatile(
        "1:\n"
        "vpdpbusd %%zmm31, %%zmm30, %%zmm0\n vpdpbusd %%zmm31, %%zmm30, %%zmm1\n"
        "vpdpbusd %%zmm31, %%zmm30, %%zmm2\n vpdpbusd %%zmm31, %%zmm30, %%zmm3\n"
        "vpdpbusd %%zmm31, %%zmm30, %%zmm4\n vpdpbusd %%zmm31, %%zmm30, %%zmm5\n"
        "vpdpbusd %%zmm31, %%zmm30, %%zmm6\n vpdpbusd %%zmm31, %%zmm30, %%zmm7\n"
        "vpdpbusd %%zmm31, %%zmm30, %%zmm8\n vpdpbusd %%zmm31, %%zmm30, %%zmm9\n"
        "vpdpbusd %%zmm31, %%zmm30, %%zmm10\n vpdpbusd %%zmm31, %%zmm30, %%zmm11\n"
        "dec %0\n jnz 1b\n"
        : "+r"(loops)
        :
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm30",
          "xmm31", "cc");
  }
  state.counters["GOPS"] = benchmark::Counter(2e-9 * 64 * 12 * kLoops, benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(DotPeak);
#endif
BENCHMARK(MemoryRead)->Arg(1)->Arg(128);

struct NK {
  std::int64_t n, k;
};
const bool kRegistered = [] {
  for (const DType type : {DType::kQ4_1, DType::kQ4_0, DType::kQ8_0, DType::kF32, DType::kBF16}) {
    for (const NK shape : {NK{960, 576}, NK{576, 576}, NK{3072, 576}, NK{576, 1536}, NK{49152, 576}}) {
      for (const std::int64_t rows : {1, 8, 32, 64, 512}) {
        if (shape.n * rows > 49152 * 64) continue;
        for (const Activations activations : {Activations::kInt16, Activations::kInt8}) {
          const bool quantised = Info(type).block_elements > 1;
          if (!quantised && activations == Activations::kInt8) continue;  // the same kernel
          const std::string name = std::string(Info(type).name) +
                                   (!quantised                           ? ""
                                    : activations == Activations::kInt16 ? "/int16"
                                                                         : "/int8") +
                                   "/n" + std::to_string(shape.n) + "/k" + std::to_string(shape.k) + "/rows" +
                                   std::to_string(rows);
          benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
            Linear(state, {type, shape.n, shape.k, activations}, rows);
          });
        }
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace strata::kernels

BENCHMARK_MAIN();
