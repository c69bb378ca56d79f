// Leptonica's pictures, freed with their owner.
#pragma once

#include <memory>

#include <leptonica/allheaders.h>

namespace strata::knowledge {

struct DestroyPix {
  void operator()(PIX* pix) const { pixDestroy(&pix); }
};
using PixPointer = std::unique_ptr<PIX, DestroyPix>;

}  // namespace strata::knowledge
