#include "serve/metrics.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <vector>

#include <fmt/format.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include "serve/process_metrics.h"

namespace strata::serve {
namespace {

using Bounds = prometheus::Histogram::BucketBoundaries;

// vllm/v1/metrics/loggers.py has these three lists and the rule of the fourth.
const Bounds kFirstToken = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5,  .75,
                            1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640, 2560};
const Bounds kPerToken = {.01, .025, .05, .075, .1, .15, .2, .3, .4, .5, .75, 1, 2.5, 5, 7.5, 10, 20, 40, 80};
const Bounds kLatency = {.3, .5, .8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680};
const Bounds kStepTokens = {1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
const Bounds kChoices = {1, 2, 5, 10, 20};
const Bounds kHttpSeconds = {.1, .5, 1};

/// 1, 2, 5, 10, ... up to `limit`.
Bounds CountBounds(std::int64_t limit) {
  Bounds bounds;
  for (std::int64_t decade = 1; decade <= limit; decade *= 10) {
    for (const std::int64_t step : {1, 2, 5}) {
      if (step * decade <= limit) bounds.push_back(static_cast<double>(step * decade));
    }
  }
  return bounds;
}

constexpr std::array<std::string_view, 9> kMethods = {"GET",   "HEAD",    "POST",    "PUT",  "DELETE",
                                                      "PATCH", "OPTIONS", "CONNECT", "TRACE"};

}  // namespace

struct Metrics::Http {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& requests =
      prometheus::BuildCounter().Name("http_requests_total").Help("HTTP requests").Register(registry);
  prometheus::Family<prometheus::Histogram>& seconds = prometheus::BuildHistogram()
                                                           .Name("http_request_duration_seconds")
                                                           .Help("Time from a request to the end of its response")
                                                           .Register(registry);
};

struct Metrics::Model {
  Model(const std::string& model_name, const std::shared_ptr<Engine>& engine_in, std::int64_t max_context)
      : labels{{"model_name", model_name}, {"engine", "0"}},
        engine(engine_in),
        success(prometheus::BuildCounter()
                    .Name("vllm:request_success_total")
                    .Help("Choices that ended, by reason")
                    .Labels(labels)
                    .Register(registry)),
        max_generation(AddHistogram("request_max_num_generation_tokens", "Largest answer asked for, tokens",
                                    CountBounds(max_context))),
        params_max_tokens(
            AddHistogram("request_params_max_tokens", "max_tokens of requests", CountBounds(max_context))),
        prompt_tokens(AddHistogram("request_prompt_tokens", "Tokens of prompts", CountBounds(max_context))),
        generation_tokens(AddHistogram("request_generation_tokens", "Tokens of answers", CountBounds(max_context))) {
    for (const char* reason : {"stop", "length", "abort", "error"}) success.Add({{"finished_reason", reason}});
  }

  prometheus::Histogram& AddHistogram(const std::string& name, const std::string& help, const Bounds& bounds) {
    return prometheus::BuildHistogram()
        .Name("vllm:" + name)
        .Help(help)
        .Labels(labels)
        .Register(registry)
        .Add({}, bounds);
  }

  const prometheus::Labels labels;
  const std::weak_ptr<Engine> engine;  ///< the engine holds its observer: no circle
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& success;
  prometheus::Counter& cache_queries = prometheus::BuildCounter()
                                           .Name("vllm:prefix_cache_queries_total")
                                           .Help("Prompt tokens looked up in the prefix cache")
                                           .Labels(labels)
                                           .Register(registry)
                                           .Add({});
  prometheus::Counter& cache_hits = prometheus::BuildCounter()
                                        .Name("vllm:prefix_cache_hits_total")
                                        .Help("Prompt tokens found in the prefix cache")
                                        .Labels(labels)
                                        .Register(registry)
                                        .Add({});
  prometheus::Counter& AddCounter(const std::string& name, const std::string& help) {
    return prometheus::BuildCounter().Name(name).Help(help).Labels(labels).Register(registry).Add({});
  }
  prometheus::Counter& selections = AddCounter("strata:tool_selections_total", "Requests with more tools than fit");
  prometheus::Counter& tools_offered = AddCounter("strata:tools_offered_total", "Tools of those requests");
  prometheus::Counter& tools_carried = AddCounter("strata:tools_carried_total", "Tools that their prompts carried");
  prometheus::Histogram& step_tokens = AddHistogram("iteration_tokens_total", "Tokens of an engine step", kStepTokens);
  prometheus::Histogram& params_n = AddHistogram("request_params_n", "n of requests", kChoices);
  prometheus::Histogram& max_generation;
  prometheus::Histogram& params_max_tokens;
  prometheus::Histogram& prompt_tokens;
  prometheus::Histogram& generation_tokens;
  prometheus::Histogram& first_token =
      AddHistogram("time_to_first_token_seconds", "From a request's arrival to its first token", kFirstToken);
  prometheus::Histogram& inter_token =
      AddHistogram("inter_token_latency_seconds", "From one token to the next", kPerToken);
  prometheus::Histogram& per_output_token =
      AddHistogram("time_per_output_token_seconds", "inter_token_latency_seconds by its older name", kPerToken);
  prometheus::Histogram& mean_per_output_token = AddHistogram(
      "request_time_per_output_token_seconds", "Mean time of an answer's tokens after the first", kPerToken);
  prometheus::Histogram& end_to_end =
      AddHistogram("e2e_request_latency_seconds", "From a request's arrival to its end", kLatency);
  prometheus::Histogram& queue = AddHistogram("request_queue_time_seconds", "From queued to scheduled", kLatency);
  prometheus::Histogram& prefill =
      AddHistogram("request_prefill_time_seconds", "From scheduled to the first token", kLatency);
  prometheus::Histogram& decode =
      AddHistogram("request_decode_time_seconds", "From the first token to the last", kLatency);
  prometheus::Histogram& inference =
      AddHistogram("request_inference_time_seconds", "From scheduled to the last token", kLatency);

