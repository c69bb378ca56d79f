// W8A8 linears on AMX. Few rows leave most of a tile empty and are better served by vpdpbusd; both sums are exact.
#include <immintrin.h>

#include "kernels/amx_tiles.h"
#include "kernels/linear_w8a8_tiles.h"

namespace strata::kernels {

template <std::int64_t kGroup>
void RunW8A8Amx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end) {
  args.rows <= kFewRows ? RunW8A8Avx512Vnni<kGroup>(args, panel_begin, panel_end)
                        : RunW8A8<AmxTiles, kGroup>(args, panel_begin, panel_end);
}

template void RunW8A8Amx<0>(const LinearArgs&, std::int64_t, std::int64_t);
template void RunW8A8Amx<kInputGroup>(const LinearArgs&, std::int64_t, std::int64_t);

}  // namespace strata::kernels
