// Every linear against the oracle, over the same list of shapes; and each against itself: a row's bits must not depend
// on its batch or on how the panels are split.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <tuple>

#include <gtest/gtest.h>

#if defined(__x86_64__)
#include "kernels/emulated_amx.h"
#endif
#include "kernels/kernels.h"
#include "kernels/linear_int8.h"
#include "kernels/linear_w8a8.h"
#include "kernels/test_weights.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kRowCounts[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 31, 32, 33, 48, 64, 65, 83, 130};
constexpr std::int64_t kMostRows = std::ranges::max(kRowCounts);

bool IsKQuant(DType type) { return Info(type).name.ends_with("_k"); }

constexpr DType kIntegerTypes[] = {
    DType::kQ4_0,   DType::kQ4_1,  DType::kQ5_0,    DType::kQ5_1,    DType::kQ8_0,  DType::kQ2_K,  DType::kQ3_K,
    DType::kQ4_K,   DType::kQ5_K,  DType::kQ6_K,    DType::kIQ4_NL,  DType::kTQ1_0, DType::kTQ2_0, DType::kMXFP4,
    DType::kIQ4_XS, DType::kIQ1_S, DType::kIQ2_XXS, DType::kIQ3_XXS, DType::kIQ3_S, DType::kIQ1_M, DType::kIQ2_XS,
    DType::kIQ2_S,  DType::kU4_32, DType::kU4_128,  DType::kU8_32,   DType::kU8_128};

struct AlignedBytes {
  explicit AlignedBytes(std::size_t size) : storage(size + 64) {}
  std::byte* get() { return storage.data() + (64 - reinterpret_cast<std::uintptr_t>(storage.data()) % 64) % 64; }
  std::vector<std::byte> storage;
};

// A kernel with a packed weight, ready to be given rows.
class Packed {
 public:
  Packed(const LinearKernel& kernel, DType type, std::span<const TensorView> parts, bool interleaved)
      : kernel_(kernel),
        problem_{type, Total(parts), parts[0].shape.cols()},
        parts_(interleaved ? static_cast<int>(parts.size()) : 1),
        packed_(kernel.packed_bytes(problem_)) {
    EXPECT_EQ(kernel.packed_bytes(problem_) % 64, 0u);
    // Out of order and one at a time: packing must be independent by panel.
    for (std::int64_t panel = Panels(problem_.n) - 1; panel >= 0; --panel) {
      kernel.pack(problem_, {parts, interleaved}, panel, panel + 1, packed_.get());
    }
  }

  std::vector<float> Run(const std::vector<float>& x, std::int64_t rows, const float* norm = nullptr,
                         Epilogue epilogue = {}, std::int64_t panels_a_call = 1 << 30) {
    const std::int64_t k = problem_.k;
    AlignedBytes activations(kernel_.prepared_row_bytes(k) * static_cast<std::size_t>(rows));
    // In shares, as ranks do it, of any size: 0, 1, 2, ... rows.
    for (std::int64_t begin = 0, share = 0; begin < rows; begin += share++) {
      const std::int64_t count = std::min(share, rows - begin);
      kernel_.prepare({.x = x.data() + begin * k,
                       .x_stride = k,
                       .rows = count,
                       .k = k,
                       .norm_weight = norm,
                       .norm_eps = 1e-5f,
                       .run_rows = rows,
                       .run_row = begin,
                       .out = activations.get() + begin * static_cast<std::int64_t>(kernel_.prepared_row_bytes(k))});
    }
    const std::int64_t columns = problem_.n / parts_;
    std::vector<float> out(static_cast<std::size_t>(rows * columns + 16), kCanary);
    epilogue.parts = parts_;
    epilogue.out = out.data();
    epilogue.out_stride = columns;
    epilogue.out_cols = columns;
    const LinearArgs args{activations.get(), packed_.get(), rows, problem_.n, k, &epilogue};
    for (std::int64_t begin = 0; begin < Panels(problem_.n); begin += panels_a_call) {
      kernel_.run(args, begin, std::min(Panels(problem_.n), begin + panels_a_call));
    }
    for (std::size_t i = static_cast<std::size_t>(rows * columns); i < out.size(); ++i) {
      EXPECT_EQ(out[i], kCanary) << "written past the end";
    }
    out.resize(static_cast<std::size_t>(rows * columns));
    return out;
  }

  std::byte* packed() { return packed_.get(); }

 private:
  static constexpr float kCanary = 12345.0f;
  static std::int64_t Total(std::span<const TensorView> parts) {
    std::int64_t n = 0;
    for (const TensorView& part : parts) n += part.shape.rows();
    return n;
  }
  const LinearKernel& kernel_;
  LinearProblem problem_;
  int parts_;
  AlignedBytes packed_;
};

const LinearKernel& Ref() { return *LinearKernels().back(); }

/// Against the results, or against what sums of k products are (of normal values, those of weights halved) where these
/// have cancelled to less.
double RelativeRms(const std::vector<float>& got, const std::vector<float>& want, std::int64_t k) {
  double error = 0;
  double norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += std::pow(static_cast<double>(got[i]) - static_cast<double>(want[i]), 2);
    norm += std::pow(static_cast<double>(want[i]), 2);
  }
  return std::sqrt(error / std::max(norm, 0.25 * static_cast<double>(k) * static_cast<double>(want.size())));
}

