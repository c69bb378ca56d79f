// Inside the kernels only: how linears without masks pass over their rows and panels. Each file that includes this gets
// its own copy.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace strata::kernels {
namespace {

/// Panels [panel_begin, panel_end) for all rows, in blocks whose sums stay in L1. Calls
/// of_panel(first row, rows, panel, acc, stride), which leaves [rows, kPanel] sums in acc, rows `stride` apart; the
/// epilogue follows where a block is whole.
template <class OfPanel>
void RunByPanels(const LinearArgs& args, std::int64_t panel_bytes, std::int64_t panel_begin, std::int64_t panel_end,
                 const OfPanel& of_panel) {
  constexpr std::int64_t kBlockRows = 64;
  constexpr std::int64_t kBlockPanels = 8;
  constexpr std::int64_t kStride = kBlockPanels * kPanel;
  alignas(64) float acc[kBlockRows * kStride];
  const std::int64_t step = kBlockPanels / args.epilogue->parts * args.epilogue->parts;
  for (std::int64_t row0 = 0; row0 < args.rows; row0 += kBlockRows) {
    const std::int64_t rows = args.rows - row0 < kBlockRows ? args.rows - row0 : kBlockRows;
    for (std::int64_t panel0 = panel_begin; panel0 < panel_end; panel0 += step) {
      const std::int64_t panels = panel_end - panel0 < step ? panel_end - panel0 : step;
      for (std::int64_t p = 0; p < panels; ++p) {
        of_panel(row0, rows, args.weights + (panel0 + p) * panel_bytes, acc + p * kPanel, kStride);
      }
      ApplyEpilogue(*args.epilogue, acc, kStride, row0, rows, panel0, panels);
    }
  }
}

}  // namespace
}  // namespace strata::kernels