  /// What is read from the engine when somebody asks.
  std::vector<prometheus::MetricFamily> EngineFigures() const {
    const std::shared_ptr<Engine> alive = engine.lock();
    if (!alive) return {};
    const EngineStats stats = alive->stats();
    std::vector<prometheus::MetricFamily> families;
    const auto add = [&](const std::string& name, const char* help, double value, prometheus::MetricType type,
                         const prometheus::Labels& more = {}) {
      prometheus::ClientMetric metric;
      for (const prometheus::Labels& some : {labels, more}) {
        for (const auto& [key, text] : some) metric.label.push_back({key, text});
      }
      (type == prometheus::MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
      families.push_back({"vllm:" + name, help, type, {std::move(metric)}});
    };
    const auto gauge = prometheus::MetricType::Gauge, counter = prometheus::MetricType::Counter;
    const auto number = [](std::int64_t value) { return static_cast<double>(value); };
    add("num_requests_running", "Sequences in the running batch", number(stats.running), gauge);
    add("num_requests_waiting", "Sequences that wait to be scheduled", number(stats.waiting), gauge);
    add("kv_cache_usage_perc", "Share of the KV blocks in use, 0 to 1",
        stats.kv_blocks > 0 ? number(stats.kv_blocks_used) / number(stats.kv_blocks) : 0, gauge);
    add("num_preemptions_total", "Sequences that had to give up their KV blocks", number(stats.preemptions), counter);
    add("spec_decode_num_draft_tokens_total", "Tokens proposed by speculation and verified", number(stats.draft_tokens),
        counter);
    add("spec_decode_num_accepted_tokens_total", "Those of them that were right", number(stats.accepted_tokens),
        counter);
    add("prompt_tokens_total", "Prompt tokens computed", number(stats.prompt_tokens), counter);
    add("generation_tokens_total", "Tokens generated", number(stats.generated_tokens), counter);
    add("cache_config_info", "The KV cache: its labels are the information", 1, gauge,
        {{"block_size", std::to_string(stats.kv_block_tokens)}, {"num_gpu_blocks", std::to_string(stats.kv_blocks)}});
    return families;
  }
};

/// Of all pooling models, by their names.
struct Metrics::Pooling {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& AddCounters(const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
  }
  prometheus::Family<prometheus::Counter>& requests =
      AddCounters("strata:pooling_requests_total", "Requests for embeddings or scores that were answered");
  prometheus::Family<prometheus::Counter>& texts = AddCounters("strata:pooling_texts_total", "Texts of those requests");
  prometheus::Family<prometheus::Counter>& tokens =
      AddCounters("strata:pooling_tokens_total", "Tokens of those requests");
  prometheus::Family<prometheus::Histogram>& seconds = prometheus::BuildHistogram()
                                                           .Name("strata:pooling_request_seconds")
                                                           .Help("From such a request's arrival to its answer")
                                                           .Register(registry);
  prometheus::Family<prometheus::Gauge>& waiting = prometheus::BuildGauge()
                                                       .Name("strata:pooling_texts_waiting")
                                                       .Help("Texts that are not computed yet")
                                                       .Register(registry);
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<PoolingEngine>> engines;

