// Responses of several answers: what the server does by itself between two answers of the model, such as running the
// tools that it has called.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include <boost/asio/awaitable.hpp>

#include "serve/api_error.h"
#include "serve/request.h"

namespace strata::serve {

class Rounds {
 public:
  enum class Step : std::uint8_t {
    kTold,      ///< something has happened, and there is more to do; what is in `out` may go to the client
    kGenerate,  ///< it is the model's turn; `request` says with what
    kEnd,       ///< the response is complete
  };

  virtual ~Rounds() = default;

  /// Called before the first answer and after each, until it says kGenerate or kEnd; the response's writer knows the
  /// answer then, and request.max_tokens is what the answers so far have left of it. Appends events of a stream to
  /// `out`. An error ends the response.
  virtual boost::asio::awaitable<std::expected<Step, ApiError>> Next(GenerateRequest& request, std::string& out) = 0;

  /// On the executor of Next: nobody waits for the response any more. What runs is to end soon.
  virtual void Interrupt() = 0;
};

}  // namespace strata::serve
