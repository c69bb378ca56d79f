#include "host/peaks.h"

#include <gtest/gtest.h>

#include "host/probes.h"

namespace strata::host {
namespace {

TEST(Peaks, KnowEveryFigureThatTheProcessorHas) {
  ThreadTeam team(2);
  const Peaks peaks = MeasurePeaks(team);
  EXPECT_EQ(peaks.threads, 2);
  EXPECT_GT(peaks.f32_ops, 0);
  EXPECT_GT(peaks.barrier_seconds, 0);
  EXPECT_EQ(peaks.int8_ops > 0, Cpu().avx2);
  EXPECT_EQ(peaks.int8_instruction.empty(), !Cpu().avx2);
  EXPECT_EQ(peaks.bf16_ops > 0, Cpu().avx512_bf16);
}

TEST(Peaks, TryNoInstructionBeyondTheLimit) {
  ThreadTeam team(1);
  const Peaks peaks = MeasurePeaks(team, CpuFeatures{});
  EXPECT_EQ(peaks.int8_ops, 0);
  EXPECT_EQ(peaks.bf16_ops, 0);
  EXPECT_GT(peaks.f32_ops, 0);
  EXPECT_EQ(peaks.barrier_seconds, 0) << "one thread waits for nobody";
}

TEST(ReadBandwidth, IsMeasuredForAnySize) {
  ThreadTeam team(2);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{12345}, std::size_t{1} << 20}) {
    const Result<double> bandwidth = MeasureReadBandwidth(team, bytes);
    ASSERT_TRUE(bandwidth.has_value());
    EXPECT_GT(*bandwidth, 0);
  }
}

TEST(ReadBandwidth, RefusesWhatCannotBeMapped) {
  ThreadTeam team(1);
  const Result<double> bandwidth = MeasureReadBandwidth(team, std::size_t{1} << 60);
  ASSERT_FALSE(bandwidth.has_value());
  EXPECT_EQ(bandwidth.error().code(), ErrorCode::kResourceExhausted);
}

// A probe that skipped bytes would report a bandwidth that the machine does not have.
TEST(Probes, ReadDependsOnEveryByte) {
  std::vector<const Probes*> all = {&kProbesPortable};
#if defined(STRATA_HOST_X86)
  if (Cpu().avx2) all.push_back(&kProbesAvx2);
  if (Cpu().avx512) all.push_back(&kProbesAvx512);
#endif
  for (const Probes* probes : all) {
    alignas(64) std::byte data[1024] = {};
    const std::uint64_t before = probes->read(data, sizeof data);
    for (std::byte& byte : data) {
      byte = std::byte{1};
      EXPECT_NE(probes->read(data, sizeof data), before) << &byte - data;
      byte = std::byte{0};
    }
  }
}

TEST(DramFootprint, IsLargeAndBounded) {
  EXPECT_GT(DramFootprint(), std::size_t{16} << 20);
  EXPECT_LE(DramFootprint(), std::size_t{1} << 30);
}

}  // namespace
}  // namespace strata::host
