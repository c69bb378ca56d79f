#include "kernels/distance_list.h"
#include "tensor/convert.h"

namespace strata::kernels {
namespace {

template <class Sum, class Query, class Row, class Term>
void ForEachRow(const Query* query, const Row* const* rows, std::size_t count, std::size_t n, Sum* out,
                const Term& term) {
  for (std::size_t i = 0; i < count; ++i) {
    Sum sum = 0;
    for (std::size_t j = 0; j < n; ++j) sum += term(query[j], rows[i][j]);
    out[i] = sum;
  }
}

void F32(const float* query, const float* const* rows, std::size_t count, std::size_t n, float* out) {
  ForEachRow(query, rows, count, n, out, [](float a, float b) { return a * b; });
}

void F16(const float* query, const std::uint16_t* const* rows, std::size_t count, std::size_t n, float* out) {
  ForEachRow(query, rows, count, n, out, [](float a, std::uint16_t b) { return a * F16ToF32(b); });
}

void Int8(const std::uint8_t* query, const std::int8_t* const* rows, std::size_t count, std::size_t n,
          std::int32_t* out) {
  ForEachRow(query, rows, count, n, out, [](std::uint8_t a, std::int8_t b) { return std::int32_t{a} * b; });
}

void Widen(const std::uint16_t* half, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = F16ToF32(half[i]);
}

void Narrow(const float* values, std::size_t n, std::uint16_t* out) {
  for (std::size_t i = 0; i < n; ++i) out[i] = F32ToF16(values[i]);
}

}  // namespace

const DistanceKernels kDistanceRef{
    .name = "ref", .f32 = F32, .f16 = F16, .int8 = Int8, .widen = Widen, .narrow = Narrow};

}  // namespace strata::kernels
