#include <immintrin.h>

#include "host/probe_loops.h"
#include "host/probes.h"

namespace strata::host {
namespace {

double F32(std::int64_t rounds) {
  const __m512 factor = _mm512_set1_ps(0.5f);
  RunChains<kZmmChains, __m512>(rounds, [&](__m512 sum) { return _mm512_fmadd_ps(sum, factor, factor); });
  return static_cast<double>(rounds) * kZmmChains * 16 * 2;
}

}  // namespace

const Probes kProbesAvx512 = {.int8_instruction = "", .f32 = F32, .read = ReadAll<__m512i>};

}  // namespace strata::host
