// Inside the kernels only: linears over the weights of linear_int8.h and linear_float.h on AMX tiles, with these and
// the activations as bf16. Panels are in the order of tiles, see QuantOrder and FloatTilePanelBytes.
//
// Prepared rows are in blocks of sixteen, the last of which may have fewer: a block of R rows is [k / 2][R][2], the
// right operand of a tile's product. So a row's place follows from its run (PrepareArgs), and one row alone is [k].
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/linear_float.h"
#include "kernels/linear_int8.h"

namespace strata::kernels {
namespace {

constexpr std::int64_t kBF16Block = 16;
[[maybe_unused]] constexpr std::int64_t BF16RowBytes(std::int64_t k) { return 2 * k; }

}  // namespace

// Defined in linear_bf16_amx.cc, for every Int8Format and kTileFloat.
void PrepareBF16Amx(const PrepareArgs& args);
template <Int8Format kFormat>
void RunInt8BF16Amx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);
template <PanelFloat kType>
void RunFloatBF16Amx(const LinearArgs& args, std::int64_t panel_begin, std::int64_t panel_end);

}  // namespace strata::kernels
