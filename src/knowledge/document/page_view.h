// Pages that are not shown as they are read.
#pragma once

#include "knowledge/types.h"

namespace strata::knowledge {

/// A box on a page of this size, from its top left corner, when the page is turned clockwise by so many quarters.
inline Box Turned(const Box& box, float width, float height, int turns) {
  switch (turns & 3) {
    case 1:
      return {height - box.bottom, box.left, height - box.top, box.right};
    case 2:
      return {width - box.right, height - box.bottom, width - box.left, height - box.top};
    case 3:
      return {box.top, width - box.right, box.bottom, width - box.left};
    default:
      return box;
  }
}

/// How a page is looked at so that its text stands upright: its size in points, after it was turned clockwise by so
/// many quarters from how it is shown.
struct PageView {
  float width = 0, height = 0;
  int turns = 0;

  /// A box of the view on the page as it is shown.
  Box Shown(const Box& box) const { return Turned(box, width, height, 4 - turns); }
};

}  // namespace strata::knowledge
