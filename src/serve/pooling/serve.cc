#include "serve/pooling/serve.h"

#include <chrono>
#include <utility>

#include "base/clock.h"
#include "serve/mailbox.h"
#include "serve/pooling/call.h"

namespace strata::serve::pooling {
namespace {

namespace asio = boost::asio;

CallOrError MakeCall(const LoadedModels& models, Route route, std::string_view body) {
  switch (route) {
    case Route::kRerank:
      return MakeRerankCall(models, body);
    case Route::kScore:
      return MakeScoreCall(models, body);
    default:
      return MakeEmbeddingCall(models, body);
  }
}

/// Cancelled with whoever waits for it.
class Submission {
 public:
  explicit Submission(std::shared_ptr<PoolingEngine> engine) : engine_(std::move(engine)) {}
  ~Submission() {
    if (running_) engine_->Cancel(id_);
  }
  Submission(const Submission&) = delete;
  Submission& operator=(const Submission&) = delete;

  Status Submit(PoolingRequest request) {
    STRATA_TRY(id_, engine_->Submit(std::move(request)));
    running_ = true;
    return {};
  }
  void MarkEnded() { running_ = false; }

 private:
  const std::shared_ptr<PoolingEngine> engine_;
  RequestId id_ = 0;
  bool running_ = false;
};

}  // namespace

asio::awaitable<void> Serve(ServerState& state, std::shared_ptr<const LoadedModels> models, Route route,
                            const HttpRequest& http, double arrived_seconds, Exchange& exchange) {
  CallOrError call = MakeCall(*models, route, http.body);
  if (!call) {
    co_await exchange.Refuse(call.error());
    co_return;
  }
  const auto texts = static_cast<std::int64_t>(call->inputs.size());
  Mailbox<Result<PooledRows>> answer(exchange.executor());
  Submission submission(call->model->served->engine);
  const Status submitted =
      submission.Submit({.inputs = std::move(call->inputs),
                         .on_done = answer.Sender(),
                         .deadline = std::chrono::steady_clock::now() + state.options.request_timeout,
                         .tenant = TenantOf(state.options, http.authorization).value_or(0)});
  if (!submitted) {
    ApiError error = ToApiError(submitted.error());
    if (error.status == 429) error.retry_after_seconds = 1;
    co_await exchange.Refuse(error);
    co_return;
  }
  exchange.OnClientGone([&answer] { answer.Interrupt(); });
  std::vector<Result<PooledRows>> answers = co_await answer.Take();
  if (answers.empty()) co_return;
  submission.MarkEnded();
  Result<PooledRows>& rows = answers.front();
  if (!rows) {
    co_await exchange.Refuse(ToApiError(rows.error()));
    co_return;
  }
  const std::int64_t tokens = rows->tokens;
  co_await exchange.Respond({.body = call->answer(std::move(*rows)), .headers = {}});
  state.metrics->OnPooled(call->model->name(), texts, tokens, MonotonicSeconds() - arrived_seconds);
}

}  // namespace strata::serve::pooling
