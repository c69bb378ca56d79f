// Dates and times as metadata has them: ISO 8601, extended format.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace strata::knowledge {

/// Milliseconds since 1970-01-01 UTC of "2026-11-27", "2026-11-27T08:30", "2026-11-27 08:30:00.5+02:00"; without an
/// offset it is UTC. Nothing for any other text: a year alone is a number or a name as well.
std::optional<std::int64_t> ParseDate(std::string_view text);

}  // namespace strata::knowledge
