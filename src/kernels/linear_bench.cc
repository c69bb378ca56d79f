// GOPS of the linears at a 135M model's shapes, beside what arithmetic and the memory can do on this core.
//   flock /tmp/bench.lock chrt -f 50 taskset -c 1 linear_bench --benchmark_min_time=0.05
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/mman.h>

#include "base/thread_team.h"
#include "host/peaks.h"
#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

struct Aligned {
  explicit Aligned(std::size_t bytes)
      : data(static_cast<std::byte*>(std::aligned_alloc(1 << 21, (bytes + (1 << 21)) >> 21 << 21)), std::free) {
    // As the runtime keeps weights and activations: tiles load from sixteen rows, hence pages, at once.
    ::madvise(data.get(), (bytes + (1 << 21)) >> 21 << 21, MADV_HUGEPAGE);
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

void Linear(benchmark::State& state, const LinearKernel& kernel, const LinearProblem& problem, std::int64_t rows) {
  const auto& [type, n, k, precision] = problem;
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

// What this core can do at best.
void Peaks(benchmark::State& state) {
  ThreadTeam team(1);
  host::Peaks peaks;
  for (auto _ : state) peaks = host::MeasurePeaks(team);
  state.counters["int8_GOPS"] = 1e-9 * peaks.int8_ops;
  state.counters["bf16_GFLOPS"] = 1e-9 * peaks.bf16_ops;
  state.counters["f32_GFLOPS"] = 1e-9 * peaks.f32_ops;
  state.SetLabel(peaks.int8_instruction);
}
BENCHMARK(Peaks)->Iterations(1);

void MemoryRead(benchmark::State& state) {
  ThreadTeam team(1);
  for (auto _ : state) {
    const Result<double> bandwidth = host::MeasureReadBandwidth(team, static_cast<std::size_t>(state.range(0)) << 20);
    if (!bandwidth) return state.SkipWithError(bandwidth.error().message().c_str());
    state.counters["GB/s"] = 1e-9 * *bandwidth;
  }
}
BENCHMARK(MemoryRead)->Arg(1)->Arg(128)->Iterations(1);

struct NK {
  std::int64_t n, k;
};
const bool kRegistered = [] {
  for (const DType type : {DType::kQ4_1, DType::kQ4_0, DType::kQ8_0, DType::kQ4_K, DType::kQ6_K, DType::kW8A8_32,
                           DType::kF32, DType::kF16, DType::kBF16}) {
    for (const NK shape :
         {NK{960, 576}, NK{576, 576}, NK{3072, 576}, NK{576, 1536}, NK{49152, 576}, NK{2048, 2048}, NK{2048, 8192}}) {
      for (const std::int64_t rows : {1, 8, 32, 64, 512}) {
        if (shape.n * rows > 49152 * 64 || shape.k % static_cast<std::int64_t>(Info(type).block_elements) != 0)
          continue;
        using enum Activations;
        for (const Activations activations : {kBF16, kInt16, kInt8, kInt8Columns}) {
          if (activations == kBF16 && !Cpu().amx) continue;
          const LinearProblem problem{type, shape.n, shape.k, activations};
          const auto add = [&](std::string_view by, const LinearKernel& kernel) {
            const std::string name = fmt::format("{}/{}/n{}/k{}/rows{}", Info(type).name, by, shape.n, shape.k, rows);
            const auto run = [=, &kernel](benchmark::State& state) { Linear(state, kernel, problem, rows); };
            benchmark::RegisterBenchmark(name.c_str(), run);
          };
          const LinearKernel& kernel = *SelectLinear(problem, Cpu());
          add(NameOf(activations), kernel);
          const LinearKernel* prefill = SelectPrefillLinear(PrefillLinears(), problem, kernel, Cpu());
          if (activations == kInt16 && prefill != nullptr) add("prefill", *prefill);
        }
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace strata::kernels

BENCHMARK_MAIN();
