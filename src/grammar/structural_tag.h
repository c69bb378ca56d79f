// Formats into networks.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "grammar/format.h"
#include "grammar/network.h"
#include "grammar/special_tokens.h"

namespace strata::grammar {

/// `sources` receives what the network's nodes need to live. Errors are those of the parts, with the path of the part.
Result<NodeId> CompileFormat(Network& network, const Format& format, const SpecialTokens& special,
                             std::vector<std::unique_ptr<NodeSource>>& sources);

}  // namespace strata::grammar