// Types that differ from another one in how they are unpacked only: one shape will do.
bool SharesLayout(DType type) {
  constexpr DType kTypes[] = {DType::kTQ1_0,   DType::kTQ2_0, DType::kIQ1_S,  DType::kIQ2_XXS,
                              DType::kIQ3_XXS, DType::kIQ3_S, DType::kIQ2_XS, DType::kIQ2_S};
  return std::ranges::find(kTypes, type) != std::end(kTypes);
}

struct Case {
  DType type;
  std::int64_t n, k;
  bool operator==(const Case&) const = default;
};

/// This machine, as if it liked strips: they run wherever tiles do.
CpuFeatures AnyAvx512() {
  CpuFeatures cpu = DetectCpu("");
  cpu.avx512_halves = cpu.avx512;
  return cpu;
}

/// The kernels of this machine that take the weights, with int16, int8 and bf16 activations; the last also on emulated
/// tiles, so that they are tested where the processor has none. What rounds weights by columns does not depend on their
/// type but for its conversion to f32: it comes with some.
std::vector<const LinearKernel*> Able(DType type, std::int64_t n, std::int64_t k) {
  std::vector<const LinearKernel*> able;
  std::vector<Activations> wanted = {Activations::kInt16, Activations::kInt8, Activations::kBF16};
  if (type == DType::kF32 || type == DType::kQ4_1 || type == DType::kQ6_K) wanted.push_back(Activations::kInt8Columns);
  const auto add = [&](const LinearKernel& kernel) {
    const auto takes = [&](Activations activations) {
      return kernel.refuses({type, n, k, activations}, AnyAvx512()).empty();
    };
    if (std::ranges::any_of(wanted, takes)) able.push_back(&kernel);
  };
  for (const LinearKernel* kernel : LinearKernels()) add(*kernel);
  std::ranges::for_each(PrefillLinears(), add);
#if defined(__x86_64__)
  std::ranges::for_each(EmulatedAmxLinears(), add);
#endif
  return able;
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const auto& [n, k] : {std::pair{16, 32}, {24, 7}, {20, 387}, {100, 100}, {160, 576}, {33, 1536}, {1, 64}}) {
      cases.push_back({type, n, k});
    }
  }
  std::vector<DType> quantized(std::begin(kIntegerTypes), std::end(kIntegerTypes));
  quantized.insert(quantized.end(), {DType::kF8_32, DType::kF8_128, DType::kNF4_64, DType::kW8A8_32});
  for (const DType type : quantized) {
    const auto block = static_cast<std::int64_t>(Info(type).block_elements);
    if (SharesLayout(type)) {
      cases.push_back({type, 100, 3 * block});
      continue;
    }
    for (const auto& [n, k] : {std::pair{16, block}, {24, 2 * block}, {100, 3 * block}, {33, 1536}, {1, 2 * block}}) {
      cases.push_back({type, n, k});
    }
    if (576 % block == 0) cases.push_back({type, 160, 576});
  }
  return cases;
}

struct KernelCase {
  const LinearKernel* kernel;
  Case shape;
};

std::vector<KernelCase> KernelCases() {
  std::vector<KernelCase> cases;
  for (const Case& shape : Cases()) {
    for (const LinearKernel* kernel : Able(shape.type, shape.n, shape.k)) cases.push_back({kernel, shape});
  }
  return cases;
}

std::string Name(const testing::TestParamInfo<KernelCase>& info) {
  const auto& [kernel, shape] = info.param;
  return std::string(kernel->name) + "_" + std::string(Info(shape.type).name) + "_n" + std::to_string(shape.n) + "_k" +
         std::to_string(shape.k);
}

bool HasInt16(const LinearKernel& kernel) { return kernel.name.find("_int16_") != kernel.name.npos; }
bool IsW8A8(const LinearKernel& kernel) { return kernel.name.starts_with("linear_w8a8"); }
bool RoundsColumns(const LinearKernel& kernel) { return kernel.name.starts_with("linear_int8_columns"); }
bool HasInt8(const LinearKernel& kernel) {
  return kernel.name.find("_int8_") != kernel.name.npos && !RoundsColumns(kernel);
}
bool HasBF16(const LinearKernel& kernel) {
  return kernel.name.find("_bf16_amx") != kernel.name.npos || kernel.name.find("_prefill_") != kernel.name.npos;
}

std::vector<float> NearOne(std::int64_t k) {
  std::vector<float> values = Normal(static_cast<std::size_t>(k), 3, 0.2f);
  for (float& value : values) value += 1.0f;
  return values;
}