  std::vector<prometheus::MetricFamily> Collect() {
    {
      const std::lock_guard lock(mutex);
      for (const auto& [name, engine] : engines) {
        const auto alive = engine.lock();
        waiting.Add({{"model_name", name}}).Set(alive ? static_cast<double>(alive->stats().inputs_waiting) : 0);
      }
    }
    return registry.Collect();
  }
};

Metrics::Metrics(std::string model_name)
    : model_name_(std::move(model_name)), http_(std::make_unique<Http>()), pooling_(std::make_unique<Pooling>()) {}
Metrics::~Metrics() = default;

void Metrics::SetModel(const std::shared_ptr<Engine>& engine, std::int64_t max_context) {
  model_storage_ = std::make_unique<Model>(model_name_, engine, max_context);
  model_ = model_storage_.get();
}

void Metrics::AddPooling(const std::string& model_name, const std::shared_ptr<PoolingEngine>& engine) {
  const std::lock_guard lock(pooling_->mutex);
  pooling_->engines[model_name] = engine;
}

void Metrics::OnPooled(const std::string& model_name, std::int64_t texts, std::int64_t tokens, double seconds) {
  const prometheus::Labels labels = {{"model_name", model_name}};
  pooling_->requests.Add(labels).Increment();
  pooling_->texts.Add(labels).Increment(static_cast<double>(texts));
  pooling_->tokens.Add(labels).Increment(static_cast<double>(tokens));
  pooling_->seconds.Add(labels, kFirstToken).Observe(seconds);
}

void Metrics::OnStep(const StepWork& work, double /*seconds*/) {
  if (Model* model = model_) model->step_tokens.Observe(static_cast<double>(work.rows));
}

void Metrics::OnFinished(const RequestTimes& times) {
  Model* model = model_;
  if (model == nullptr || times.scheduled == 0) return;
  model->queue.Observe(times.scheduled - times.queued);
  if (times.first_token == 0) return;
  model->prefill.Observe(times.first_token - times.scheduled);
  model->decode.Observe(times.finished - times.first_token);
  model->inference.Observe(times.finished - times.scheduled);
}

void Metrics::OnHttp(std::string_view handler, std::string_view method, int status, double seconds) {
  const bool known = std::ranges::find(kMethods, method) != kMethods.end();
  const prometheus::Labels labels = {{"handler", std::string(handler)},
                                     {"method", known ? std::string(method) : "OTHER"}};
  prometheus::Labels with_status = labels;
  with_status["status"] = fmt::format("{}xx", status / 100);
  http_->requests.Add(with_status).Increment();
  http_->seconds.Add(labels, kHttpSeconds).Observe(seconds);
}

void Metrics::OnAccepted(int n, std::int64_t max_tokens) {
  Model* model = model_;
  if (model == nullptr) return;
  model->params_n.Observe(n);
  model->params_max_tokens.Observe(static_cast<double>(max_tokens));
  model->max_generation.Observe(static_cast<double>(max_tokens));
}

void Metrics::OnToolSelection(std::int64_t offered, std::int64_t carried) {
  Model* model = model_;
  if (model == nullptr) return;
  model->selections.Increment();
  model->tools_offered.Increment(static_cast<double>(offered));
  model->tools_carried.Increment(static_cast<double>(carried));
}

void Metrics::OnFirstToken(double seconds) {
  if (Model* model = model_) model->first_token.Observe(seconds);
}

void Metrics::OnNextToken(double seconds) {
  Model* model = model_;
  if (model == nullptr) return;
  model->inter_token.Observe(seconds);
  model->per_output_token.Observe(seconds);
}

void Metrics::OnPrompt(std::int64_t tokens, std::int64_t cached) {
  Model* model = model_;
  if (model == nullptr) return;
  model->cache_queries.Increment(static_cast<double>(tokens));
  model->cache_hits.Increment(static_cast<double>(cached));
}

void Metrics::OnChoiceEnd(const Choice& choice) {
  Model* model = model_;
  if (model == nullptr) return;
  model->success.Add({{"finished_reason", std::string(choice.reason)}}).Increment();
  model->end_to_end.Observe(choice.seconds);
  model->prompt_tokens.Observe(static_cast<double>(choice.prompt_tokens));
  model->generation_tokens.Observe(static_cast<double>(choice.output_tokens));
  if (choice.output_tokens > 1) {
    model->mean_per_output_token.Observe((choice.seconds - choice.first_token_seconds) /
                                         static_cast<double>(choice.output_tokens - 1));
  }
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families = ProcessMetrics();
  const auto append = [&](std::vector<prometheus::MetricFamily> more) {
    families.insert(families.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  };
  append(http_->registry.Collect());
  append(pooling_->Collect());
  if (const Model* model = model_) {
    append(model->EngineFigures());
    append(model->registry.Collect());
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace strata::serve
