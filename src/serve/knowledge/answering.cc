#include "serve/knowledge/answering.h"

#include <atomic>
#include <exception>
#include <optional>
#include <utility>

#include "base/log.h"
#include "knowledge/lexical/analyser.h"
#include "serve/knowledge/json.h"
#include "serve/knowledge/searching.h"
#include "serve/knowledge/serve.h"
#include "serve/knowledge/service.h"
#include "serve/mailbox.h"
#include "serve/response_json.h"
#include "serve/sse.h"

namespace strata::serve::knowledge {
namespace {

namespace asio = boost::asio;
using strata::knowledge::Source;
using strata::knowledge::Statement;

class PlainTeller final : public Teller {
 public:
  void Sources(const std::vector<Source>& sources, std::string& out) override {
    Event("knowledge.answer.sources", {{"sources", SourcesJson(sources)}}, out);
  }
  void Says(const Statement& statement, std::string_view text, std::string& out) override {
    Event("knowledge.answer.statement", {{"delta", text}, {"statement", StatementJson(statement)}}, out);
  }
  void End(const Answered& answered, std::string& out) override {
    Event("knowledge.answer.completed", {{"answer", ToJson(answered)}}, out);
  }
  void Fail(const ApiError& error, std::string& out) override { Event("error", Json::parse(ErrorJson(error)), out); }
  std::string Whole(const Answered& answered) override { return Dump(ToJson(answered)); }

 private:
  static Json ToJson(const Answered& answered) {
    Json json = AnswerJson(answered.answer);
    json["usage"] = UsageJson(answered.usage);
    return json;
  }
  static void Event(const std::string& type, const Json& members, std::string& out) {
    Json event = {{"type", type}};
    event.update(members);
    out += SseEvent(type, Dump(event));
  }
};

/// From a thread of the service to the connection.
struct Piece {
  std::string text = {};  ///< of the stream; the last of a response that is none: its body
  bool last = false;
  std::optional<ApiError> refused = {};  ///< with the last
};

/// What both ends hold.
struct Asking {
  Query query;
  std::shared_ptr<const LoadedModels> models;
  std::unique_ptr<Teller> teller;
  std::atomic<bool> gone = false;  ///< nobody waits for the answer
};

/// `send` gets the pieces, the last of them marked so.
template <class Send>
void Ask(Service& service, Asking& asking, Send& send) {
  Query& query = asking.query;
  const bool stream = query.stream;
  query.ask.on_sources = [&](const std::vector<Source>& sources) {
    Piece piece;
    asking.teller->Sources(sources, piece.text);
    if (stream && !piece.text.empty()) send(std::move(piece));
  };
  query.ask.on_statement = [&](const Statement& statement, std::string_view text) {
    Piece piece;
    asking.teller->Says(statement, text, piece.text);
    if (stream && !piece.text.empty()) send(std::move(piece));
    return true;
  };
  query.ask.wanted = [&] { return !asking.gone && !service.stopping(); };
  const Result<Answered> answer = AskBase(service.bases(), *asking.models, query);
  Piece last{.last = true};
  if (!answer) {
    last.refused = ToApiError(answer.error());
  } else if (stream) {
    asking.teller->End(*answer, last.text);
  } else {
    last.text = asking.teller->Whole(*answer);
  }
  send(std::move(last));
}

template <class Send>
void AskSafely(Service& service, Asking& asking, Send& send) {
  try {
    Ask(service, asking, send);
  } catch (const std::exception& error) {  // the border: memory, most of all
    LogError("an answer out of {} failed: {}", asking.query.base, error.what());
    send(Piece{.last = true, .refused = ServerFault()});
  }
}

/// Sets it when the connection has done with the answer, however that ends.
class GoneAtEnd {
 public:
  explicit GoneAtEnd(std::shared_ptr<Asking> asking) : asking_(std::move(asking)) {}
  ~GoneAtEnd() { asking_->gone = true; }
  GoneAtEnd(const GoneAtEnd&) = delete;
  GoneAtEnd& operator=(const GoneAtEnd&) = delete;

 private:
  std::shared_ptr<Asking> asking_;
};

asio::awaitable<void> Stream(Mailbox<Piece>& mailbox, Teller& teller, Exchange& exchange) {
  bool begun = false;
  for (bool last = false; !last;) {
    std::string out;
    std::vector<Piece> pieces = co_await mailbox.Take();
    if (pieces.empty()) co_return;
    for (Piece& piece : pieces) {
      out += piece.text;
      last = piece.last;
      if (!piece.refused) continue;
      if (!begun && out.empty()) {
        co_await exchange.Refuse(*piece.refused);
        co_return;
      }
      teller.Fail(*piece.refused, out);
    }
    if (!std::exchange(begun, true)) {
      co_await exchange.BeginStream({.content_type = "text/event-stream; charset=utf-8",
                                     .headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}}});
    }
    if (!co_await exchange.Write(out)) co_return;
  }
  co_await exchange.EndStream();
}

}  // namespace

std::unique_ptr<Teller> MakeTeller() { return std::make_unique<PlainTeller>(); }

Result<Answered> AskBase(BaseSet& bases, const LoadedModels& models, const Query& query) {
  STRATA_TRY(const std::shared_ptr<BaseSet::Base> base, bases.Open(query.base));
  Answered answered;
  STRATA_TRY(const AskedModels asked, CountedModels(models, query.tenant, answered.usage));
  if (asked.writer == nullptr) {
    return Fail(ErrorCode::kUnsupported, "the server has no model that chats: it searches, and does not answer");
  }
  STRATA_TRY(const auto analyser, strata::knowledge::Analyser::Create(base->options().language));
  const strata::knowledge::Searcher searcher(SourcesOf(*base), asked.ForSearch());
  STRATA_TRY(answered.answer, strata::knowledge::Answerer(searcher, *asked.writer, analyser).Ask(query.ask));
  return answered;
}

asio::awaitable<void> TellAnswer(ServerState& state, std::shared_ptr<const LoadedModels> models, Query query,
                                 std::unique_ptr<Teller> teller, Exchange& exchange) {
  Mailbox<Piece> mailbox(exchange.executor());
  auto asking = std::make_shared<Asking>();
  asking->query = std::move(query);
  asking->models = std::move(models);
  asking->teller = std::move(teller);
  const GoneAtEnd gone(asking);
  Service& service = *state.knowledge;
  const bool taken = service.Post(Service::Kind::kWriting, [&service, asking, send = mailbox.Sender()]() mutable {
    AskSafely(service, *asking, send);
  });
  if (!taken) {
    co_await exchange.Refuse(Overloaded());
    co_return;
  }
  exchange.OnClientGone([&mailbox, asking] {
    asking->gone = true;
    mailbox.Interrupt();
  });
  if (asking->query.stream) {
    co_await Stream(mailbox, *asking->teller, exchange);
    co_return;
  }
  std::vector<Piece> pieces = co_await mailbox.Take();
  if (pieces.empty()) co_return;
  Piece& last = pieces.back();  // the only one
  if (last.refused) {
    co_await exchange.Refuse(*last.refused);
  } else {
    co_await exchange.Respond({.body = std::move(last.text), .headers = {}});
  }
}

}  // namespace strata::serve::knowledge