class LinearTest : public testing::TestWithParam<KernelCase> {
 protected:
  const LinearKernel& kernel_ = *GetParam().kernel;
  const Case shape_ = GetParam().shape;
  Stored stored_{shape_.type, shape_.n, shape_.k, 7};
  // Relative RMS against f32. An int8 activation errs by max/127/sqrt(12) of its group of 32: 0.6 % of a normal value;
  // an int16 one by 256 times less, one of bf16 by 0.16 %, and so does its weight. The K-quants' random blocks are not
  // centred, so their sums cancel more.
  // The scale of a whole row is a greater maximum's than that of 32, of inputs and of weights.
  const double rounded_tolerance_ = IsW8A8(kernel_) ? 1.5e-2
                                    : RoundsColumns(kernel_)
                                        ? (IsKQuant(shape_.type) ? 5e-2 : 1.7e-2)
                                        : (IsKQuant(shape_.type) ? 3e-2 : 1e-2) / (HasInt16(kernel_)  ? 256
                                                                                   : HasBF16(kernel_) ? 3
                                                                                                      : 1);
  const bool rounds_ =
      HasInt16(kernel_) || HasInt8(kernel_) || HasBF16(kernel_) || IsW8A8(kernel_) || RoundsColumns(kernel_);
  const double tolerance_ = rounds_ ? rounded_tolerance_ : 1e-5;
  const std::vector<float> norm_ = NearOne(shape_.k);
};

/// What ref makes of inputs of the most rows, plain and normed. The cases of a shape follow each other, so the last
/// shape's is kept.
struct Wanted {
  Case shape{};
  std::vector<float> x, plain, normed;

  static const Wanted& Of(const Case& shape, const Stored& stored, const std::vector<float>& norm) {
    static Wanted last;
    if (last.shape != shape) {
      Packed oracle(Ref(), shape.type, {&stored.view, 1}, false);
      std::vector<float> x = Normal(static_cast<std::size_t>(kMostRows * shape.k), 5);
      std::vector<float> plain = oracle.Run(x, kMostRows), normed = oracle.Run(x, kMostRows, norm.data());
      last = {shape, std::move(x), std::move(plain), std::move(normed)};
    }
    return last;
  }
};

TEST_P(LinearTest, MatchesRef) {
  if (&kernel_ == &Ref()) GTEST_SKIP() << "it is the oracle";
  Packed packed(kernel_, shape_.type, {&stored_.view, 1}, false);
  const Wanted& wanted = Wanted::Of(shape_, stored_, norm_);
  const auto last = [](const std::vector<float>& all, std::int64_t rows, std::int64_t columns) {
    return std::vector<float>(all.end() - rows * columns, all.end());
  };
  for (const std::int64_t rows : kRowCounts) {
    const std::vector<float> x = last(wanted.x, rows, shape_.k);
    const double few = rows * shape_.n < 64 ? 3.0 : 1.0;
    EXPECT_LT(RelativeRms(packed.Run(x, rows), last(wanted.plain, rows, shape_.n), shape_.k), few * tolerance_) << rows;
    EXPECT_LT(RelativeRms(packed.Run(x, rows, norm_.data()), last(wanted.normed, rows, shape_.n), shape_.k),
              few * tolerance_)
        << rows << " normed";
  }
}

TEST_P(LinearTest, RowsDoNotDependOnTheBatch) {
  Packed packed(kernel_, shape_.type, {&stored_.view, 1}, false);
  const std::vector<float> x = Normal(static_cast<std::size_t>(kMostRows * shape_.k), 11);
  const std::vector<float> all = packed.Run(x, kMostRows, norm_.data());
  std::int64_t panels_a_call = 1;
  for (const std::int64_t rows : kRowCounts) {
    const std::int64_t first = kMostRows - rows;
    const std::vector<float> slice(x.begin() + first * shape_.k, x.end());
    const std::vector<float> some = packed.Run(slice, rows, norm_.data(), {}, panels_a_call);
    ASSERT_EQ(std::memcmp(some.data(), all.data() + first * shape_.n, some.size() * sizeof(float)), 0)
        << rows << " rows, " << panels_a_call << " panels a call";
    panels_a_call = panels_a_call % 4 + 1;
  }
}

TEST_P(LinearTest, ZeroRowsAndZeroInputsGiveZero) {
  Packed packed(kernel_, shape_.type, {&stored_.view, 1}, false);
  EXPECT_TRUE(packed.Run({}, 0).empty());
  const std::vector<float> zeros(static_cast<std::size_t>(3 * shape_.k), 0.0f);
  for (const float value : packed.Run(zeros, 3)) ASSERT_EQ(value, 0.0f);
}

INSTANTIATE_TEST_SUITE_P(All, LinearTest, testing::ValuesIn(KernelCases()), Name);

// Every way in which rows fill tiles, and more rows than one block has.
TEST(TileLinearTest, AnyNumberOfRowsGivesEachTheSameBits) {
  constexpr std::int64_t kN = 40;  // an odd number of panels, the last cut
  constexpr std::int64_t kK = 448;
  constexpr std::int64_t kRows = 600;
  for (const DType type : {DType::kQ4_1, DType::kQ8_0, DType::kW8A8_32, DType::kF32, DType::kBF16}) {
    const Stored stored(type, kN, kK, 3);
    const std::vector<float> x = Normal(static_cast<std::size_t>(kRows * kK), 4);
    for (const LinearKernel* kernel : Able(type, kN, kK)) {
      if (kernel->name.find("_amx") == kernel->name.npos) continue;
      Packed packed(*kernel, type, {&stored.view, 1}, false);
      const std::vector<float> all = packed.Run(x, kRows);
      for (std::int64_t rows = 1; rows <= 70; ++rows) {
        const std::int64_t first = 7 * rows;
        const std::vector<float> slice(x.begin() + first * kK, x.begin() + (first + rows) * kK);
        const std::vector<float> some = packed.Run(slice, rows);
        ASSERT_EQ(std::memcmp(some.data(), all.data() + first * kN, some.size() * sizeof(float)), 0)
            << kernel->name << " " << rows << " rows";
      }
    }
  }
}

