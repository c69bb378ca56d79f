#include <immintrin.h>

#include "kernels/avx2.h"
#include "kernels/kernel_list.h"

namespace strata::kernels {
namespace {

void RmsNorm(const float* x, const float* weight, float eps, std::int64_t n, float* out) {
  ScaleBy(x, RmsFactor(x, n, eps), weight, n, out);
}

// The greatest value first, then where it stands: two loads an element, but no index vectors to carry.
std::int64_t ArgMax(const float* x, std::int64_t n) {
  __m256 max = _mm256_set1_ps(-__builtin_inff());
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8) max = _mm256_max_ps(_mm256_loadu_ps(x + i), max);
  float greatest = Max(max);
  for (; i < n; ++i) greatest = x[i] > greatest ? x[i] : greatest;
  for (i = 0; i < n; ++i) {
    if (x[i] == greatest) return i;
  }
  return 0;
}

}  // namespace

constinit const RowKernels kRowsAvx2 = {"rows_avx2", EmbedRow, RmsNorm, ArgMax};

}  // namespace strata::kernels
