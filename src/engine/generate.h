// One request from its prompt to its text, on a thread that may wait.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"
#include "engine/engine.h"

namespace strata {

struct GeneratedTokens {
  std::int64_t count = 0;
  std::int64_t cached = 0;  ///< EngineEvent::cached_tokens
};

/// Runs the request, whose on_event is set here, and gives its text to `on_text` as it comes, without the token that
/// ends it. While none comes, on_text is called with nothing every 50 ms. Where it returns false, the request is
/// cancelled. Returns how many tokens came. Errors: the engine's.
Result<GeneratedTokens> GenerateText(Engine& engine, EngineRequest request,
                                     const std::function<bool(std::string_view)>& on_text);

}  // namespace strata
