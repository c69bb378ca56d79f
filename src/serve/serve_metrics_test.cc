// The text of /metrics: names, labels and bounds that vLLM's dashboards ask for.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "serve/metrics.h"
#include "serve/test_model.h"

namespace strata::serve {
namespace {

using testing::HasSubstr;
using testing::Not;

struct WithModel {
  std::shared_ptr<Metrics> metrics = std::make_shared<Metrics>("tiny");
  std::shared_ptr<ServedModel> model;
  WithModel() {
    auto made = MakeTestModel({}, metrics);
    EXPECT_TRUE(made);
    model = std::move(*made);
    metrics->SetModel(model->engine, 256);
  }
};

constexpr const char* kLabels = "engine=\"0\",model_name=\"tiny\"";

TEST(Metrics, TellOfTheProcessBeforeThereIsAModel) {
  const Metrics metrics("tiny");
  const std::string text = metrics.Text();
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes", "process_virtual_memory_bytes",
                           "process_start_time_seconds", "process_open_fds", "process_max_fds"}) {
    EXPECT_THAT(text, HasSubstr(std::string("\n") + name + " ")) << name;
  }
  EXPECT_THAT(text, Not(HasSubstr("vllm:")));
}

TEST(Metrics, EveryNameIsThereFromTheStart) {
  const WithModel w;
  const std::string text = w.metrics->Text();
  for (const char* name :
       {"num_requests_running", "num_requests_waiting", "kv_cache_usage_perc", "prefix_cache_queries_total",
        "prefix_cache_hits_total", "spec_decode_num_draft_tokens_total", "spec_decode_num_accepted_tokens_total",
        "num_preemptions_total", "prompt_tokens_total", "generation_tokens_total"}) {
    EXPECT_THAT(text, HasSubstr(fmt::format("\nvllm:{}{{{}}} 0\n", name, kLabels))) << name;
  }
  for (const char* name :
       {"request_prompt_tokens", "request_generation_tokens", "iteration_tokens_total",
        "request_max_num_generation_tokens", "request_params_n", "request_params_max_tokens",
        "time_to_first_token_seconds", "inter_token_latency_seconds", "time_per_output_token_seconds",
        "request_time_per_output_token_seconds", "e2e_request_latency_seconds", "request_queue_time_seconds",
        "request_inference_time_seconds", "request_prefill_time_seconds", "request_decode_time_seconds"}) {
    EXPECT_THAT(text, HasSubstr(fmt::format("# TYPE vllm:{} histogram\n", name))) << name;
    EXPECT_THAT(text, HasSubstr(fmt::format("\nvllm:{}_count{{{}}} 0\n", name, kLabels))) << name;
  }
  for (const char* reason : {"stop", "length", "abort", "error"}) {
    EXPECT_THAT(text,
                HasSubstr(fmt::format("vllm:request_success_total{{{},finished_reason=\"{}\"}} 0\n", kLabels, reason)));
  }
  EXPECT_THAT(text, HasSubstr("vllm:cache_config_info{engine=\"0\",model_name=\"tiny\",block_size=\"16\""));
}

/// The bounds of a histogram, as the text has them.
std::string Bounds(const std::string& text, const std::string& name) {
  std::string bounds;
  const std::string start = "vllm:" + name + "_bucket{";
  for (std::size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
    const std::size_t begin = text.find("le=\"", at) + 4;
    bounds += text.substr(begin, text.find('"', begin) - begin) + " ";
  }
  return bounds;
}

TEST(Metrics, BucketsAreVllms) {
  const WithModel w;
  const std::string text = w.metrics->Text();
  EXPECT_EQ(Bounds(text, "time_to_first_token_seconds"),
            "0.001 0.005 0.01 0.02 0.04 0.06 0.08 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10 20 40 80 160 640 2560 +Inf ");
  EXPECT_EQ(Bounds(text, "inter_token_latency_seconds"),
            "0.01 0.025 0.05 0.075 0.1 0.15 0.2 0.3 0.4 0.5 0.75 1 2.5 5 7.5 10 20 40 80 +Inf ");
  EXPECT_EQ(Bounds(text, "e2e_request_latency_seconds"),
            "0.3 0.5 0.8 1 1.5 2 2.5 5 10 15 20 30 40 50 60 120 240 480 960 1920 7680 +Inf ");
  EXPECT_EQ(Bounds(text, "request_prompt_tokens"), "1 2 5 10 20 50 100 200 +Inf ");
  EXPECT_EQ(Bounds(text, "iteration_tokens_total"), "1 8 16 32 64 128 256 512 1024 2048 4096 8192 16384 +Inf ");
}

TEST(Metrics, CountWhatHappens) {
  const WithModel w;
  w.metrics->OnAccepted(2, 50);
  w.metrics->OnPrompt(10, 4);
  w.metrics->OnFirstToken(0.03);
  w.metrics->OnNextToken(0.02);
  w.metrics->OnStep({.rows = 9}, 0.01);
  w.metrics->OnChoiceEnd(
      {.reason = "stop", .seconds = 0.5, .first_token_seconds = 0.1, .prompt_tokens = 10, .output_tokens = 5});
  w.metrics->OnFinished({.queued = 1,
                         .scheduled = 2,
                         .first_token = 4,
                         .finished = 8,
                         .prompt_tokens = 10,
                         .output_tokens = 5,
                         .reason = FinishReason::kStop});
  w.metrics->OnFinished({.queued = 1,
                         .scheduled = 0,
                         .first_token = 0,
                         .finished = 2,
                         .prompt_tokens = 10,
                         .output_tokens = 0,
                         .reason = FinishReason::kCancelled});  // never ran: no times
  const std::string text = w.metrics->Text();
  const auto has = [&](const std::string& name, const std::string& value) {
    EXPECT_THAT(text, HasSubstr(fmt::format("vllm:{}{{{}}} {}\n", name, kLabels, value)));
  };
  has("request_params_n_sum", "2");
  has("request_params_max_tokens_sum", "50");
  has("prefix_cache_queries_total", "10");
  has("prefix_cache_hits_total", "4");
  has("time_to_first_token_seconds_count", "1");
  has("inter_token_latency_seconds_sum", "0.02");
  has("iteration_tokens_total_sum", "9");
  has("request_generation_tokens_sum", "5");
  has("request_time_per_output_token_seconds_sum", "0.1");
  has("request_queue_time_seconds_sum", "1");
  has("request_prefill_time_seconds_sum", "2");
  has("request_decode_time_seconds_sum", "4");
  has("request_inference_time_seconds_sum", "6");
  EXPECT_THAT(text, HasSubstr("finished_reason=\"stop\"} 1\n"));
}

TEST(Metrics, HttpLabelsAreBounded) {
  Metrics metrics("tiny");
  metrics.OnHttp("/health", "GET", 200, 0.2);
  metrics.OnHttp("/health", "GET", 503, 0.2);
  metrics.OnHttp("none", "BREW", 404, 0);
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("http_requests_total{handler=\"/health\",method=\"GET\",status=\"2xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("http_requests_total{handler=\"/health\",method=\"GET\",status=\"5xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("http_requests_total{handler=\"none\",method=\"OTHER\",status=\"4xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("http_request_duration_seconds_count{handler=\"/health\",method=\"GET\"} 2\n"));
}

TEST(Metrics, AnEngineThatIsGoneLeavesItsFiguresOut) {
  WithModel w;
  w.model.reset();
  EXPECT_THAT(w.metrics->Text(), Not(HasSubstr("num_requests_running")));
}

}  // namespace
}  // namespace strata::serve
