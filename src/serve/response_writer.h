// How a protocol says what the choices of a request become: its JSON and the events of its streams.
#pragma once

#include <string>
#include <vector>

#include "serve/api_error.h"
#include "serve/choice.h"
#include "serve/response.h"

namespace strata::serve {

/// One response, of one answer of the engine or of several (serve/rounds.h). Either Answer is called for each of them
/// and Whole at last; or Begin, Delta for everything that the choices say, and at last End or Fail. What these append
/// to `out` are whole server-sent events.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  /// An answer of a response that is not streamed: the sums of the choices' deltas, in order.
  virtual void Answer(std::vector<ChoiceDelta>&& choices) = 0;
  /// The body of such a response.
  virtual std::string Whole(const Usage& usage) = 0;

  /// The request is accepted, and nothing of it is computed yet.
  virtual void Begin(std::string& out) = 0;
  /// `usage` has what is known so far.
  virtual void Delta(ChoiceDelta&& delta, const Usage& usage, std::string& out) = 0;
  /// Every choice has said its last.
  virtual void End(const Usage& usage, std::string& out) = 0;
  /// There is no more: the engine gave up.
  virtual void Fail(const ApiError& error, const Usage& usage, std::string& out) = 0;
};

}  // namespace strata::serve
