// Answers out of bases, told in the words of a protocol: whole, or statement by statement as they are checked.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "knowledge/answer/answerer.h"
#include "serve/api_error.h"
#include "serve/exchange.h"
#include "serve/knowledge/base_set.h"
#include "serve/knowledge/query.h"
#include "serve/response.h"
#include "serve/state.h"

namespace strata::serve::knowledge {

struct Answered {
  strata::knowledge::Answer answer;
  Usage usage;  ///< of all that the model wrote for it, rewritten queries too
};

/// How a protocol tells an answer; what a stream has to say is appended to `out`. Used by one thread at a time.
class Teller {
 public:
  virtual ~Teller() = default;
  virtual void Sources(const std::vector<strata::knowledge::Source>& sources, std::string& out) = 0;
  virtual void Says(const strata::knowledge::Statement& statement, std::string_view text, std::string& out) = 0;
  virtual void End(const Answered& answered, std::string& out) = 0;
  virtual void Fail(const ApiError& error, std::string& out) = 0;
  /// The body of a response that is no stream.
  virtual std::string Whole(const Answered& answered) = 0;
};

/// Of /v1/knowledge/bases/NAME/answer.
std::unique_ptr<Teller> MakeTeller();

/// Blocks: not for I/O's threads. Errors: those of BaseSet::Open and Answerer::Ask; kUnsupported where the server has
/// no model that answers.
Result<Answered> AskBase(BaseSet& bases, const LoadedModels& models, const Query& query);

/// Asks, on the service's threads, and responds. What is refused before anything is told is a response with its status.
boost::asio::awaitable<void> TellAnswer(ServerState& state, std::shared_ptr<const LoadedModels> models, Query query,
                                        std::unique_ptr<Teller> teller, Exchange& exchange);

}  // namespace strata::serve::knowledge