// out = part0 * part1 + residual + bias, checked against the same from plain runs of the same kernel.
void GateMap(const float* const* in, const std::int64_t* strides, float* out, std::int64_t out_stride,
             std::int64_t rows, std::int64_t cols) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      out[r * out_stride + c] =
          in[0][r * strides[0] + c] * in[1][r * strides[1] + c] + in[2][r * strides[2] + c] + in[3][r * strides[3] + c];
    }
  }
}

void SumMap(const float* const* in, const std::int64_t* strides, float* out, std::int64_t out_stride, std::int64_t rows,
            std::int64_t cols) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < cols; ++c) {
      out[r * out_stride + c] = in[0][r * strides[0] + c] + in[1][r * strides[1] + c] + in[2][r * strides[2] + c];
    }
  }
}

class EpilogueTest : public testing::TestWithParam<DType> {};

TEST_P(EpilogueTest, InterleavedPartsWithResidualAndBias) {
  constexpr std::int64_t kN = 160;
  constexpr std::int64_t kK = 256;
  const DType type = GetParam();
  const Stored gate(type, kN, kK, 1);
  const Stored up(type, kN, kK, 2);
  const TensorView parts[] = {gate.view, up.view};
  const std::vector<float> bias = Normal(kN, 5);
  for (const LinearKernel* kernel : Able(type, 2 * kN, kK)) {
    Packed both(*kernel, type, parts, true);
    Packed only_gate(*kernel, type, {parts, 1}, false);
    Packed only_up(*kernel, type, {parts + 1, 1}, false);
    for (const std::int64_t rows : {1, 3, 8, 9, 65}) {
      const std::vector<float> x = Normal(static_cast<std::size_t>(rows * kK), 9);
      const std::vector<float> residual = Normal(static_cast<std::size_t>(rows * kN), 4);
      Epilogue epilogue{.map = GateMap, .extras = 2};
      epilogue.extra[0] = residual.data();
      epilogue.extra_stride[0] = kN;
      epilogue.extra[1] = bias.data();
      const std::vector<float> a = only_gate.Run(x, rows);
      const std::vector<float> b = only_up.Run(x, rows);
      for (const std::int64_t panels_a_call : {2, 6, 1 << 30}) {
        const std::vector<float> got = both.Run(x, rows, nullptr, epilogue, panels_a_call);
        for (std::size_t i = 0; i < got.size(); ++i) {
          ASSERT_EQ(got[i], a[i] * b[i] + residual[i] + bias[i % kN]) << kernel->name << " " << rows << " at " << i;
        }
      }
    }
  }
}

