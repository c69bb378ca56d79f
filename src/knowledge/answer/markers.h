// Markers in an answer that name sources: [1], [2, 3].
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace strata::knowledge {

struct Marker {
  std::size_t bytes = 0;
  std::vector<int> numbers;
};

/// The marker that `text` begins with: numbers of up to four digits, parted by commas, in brackets ([], 【】).
std::optional<Marker> ReadMarker(std::string_view text);

/// More text might make `text` begin with a marker.
bool MayBecomeMarker(std::string_view text);

/// The text without its markers.
std::string WithoutMarkerText(std::string_view text);

/// The text with its markers in round brackets, so that nobody takes them for markers of the answer.
std::string WithoutMarkers(std::string_view text);

}  // namespace strata::knowledge
