// The load side of `strata bench --http`: clients that stream completions from a server in this process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace strata::cli {

struct HttpLoad {
  double tokens_per_second = 0;
  std::vector<double> first_token_ms;  ///< one a client: from connecting to the first event
  std::vector<double> between_ms;      ///< gaps between the events of a stream, of all clients
};

/// What client number `client` asks to be continued: some ten tokens, not the same as another's.
std::string HttpPrompt(std::int64_t client);

/// `clients` threads each stream one greedy completion of `tokens` tokens from 127.0.0.1:`port`.
/// Errors: kIo when a client cannot connect or the server answers anything but 200; the first one is returned.
Result<HttpLoad> MeasureHttp(std::uint16_t port, const std::string& model, std::int64_t clients, std::int64_t tokens);

}  // namespace strata::cli
