#include "serve/knowledge/serve.h"

#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "serve/knowledge/answering.h"
#include "serve/knowledge/documents.h"
#include "serve/knowledge/principal.h"
#include "serve/knowledge/searching.h"
#include "serve/knowledge/service.h"
#include "serve/mailbox.h"

namespace strata::serve::knowledge {
namespace {

namespace asio = boost::asio;

/// On a thread of the service.
Answer AnswerAtOnce(Service& service, const LoadedModels& models, const Asker& asker, const RouteMatch& match,
                    const HttpRequest& http) {
  try {
    if (match.route == Route::kKnowledgeSearch) {
      return AnswerSearch(service.bases(), models, asker, match.arguments[0], http.body);
    }
    return AnswerDocuments(service.bases(), asker.principal, match, http);
  } catch (const std::exception& error) {  // the border: memory, most of all
    LogError("{} {} failed: {}", http.method, http.path, error.what());
    return std::unexpected(ApiError{.status = 500,
                                    .message = "The server failed to answer this request.",
                                    .type = "server_error",
                                    .code = "internal_error"});
  }
}

}  // namespace

ApiError Overloaded() {
  return {.status = 429,
          .message = "Too many requests wait for knowledge bases.",
          .type = "rate_limit_error",
          .code = "overloaded",
          .retry_after_seconds = 1};
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
    auto asked = ReadAnswerBody(http.body, asker, match.arguments[0]);
    if (!asked) {
      co_await exchange.Refuse(asked.error());
      co_return;
    }
    co_await TellAnswer(state, std::move(*models), std::move(*asked), MakeTeller(), exchange);
    co_return;
  }
  Mailbox<Answer> mailbox(exchange.executor());
  const auto request = std::make_shared<const HttpRequest>(std::move(http));
  Service& service = *state.knowledge;
  const bool taken =
      service.Post([&service, models = *models, asker, match, request, send = mailbox.Sender()]() mutable {
        send(AnswerAtOnce(service, *models, asker, match, *request));
      });
  if (!taken) {
    co_await exchange.Refuse(Overloaded());
    co_return;
  }
  exchange.OnClientGone([&mailbox] { mailbox.Interrupt(); });
  std::vector<Answer> answers = co_await mailbox.Take();
  if (answers.empty()) co_return;
  if (Answer& answer = answers.front(); answer) {
    co_await exchange.Respond(std::move(*answer));
  } else {
    co_await exchange.Refuse(answer.error());
  }
}

}  // namespace strata::serve::knowledge
