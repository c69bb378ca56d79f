#include "knowledge/vectors/row_store.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/cpu_features.h"

namespace strata::knowledge {
namespace {

constexpr std::size_t kLine = 64;
constexpr std::size_t kBatch = 4;  ///< rows that a kernel takes at a time
// The end of a longer row the processor fetches by itself, once it is being read: to ask for all of four rows of 1,536
// bytes took a tenth longer than for their halves.
constexpr std::size_t kPrefetched = 768;

std::size_t RoundUpToLine(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

// What turns a row's bytes into products.
struct Scaling {
  float scale;
  std::int32_t sum;
};

void Prefetch(const std::byte* row, std::size_t bytes) {
  for (std::size_t at = 0; at < std::min(bytes, kPrefetched); at += kLine) __builtin_prefetch(row + at);
}

// Calls `score(first, pointers)` for batches of rows, whose memory is fetched while the batch before is computed.
template <class Run>
void InBatches(const GrowingArray& array, std::span<const std::uint32_t> rows, const Run& run) {
  const auto fetch = [&](std::size_t first) {
    for (std::size_t i = first; i < std::min(rows.size(), first + kBatch); ++i) {
      Prefetch(array[rows[i]], array.row_bytes());
    }
  };
  fetch(0);
  for (std::size_t first = 0; first < rows.size(); first += kBatch) {
    fetch(first + kBatch);
    const std::byte* pointers[kBatch];
    const std::size_t count = std::min(kBatch, rows.size() - first);
    for (std::size_t i = 0; i < count; ++i) pointers[i] = array[rows[first + i]];
    run(first, pointers, count);
  }
}

void ReplaceNan(std::size_t count, float* scores) {
  for (std::size_t i = 0; i < count; ++i) {
    scores[i] = scores[i] == scores[i] ? scores[i] : std::numeric_limits<float>::lowest();
  }
}

}  // namespace

RowStore::RowStore(std::int64_t dimensions, VectorStorage storage)
    : dimensions_(static_cast<std::size_t>(dimensions)),
      storage_(storage),
      kernels_(kernels::SelectDistanceKernels(Cpu())),
      values_(RoundUpToLine(dimensions_ * (storage == VectorStorage::kF32 ? sizeof(float) : sizeof(std::uint16_t)))),
      bytes_(storage == VectorStorage::kInt8 ? RoundUpToLine(dimensions_ + sizeof(Scaling)) : 0) {}

void RowStore::SetQuery(std::span<const float> vector, Query& query) const {
  query.values.assign(vector.begin(), vector.end());
  if (!has_bytes()) return;
  float greatest = 0;
  for (const float value : vector) greatest = std::max(greatest, std::abs(value));
  query.scale = greatest / 127;
  const float inverse = greatest > 0 ? 127 / greatest : 0;
  query.bytes.resize(dimensions_);
  for (std::size_t i = 0; i < dimensions_; ++i) {
    query.bytes[i] = static_cast<std::uint8_t>(std::lrint(std::clamp(vector[i] * inverse, -127.0f, 127.0f)) + 128);
  }
}

void RowStore::SetQuery(std::uint32_t row, Query& query) const {
  query.values.resize(dimensions_);
  if (storage_ == VectorStorage::kF32) {
    std::memcpy(query.values.data(), values_[row], dimensions_ * sizeof(float));
  } else {
    kernels_.widen(reinterpret_cast<const std::uint16_t*>(values_[row]), dimensions_, query.values.data());
  }
  if (!has_bytes()) return;
  const std::byte* bytes = bytes_[row];
  Scaling scaling;
  std::memcpy(&scaling, bytes + dimensions_, sizeof(scaling));
  query.scale = scaling.scale;
  query.bytes.resize(dimensions_);
  for (std::size_t i = 0; i < dimensions_; ++i) query.bytes[i] = std::to_integer<std::uint8_t>(bytes[i]) ^ 0x80;
}

void RowStore::Reserve(std::uint32_t row) {
  values_.Reserve(row);
  if (has_bytes()) bytes_.Reserve(row);
}

void RowStore::Set(std::uint32_t row, std::span<const float> vector) {
  if (storage_ == VectorStorage::kF32) {
    std::memcpy(values_[row], vector.data(), vector.size_bytes());
  } else {
    kernels_.narrow(vector.data(), vector.size(), reinterpret_cast<std::uint16_t*>(values_[row]));
  }
  if (!has_bytes()) return;
  Query query;
  SetQuery(vector, query);
  Scaling scaling{query.scale, 0};
  std::byte* bytes = bytes_[row];
  for (std::size_t i = 0; i < dimensions_; ++i) {
    bytes[i] = std::byte{static_cast<std::uint8_t>(query.bytes[i] ^ 0x80)};
    scaling.sum += query.bytes[i] - 128;
  }
  std::memcpy(bytes + dimensions_, &scaling, sizeof(scaling));
}

void RowStore::Clear(std::uint32_t row) {
  std::memset(values_[row], 0, values_.row_bytes());
  if (has_bytes()) std::memset(bytes_[row], 0, bytes_.row_bytes());
}

void RowStore::Score(const Query& query, std::span<const std::uint32_t> rows, float* scores) const {
  if (!has_bytes()) return ScoreExactly(query, rows, scores);
  InBatches(bytes_, rows, [&](std::size_t first, const std::byte* const* pointers, std::size_t count) {
    std::int32_t products[kBatch];
    kernels_.int8(query.bytes.data(), reinterpret_cast<const std::int8_t* const*>(pointers), count, dimensions_,
                  products);
    for (std::size_t i = 0; i < count; ++i) {
      Scaling scaling;
      std::memcpy(&scaling, pointers[i] + dimensions_, sizeof(scaling));
      scores[first + i] = query.scale * scaling.scale * static_cast<float>(products[i] - 128 * scaling.sum);
    }
  });
  ReplaceNan(rows.size(), scores);
}

void RowStore::ScoreExactly(const Query& query, std::span<const std::uint32_t> rows, float* scores) const {
  InBatches(values_, rows, [&](std::size_t first, const std::byte* const* pointers, std::size_t count) {
    if (storage_ == VectorStorage::kF32) {
      kernels_.f32(query.values.data(), reinterpret_cast<const float* const*>(pointers), count, dimensions_,
                   scores + first);
    } else {
      kernels_.f16(query.values.data(), reinterpret_cast<const std::uint16_t* const*>(pointers), count, dimensions_,
                   scores + first);
    }
  });
  ReplaceNan(rows.size(), scores);
}

}  // namespace strata::knowledge
