// What /metrics tells: vLLM's names, labels (model_name, engine) and bucket bounds, so that dashboards and load
// generators made for vLLM read it (https://docs.vllm.ai/en/latest/design/metrics.html); the HTTP figures of
// prometheus-fastapi-instrumentator; and the process_* figures of every Prometheus client.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "engine/engine.h"
#include "engine/pooling_engine.h"

namespace strata::serve {

/// Thread-safe. Times are seconds.
class Metrics : public EngineObserver {
 public:
  explicit Metrics(std::string model_name);
  ~Metrics() override;

  /// From now on the figures of the engine are there. Once only.
  void SetModel(const std::shared_ptr<Engine>& engine, std::int64_t max_context);

  /// So of a pooling model. Before the server is ready.
  void AddPooling(const std::string& model_name, const std::shared_ptr<PoolingEngine>& engine);

  void OnStep(const StepWork& work, double seconds) override;
  void OnFinished(const RequestTimes& times) override;

  /// One HTTP exchange. `handler` is a route's pattern: paths that clients make up must not become labels.
  void OnHttp(std::string_view handler, std::string_view method, int status, double seconds);

  /// One API request that was accepted: its n and max_tokens.
  void OnAccepted(int n, std::int64_t max_tokens);
  /// One request whose prompt does not carry all of its tools.
  void OnToolSelection(std::int64_t offered, std::int64_t carried);
  /// The first token of a choice, since the request had arrived.
  void OnFirstToken(double seconds);
  /// The time from one token of a choice to its next.
  void OnNextToken(double seconds);
  /// The first event of a prompt: how much of it came from the prefix cache.
  void OnPrompt(std::int64_t tokens, std::int64_t cached);
  /// The end of a choice. `reason` is "stop", "length", "abort" or "error".
  struct Choice {
    std::string_view reason;
    double seconds = 0;              ///< since the request had arrived
    double first_token_seconds = 0;  ///< the same; 0 = there was none
    std::int64_t prompt_tokens = 0, output_tokens = 0;
  };
  void OnChoiceEnd(const Choice& choice);

  /// A request that a pooling model answered: its texts, their tokens, the time since it had arrived.
  void OnPooled(const std::string& model_name, std::int64_t texts, std::int64_t tokens, double seconds);

  /// The text format 0.0.4 of Prometheus.
  std::string Text() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct Http;
  struct Model;
  struct Pooling;
  const std::string model_name_;
  const std::unique_ptr<Http> http_;
  const std::unique_ptr<Pooling> pooling_;
  std::unique_ptr<Model> model_storage_;
  std::atomic<Model*> model_ = nullptr;  ///< null until SetModel
};

}  // namespace strata::serve
