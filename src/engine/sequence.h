// A request on its way through the engine. Owned by the engine thread once it was submitted.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/engine.h"
#include "engine/sampler.h"

namespace strata {

struct Sequence {
  RequestId id = 0;
  EngineRequest request;
  std::vector<TokenId> tokens;  ///< prompt, then output
  std::int64_t computed = 0;    ///< tokens whose KV is in the cache
  std::int64_t charged = 0;     ///< tokens that its tenant was charged for: none twice, whatever is computed again
  std::int64_t prompt = 0;
  std::vector<std::int32_t> blocks;
  std::unique_ptr<Sampler> sampler;
  EngineObserver::RequestTimes times{};
  std::vector<TokenLogprobs> prompt_logprobs;

  std::int64_t length() const { return static_cast<std::int64_t>(tokens.size()); }
  std::int64_t outputs() const { return length() - prompt; }
  bool finished() const { return request.on_event == nullptr; }
  bool WantsPromptLogprobs() const { return request.sampling.prompt_logprobs && outputs() == 0; }
  /// The likeliest token is all that its next sample needs: no logits are written for it.
  bool TakesArgmax() const {
    return sampler->TakesArgmax() && !request.sampling.logprobs && !WantsPromptLogprobs() &&
           outputs() >= request.sampling.min_tokens;
  }
};

}  // namespace strata