TEST_P(EpilogueTest, ConcatenatedPartsWithAMapAndACutPanel) {
  constexpr std::int64_t kK = 256;
  const DType type = GetParam();
  const Stored q(type, 40, kK, 1);
  const Stored k(type, 13, kK, 2);
  const TensorView parts[] = {q.view, k.view};
  constexpr std::int64_t kN = 53;
  const std::vector<float> bias = Normal(kN, 5);
  for (const LinearKernel* kernel : Able(type, kN, kK)) {
    Packed both(*kernel, type, parts, false);
    Packed only_q(*kernel, type, {parts, 1}, false);
    Packed only_k(*kernel, type, {parts + 1, 1}, false);
    for (const std::int64_t rows : {1, 9, 33}) {
      const std::vector<float> x = Normal(static_cast<std::size_t>(rows * kK), 9);
      const std::vector<float> residual = Normal(static_cast<std::size_t>(rows * kN), 4);
      Epilogue epilogue{.map = SumMap, .extras = 2};
      epilogue.extra[0] = residual.data();
      epilogue.extra_stride[0] = kN;
      epilogue.extra[1] = bias.data();
      const std::vector<float> a = only_q.Run(x, rows);
      const std::vector<float> b = only_k.Run(x, rows);
      const std::vector<float> got = both.Run(x, rows, nullptr, epilogue, 1);
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < kN; ++c) {
          const auto i = static_cast<std::size_t>(r * kN + c);
          const float sum =
              c < 40 ? a[static_cast<std::size_t>(r * 40 + c)] : b[static_cast<std::size_t>(r * 13 + c - 40)];
          ASSERT_EQ(got[i], sum + residual[i] + bias[static_cast<std::size_t>(c)]) << kernel->name;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, EpilogueTest,
                         testing::Values(DType::kF32, DType::kF16, DType::kBF16, DType::kQ4_0, DType::kQ4_1,
                                         DType::kQ5_0, DType::kQ5_1, DType::kQ8_0, DType::kQ4_K, DType::kQ6_K,
                                         DType::kMXFP4, DType::kU4_128, DType::kF8_128, DType::kNF4_64,
                                         DType::kW8A8_32),
                         [](const auto& info) { return std::string(Info(info.param).name); });

// A float8 NaN is no number in any kernel.
TEST(LinearFloat8Test, NanStaysNan) {
  constexpr std::int64_t kN = 16, kK = 128;
  Stored stored(DType::kF8_128, kN, kK, 3);
  stored.bytes[5 * Info(DType::kF8_128).block_bytes + 40] = std::byte{0xff};
  for (const LinearKernel* kernel : Able(DType::kF8_128, kN, kK)) {
    const std::vector<float> got = Packed(*kernel, DType::kF8_128, {&stored.view, 1}, false).Run(Normal(kK, 5), 1);
    for (std::size_t n = 0; n < got.size(); ++n) EXPECT_EQ(std::isnan(got[n]), n == 5) << kernel->name;
  }
}

// Rows that are made when they are read pack to the same bytes.
TEST(PackTest, ReadsRowsFromASource) {
  constexpr std::int64_t kN = 40, kK = 256;
  struct Rows : RowSource {
    explicit Rows(const TensorView& view) : stored(view) {}
    void Read(std::int64_t row, std::span<std::byte> blocks) const override {
      std::ranges::copy(stored.row(row), blocks.begin());
    }
    void DoneWith(std::int64_t, std::int64_t) const override {}
    const TensorView& stored;
  };
  for (const DType type : {DType::kU4_128, DType::kNF4_64, DType::kF32}) {
    const Stored stored(type, 2 * kN, kK, 3);
    const Rows rows(stored.view);
    const TensorView made = TensorView{type, {2 * kN, kK}, {}, &rows}.Slice(kN, kN);
    const TensorView plain = stored.view.Slice(kN, kN);
    EXPECT_EQ(DequantizeTensor(made).value(), DequantizeTensor(plain).value());
    for (const LinearKernel* kernel : Able(type, kN, kK)) {
      Packed from_rows(*kernel, type, {&made, 1}, false), from_memory(*kernel, type, {&plain, 1}, false);
      EXPECT_EQ(std::memcmp(from_rows.packed(), from_memory.packed(), kernel->packed_bytes({type, kN, kK})), 0)
          << kernel->name;
    }
  }
}

// The integer dot products are exact: against the prepared row taken back to numbers, only f32 rounding remains.
TEST(LinearInt8Test, ComputesWhatItsPreparedRowSays) {
  constexpr std::int64_t kN = 48;
  constexpr std::int64_t kK = 768;
  int checked = 0;
  for (const DType type : kIntegerTypes) {
    const Stored stored(type, kN, kK, 3);
    const std::vector<float> weights = DequantizeTensor(stored.view).value();
    const std::vector<float> x = Normal(kK, 5);
    for (const LinearKernel* kernel : Able(type, kN, kK)) {
      if (!HasInt16(*kernel) && !HasInt8(*kernel)) continue;
      const int planes = HasInt16(*kernel) ? 2 : 1;
      AlignedBytes row(kernel->prepared_row_bytes(kK));
      kernel->prepare({.x = x.data(), .x_stride = kK, .rows = 1, .k = kK, .run_rows = 1, .out = row.get()});
      const std::vector<float> got = Packed(*kernel, type, {&stored.view, 1}, false).Run(x, 1);
      for (std::int64_t n = 0; n < kN; ++n) {
        double sum = 0;
        double size = 0;
        for (std::int64_t k = 0; k < kK; ++k) {
          const std::byte* group = row.get() + k / kGroup * Int8GroupBytes(planes);
          const auto* bytes = reinterpret_cast<const std::int8_t*>(group) + k % kGroup;
          const int quant = planes == 2 ? (bytes[0] << kHighShift) + bytes[kGroup] : bytes[0];
          const auto* tail = reinterpret_cast<const Int8GroupTail*>(group + planes * kGroup);
          const double term = static_cast<double>(weights[static_cast<std::size_t>(n * kK + k)]) *
                              static_cast<double>(tail->scale) * quant;
          sum += term;
          size += std::abs(term);
        }
        ASSERT_NEAR(static_cast<double>(got[static_cast<std::size_t>(n)]), sum, 1e-5 * size)
            << kernel->name << " column " << n;
      }
      ++checked;
    }
  }
  if (DetectCpu("").avx2 || DetectCpu("").neon_dotprod) EXPECT_GT(checked, 0);
}

TEST(LinearInt8Test, TinyAndHugeGroupsPrepareSafely) {
  for (const LinearKernel* kernel : Able(DType::kQ8_0, 16, 64)) {
    if (!HasInt16(*kernel) && !HasInt8(*kernel)) continue;
    const Stored stored(DType::kQ8_0, 16, 64, 3);
    Packed packed(*kernel, DType::kQ8_0, {&stored.view, 1}, false);
    std::vector<float> x(64, 1e-40f);
    for (const float y : packed.Run(x, 1)) EXPECT_NEAR(y, 0.0f, 1e-30f) << kernel->name;
    std::fill(x.begin() + 32, x.end(), 1e30f);
    for (const float y : packed.Run(x, 1)) EXPECT_TRUE(std::isfinite(y)) << kernel->name;
  }
}

/// The rows of a W8A8 matrix: a scale and k integers each.
struct W8A8Rows {
  W8A8Rows(std::int64_t n, std::int64_t k) : n_(n), k_(k), bytes_(BytesOf(DType::kW8A8_32, std::size_t(n * k))) {}
  void Set(std::int64_t row, std::int64_t column, float scale, int quant) {
    std::byte* block = bytes_.data() + (row * k_ + column) / 32 * 36;
    std::memcpy(block, &scale, sizeof scale);
    block[4 + column % 32] = static_cast<std::byte>(quant + 128);
  }
  TensorView view() const { return {DType::kW8A8_32, {n_, k_}, bytes_}; }

 private:
  std::int64_t n_, k_;
  std::vector<std::byte> bytes_;
};

// Of the identity, a linear gives its rounded inputs: x / (max|x| / 127.5), half to even, from -128 to 127.
TEST(LinearW8A8Test, RoundsInputsAsCompressedTensorsDoes) {
  constexpr std::int64_t kK = 32;
  W8A8Rows identity(kK, kK);
  for (std::int64_t i = 0; i < kK; ++i) {
    for (std::int64_t j = 0; j < kK; ++j) identity.Set(i, j, 1, i == j ? 1 : 0);
  }
  const TensorView view = identity.view();
  std::vector<float> x(kK), want(kK);
  const std::vector<std::pair<float, float>> rounded = {
      {-127.5f, -128}, {127.5f, 127}, {0.5f, 0}, {1.5f, 2}, {2.5f, 2}, {-0.5f, 0},          {-1.5f, -2},
      {0.50001f, 1},   {126.5f, 126}, {-3, -3},  {99, 99},  {0, 0},    {-125.50001f, -126}, {1e-30f, 0}};
  for (std::size_t i = 0; i < rounded.size(); ++i) std::tie(x[i], want[i]) = rounded[i];
  int checked = 0;
  for (const LinearKernel* kernel : Able(DType::kW8A8_32, kK, kK)) {
    if (!IsW8A8(*kernel)) continue;
    EXPECT_EQ(Packed(*kernel, DType::kW8A8_32, {&view, 1}, false).Run(x, 1), want) << kernel->name;
    ++checked;
  }
  EXPECT_GT(checked, 0);
}

// Integers are added exactly and floats in one order, so all kernels give the same bits but for the norm's sum.
TEST(LinearColumnsTest, AllKernelsGiveTheSameBits) {
  constexpr std::int64_t kN = 40, kRows = 61;
  for (const DType type : {DType::kW8A8_32, DType::kQ4_1}) {
    for (const std::int64_t k : {32, 96, 320, 576, 1536}) {
      const Stored stored(type, kN, k, 5);
      const std::vector<float> x = Normal(static_cast<std::size_t>(kRows * k), 6);
      std::vector<float> want;
      for (const LinearKernel* kernel : Able(type, kN, k)) {
        if (!IsW8A8(*kernel) && !RoundsColumns(*kernel)) continue;
        const std::vector<float> got = Packed(*kernel, type, {&stored.view, 1}, false).Run(x, kRows);
        if (want.empty()) want = got;
        EXPECT_EQ(std::memcmp(got.data(), want.data(), got.size() * sizeof(float)), 0) << kernel->name << " k " << k;
      }
      EXPECT_FALSE(want.empty());
    }
  }
}

TEST(LinearColumnsTest, AnOutlierCoarsensItsGroupOfWeightsAlone) {
  constexpr std::int64_t kK = 2 * kInputGroupsOfWeights * kInputGroup;
  std::vector<float> weights = Normal(kK, 3), x = Normal(kK, 4);
  weights[0] = 1e6f;
  std::fill_n(x.begin(), kK / 2, 0.0f);
  const TensorView view{DType::kF32, {1, kK}, std::as_bytes(std::span(weights))};
  const float want = Packed(Ref(), DType::kF32, {&view, 1}, false).Run(x, 1)[0];
  for (const LinearKernel* kernel : Able(DType::kF32, 1, kK)) {
    if (!RoundsColumns(*kernel)) continue;
    EXPECT_NEAR(Packed(*kernel, DType::kF32, {&view, 1}, false).Run(x, 1)[0], want, 0.5) << kernel->name;
  }
}

TEST(LinearColumnsTest, WhatIsNotFiniteStaysSo) {
  constexpr std::int64_t kK = 64;
  std::vector<float> weights(2 * kK, 1.0f);
  weights[3] = std::numeric_limits<float>::infinity();
  const TensorView view{DType::kF32, {2, kK}, std::as_bytes(std::span(weights))};
  for (const LinearKernel* kernel : Able(DType::kF32, 2, kK)) {
    if (!RoundsColumns(*kernel)) continue;
    const std::vector<float> got = Packed(*kernel, DType::kF32, {&view, 1}, false).Run(std::vector<float>(kK, 1.0f), 1);
    EXPECT_TRUE(std::isnan(got[0])) << kernel->name;
    EXPECT_NEAR(got[1], kK, 1) << kernel->name;
  }
}

// The greatest sums that can be: none wraps round in the end, whatever those on the way do.
TEST(LinearW8A8Test, SumsOfTheGreatestProductsAreExact) {
  constexpr std::int64_t kK = kMaxW8A8Columns / 32 * 32;
  W8A8Rows rows(2, kK);
  for (std::int64_t i = 0; i < kK; ++i) {
    rows.Set(0, i, 1, -128);
    rows.Set(1, i, 1, 127);
  }
  const TensorView view = rows.view();
  const std::vector<float> x(kK, -127.5f);
  for (const LinearKernel* kernel : Able(DType::kW8A8_32, 2, kK)) {
    if (!IsW8A8(*kernel)) continue;
    const std::vector<float> got = Packed(*kernel, DType::kW8A8_32, {&view, 1}, false).Run(x, 1);
    EXPECT_EQ(got[0], static_cast<float>(kK * 128 * 128)) << kernel->name;
    EXPECT_EQ(got[1], static_cast<float>(-kK * 127 * 128)) << kernel->name;
  }
  const LinearProblem longer{DType::kW8A8_32, 2, kK + 32};
  EXPECT_FALSE(IsW8A8(*SelectLinear(longer, DetectCpu(""))));
}

TEST(SelectLinearTest, LastResortTakesEverything) {
  std::vector<Choice> log;
  const LinearKernel* kernel = SelectLinear({DType::kQ4_1, 100, 64}, CpuFeatures{}, &log);
  ASSERT_NE(kernel, nullptr);
  EXPECT_EQ(kernel->name, "linear_ref");
  EXPECT_TRUE(log.back().taken);
  EXPECT_EQ(log.size(), LinearKernels().size());
  for (const Choice& choice : log) EXPECT_EQ(choice.taken, choice.reason.empty()) << choice.kernel;
}

std::string ReasonOf(std::string_view name, const LinearProblem& problem, const CpuFeatures& cpu) {
  for (const LinearKernel* kernel : LinearKernels()) {
    if (kernel->name == name) return kernel->refuses(problem, cpu);
  }
  return "no such kernel";
}

#if defined(__x86_64__)

TEST(SelectLinearTest, RefusalsSayWhy) {
  const CpuFeatures vnni{.avx2 = true, .avx512 = true, .avx512_vnni = true};
  const CpuFeatures plain512{.avx2 = true, .avx512 = true};
  EXPECT_EQ(ReasonOf("linear_q4_1_int16_avx512vnni", {DType::kQ4_1, 64, 64}, vnni), "");
  EXPECT_EQ(ReasonOf("linear_q4_1_int16_avx512vnni", {DType::kQ4_1, 64, 64}, plain512), "needs avx512 vnni");
  EXPECT_EQ(ReasonOf("linear_q4_1_int16_avx512vnni", {DType::kQ8_0, 64, 64}, vnni), "packs q4_1 only");
  EXPECT_EQ(ReasonOf("linear_q8_0_int16_avx512vnni", {DType::kQ8_0, 64, 100}, vnni), "k = 100 is not a multiple of 32");
  EXPECT_EQ(ReasonOf("linear_q4_1_int8_avx512vnni", {DType::kQ4_1, 64, 64}, vnni), "rounds activations to int8");
  EXPECT_EQ(ReasonOf("linear_q4_1_int8_avx512vnni_strips", {DType::kQ4_1, 64, 64, Activations::kInt8}, vnni),
            "is for processors whose zmm take two passes");
  EXPECT_EQ(SelectLinear({DType::kQ4_1, 64, 64}, vnni)->name, "linear_q4_1_int16_avx512vnni");
  EXPECT_EQ(SelectLinear({DType::kQ4_1, 64, 64, Activations::kInt8}, vnni)->name, "linear_q4_1_int8_avx512vnni");
  CpuFeatures halves = vnni;
  halves.avx512_halves = true;
  EXPECT_EQ(SelectLinear({DType::kQ4_1, 64, 64}, halves)->name, "linear_q4_1_int16_avx512vnni_strips");
  for (const Activations any : {Activations::kInt16, Activations::kInt8}) {
    EXPECT_EQ(SelectLinear({DType::kW8A8_32, 64, 64, any}, vnni)->name, "linear_w8a8_avx512vnni");
    EXPECT_EQ(SelectLinear({DType::kW8A8_32, 64, 64, any}, plain512)->name, "linear_w8a8_avx2");
    EXPECT_EQ(SelectLinear({DType::kW8A8_32, 64, 64, any}, CpuFeatures{})->name, "linear_w8a8_ref");
  }
  EXPECT_EQ(ReasonOf("linear_w8a8_ref", {DType::kW8A8_32, 64, 64, Activations::kExact}, vnni), "rounds activations");
  EXPECT_EQ(ReasonOf("linear_w8a8_ref", {DType::kW8A8_32, 64, 1 << 17}, vnni),
            "k = 131072 is above 131071, up to which sums fit int32");
  CpuFeatures amx = vnni;
  amx.avx512_bf16 = amx.amx = true;
  const LinearProblem columns{DType::kQ4_1, 64, 64, Activations::kInt8Columns};
  EXPECT_EQ(ReasonOf("linear_int8_columns_amx", columns, vnni), "needs amx");
  EXPECT_EQ(ReasonOf("linear_w8a8_amx", {DType::kW8A8_32, 64, 96}, amx), "k = 96 is not a multiple of 64");
  EXPECT_EQ(SelectLinear(columns, amx)->name, "linear_int8_columns_amx");
  EXPECT_EQ(SelectLinear({DType::kW8A8_32, 64, 64}, amx)->name, "linear_w8a8_amx");
  EXPECT_EQ(SelectLinear({DType::kW8A8_32, 64, 96}, amx)->name, "linear_w8a8_avx512vnni");
  EXPECT_EQ(SelectLinear({DType::kQ4_1, 64, 64, Activations::kBF16}, amx)->name, "linear_q4_1_bf16_amx");
  EXPECT_EQ(SelectLinear({DType::kQ4_1, 64, 64}, amx)->name, "linear_q4_1_int16_avx512vnni");
  EXPECT_EQ(SelectLinear({DType::kQ4_1, 64, 64, Activations::kExact}, amx)->name, "linear_f32_avx512");
  EXPECT_EQ(SelectLinear({DType::kBF16, 64, 64, Activations::kBF16}, amx)->name, "linear_bf16_bf16_amx");
  EXPECT_EQ(SelectLinear({DType::kBF16, 64, 64}, amx)->name, "linear_bf16_avx512");
  EXPECT_EQ(ReasonOf("linear_q4_1_bf16_amx", {DType::kQ4_1, 64, 64, Activations::kBF16}, vnni), "needs amx");
  EXPECT_EQ(ReasonOf("linear_q4_1_bf16_amx", {DType::kQ4_1, 64, 64}, amx), "rounds activations to bf16");
  EXPECT_EQ(ReasonOf("linear_f32_bf16_amx", {DType::kF32, 64, 48, Activations::kBF16}, amx),
            "k = 48 is not a multiple of 32");
  EXPECT_EQ(BestActivations(DType::kQ4_1, 64, amx), Activations::kBF16);
  EXPECT_EQ(BestActivations(DType::kQ4_1, 1, amx), Activations::kInt16);
  EXPECT_EQ(BestActivations(DType::kF32, 64, amx), Activations::kInt16);
  EXPECT_EQ(BestActivations(DType::kQ4_1, 64, vnni), Activations::kInt16);
}

TEST(SelectPrefillLinearTest, TakesWhatReadsThePackedWeightsOfTheOther) {
  const CpuFeatures vnni{.avx2 = true, .avx512 = true, .avx512_vnni = true};
  CpuFeatures amx = vnni;
  amx.avx512_bf16 = amx.amx = true;
  for (const Activations activations : {Activations::kInt16, Activations::kInt8}) {
    const LinearProblem problem{DType::kQ4_1, 64, 64, activations};
    const LinearKernel& kernel = *SelectLinear(problem, vnni);
    std::vector<Choice> log;
    EXPECT_EQ(SelectPrefillLinear(PrefillLinears(), problem, kernel, vnni, &log), nullptr);
    const LinearKernel* prefill = SelectPrefillLinear(PrefillLinears(), problem, kernel, amx, &log);
    ASSERT_NE(prefill, nullptr);
    EXPECT_EQ(prefill->name, "linear_q4_1_prefill_amx");
    EXPECT_EQ(prefill->pack, kernel.pack);
    ASSERT_EQ(log.size(), 2U);
    EXPECT_EQ(log[0].reason, "for prompts: needs amx");
    EXPECT_FALSE(log[0].taken);
    EXPECT_EQ(log[1].reason, "for prompts");
    EXPECT_TRUE(log[1].taken);
    EXPECT_EQ(SelectPrefillLinear(PrefillLinears(), problem, Ref(), amx), nullptr) << "ref packs in a way of its own";
  }
  const LinearProblem floats{DType::kBF16, 64, 64, Activations::kInt8};
  EXPECT_EQ(SelectPrefillLinear(PrefillLinears(), floats, *SelectLinear(floats, amx), amx), nullptr);
  const LinearProblem both{DType::kQ4_1, 64, 64, Activations::kBF16};
  EXPECT_EQ(SelectPrefillLinear(PrefillLinears(), both, *SelectLinear(both, amx), amx), nullptr);
}
#elif defined(__aarch64__)
TEST(SelectLinearTest, RefusalsSayWhy) {
  const CpuFeatures dotprod{.neon = true, .neon_dotprod = true};
  const CpuFeatures plain{.neon = true};
  const LinearProblem q4{DType::kQ4_1, 64, 64};
  EXPECT_EQ(ReasonOf("linear_q4_1_int16_neondot", q4, plain), "needs neon dotprod");
  EXPECT_EQ(ReasonOf("linear_q4_1_int8_neondot", q4, dotprod), "rounds activations to int8");
  EXPECT_EQ(ReasonOf("linear_f32_neon", q4, CpuFeatures{}), "needs neon");
  EXPECT_EQ(SelectLinear(q4, dotprod)->name, "linear_q4_1_int16_neondot");
  EXPECT_EQ(SelectLinear({DType::kQ4_1, 64, 64, Activations::kInt8}, dotprod)->name, "linear_q4_1_int8_neondot");
  EXPECT_EQ(SelectLinear(q4, plain)->name, "linear_f32_neon") << "unpacked";
  EXPECT_EQ(SelectLinear({DType::kW8A8_32, 64, 64}, dotprod)->name, "linear_w8a8_neondot");
  EXPECT_EQ(SelectLinear({DType::kW8A8_32, 64, 64}, plain)->name, "linear_w8a8_ref");
}

TEST(SelectLinearTest, TheEnvironmentsLimitTakesDotProductsAway) {
  EXPECT_TRUE(DetectCpu("").neon);
  EXPECT_TRUE(DetectCpu("neon").neon);
  EXPECT_FALSE(DetectCpu("neon").neon_dotprod);
  EXPECT_EQ(DetectCpu("neon").ToString(), "neon");
  EXPECT_EQ(DetectCpu("ref").ToString(), "ref");
}
#endif

}  // namespace
}  // namespace strata::kernels
