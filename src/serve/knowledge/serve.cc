#include "serve/knowledge/serve.h"

#include <atomic>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "serve/knowledge/answering.h"
#include "serve/knowledge/documents.h"
#include "serve/knowledge/evaluating.h"
#include "serve/knowledge/json.h"
#include "serve/knowledge/principal.h"
#include "serve/knowledge/query.h"
#include "serve/knowledge/searching.h"
#include "serve/knowledge/service.h"
#include "serve/mailbox.h"
#include "serve/request.h"
#include "serve/response_json.h"

namespace strata::serve::knowledge {
namespace {

namespace asio = boost::asio;

Answer Guarded(const std::function<Answer()>& work) {
  try {
    return work();
  } catch (const std::exception& error) {  // the border: memory, most of all
    LogError("a request about a knowledge base failed: {}", error.what());
    return std::unexpected(ServerFault());
  }
}

struct Work {
  Service::Kind kind = Service::Kind::kShort;
  std::function<Answer()> run;
};

/// Of routes that are answered whole. Called on the connection's thread; what it gives is for the service's. `gone`:
/// nobody waits for the answer any more.
std::expected<Work, ApiError> WorkFor(Service& service, std::shared_ptr<const LoadedModels> models, const Asker& asker,
                                      const RouteMatch& match, HttpRequest http,
                                      const std::shared_ptr<std::atomic<bool>>& gone) {
  if (match.route != Route::kKnowledgeSearch && match.route != Route::kKnowledgeEvaluate &&
      match.route != Route::kKnowledgeQuestions) {
    const auto request = std::make_shared<const HttpRequest>(std::move(http));
    return Work{.run = [&service, asker, match, request] {
      return AnswerDocuments(service.bases(), asker.principal, match, *request);
    }};
  }
  const Result<Json> fields = ParseJsonObject(http.body);
  if (!fields) return std::unexpected(ToApiError(fields.error()));
  const auto wanted = [&service, gone] { return !*gone && !service.stopping(); };
  if (match.route == Route::kKnowledgeEvaluate) {
    auto request = ReadEvaluation(*fields, asker, match.arguments[0]);
    if (!request) return std::unexpected(std::move(request.error()));
    return Work{.kind = Service::Kind::kWriting,
                .run = [&service, models = std::move(models), request = std::move(*request), wanted] {
                  return EvaluateBase(service.bases(), *models, request, wanted);
                }};
  }
  if (match.route == Route::kKnowledgeQuestions) {
    auto request = ReadQuestionsRequest(*fields, asker, match.arguments[0]);
    if (!request) return std::unexpected(std::move(request.error()));
    return Work{.kind = Service::Kind::kWriting,
                .run = [&service, models = std::move(models), request = std::move(*request), wanted] {
                  return WriteQuestions(service.bases(), *models, request, wanted);
                }};
  }
  auto query = ReadSearchQuery(*fields, asker, match.arguments[0]);
  if (!query) return std::unexpected(std::move(query.error()));
  const Service::Kind kind = KindOf(*query);
  return Work{.kind = kind, .run = [&service, models = std::move(models), query = std::move(*query)]() -> Answer {
                const auto found = SearchBase(service.bases(), *models, query);
                if (!found) return std::unexpected(ToApiError(found.error()));
                return HttpResponse{.body = Dump(SearchJson(query.base, *found)), .headers = {}};
              }};
}

asio::awaitable<void> ServeAnswer(ServerState& state, std::shared_ptr<const LoadedModels> models, const Asker& asker,
                                  const std::string& base, const std::string& body, Exchange& exchange) {
  const Result<Json> fields = ParseJsonObject(body);
  if (!fields) {
    co_await exchange.Refuse(ToApiError(fields.error()));
    co_return;
  }
  auto query = ReadAnswerQuery(*fields, asker, base);
  if (!query) {
    co_await exchange.Refuse(query.error());
    co_return;
  }
  co_await TellAnswer(state, std::move(models), std::move(*query), MakeTeller(), exchange);
}

}  // namespace

ApiError Overloaded() {
  return {.status = 429,
          .message = "Too many requests wait for knowledge bases.",
          .type = "rate_limit_error",
          .code = "overloaded",
          .retry_after_seconds = 1};
}

ApiError ServerFault() {
  return {.status = 500,
          .message = "The server failed to answer this request.",
          .type = "server_error",
          .code = "internal_error"};
}

asio::awaitable<std::optional<Answer>> RunOnService(Service& service, Service::Kind kind, Exchange& exchange,
                                                    std::function<Answer()> work) {
  const auto mailbox = std::make_shared<Mailbox<Answer>>(exchange.executor());
  const bool taken =
      service.Post(kind, [work = std::move(work), send = mailbox->Sender()]() mutable { send(Guarded(work)); });
  if (!taken) co_return std::unexpected(Overloaded());
  // The client may also go while the answer is written, when there is no mailbox any more.
  exchange.OnClientGone([waiting = std::weak_ptr(mailbox)] {
    if (const auto still = waiting.lock()) still->Interrupt();
  });
  std::vector<Answer> answers = co_await mailbox->Take();
  if (answers.empty()) co_return std::nullopt;
  co_return std::move(answers.front());
}

asio::awaitable<void> Serve(ServerState& state, const RouteMatch& match, HttpRequest http, Exchange& exchange) {
  auto models = state.Loaded();
  if (!models) {
    co_await exchange.Refuse(models.error());
    co_return;
  }
  const std::int32_t tenant = TenantOf(state.options, http.authorization).value_or(0);
  const Asker asker{.principal = PrincipalOf(state.options, tenant), .tenant = tenant};
  if (match.route == Route::kKnowledgeAnswer) {
    co_await ServeAnswer(state, std::move(*models), asker, match.arguments[0], http.body, exchange);
    co_return;
  }
  const auto gone = std::make_shared<std::atomic<bool>>(false);
  auto work = WorkFor(*state.knowledge, std::move(*models), asker, match, std::move(http), gone);
  if (!work) {
    co_await exchange.Refuse(work.error());
    co_return;
  }
  std::optional<Answer> answer = co_await RunOnService(*state.knowledge, work->kind, exchange, std::move(work->run));
  if (!answer) {
    *gone = true;
    co_return;
  }
  if (*answer) {
    co_await exchange.Respond(std::move(**answer));
  } else {
    co_await exchange.Refuse(answer->error());
  }
}

}  // namespace strata::serve::knowledge
