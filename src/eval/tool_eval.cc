#include "eval/tool_eval.h"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace strata::eval {
namespace {

namespace asio = boost::asio;
using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

/// null where the object has no such member.
Json Member(const Json& object, const char* name) { return object.is_object() ? object.value(name, Json()) : Json(); }

std::int64_t Count(const Json& usage, const char* name) {
  const Json count = Member(usage, name);
  return count.is_number_integer() ? count.get<std::int64_t>() : 0;
}

/// The calls of a message; one whose arguments are no object of JSON is none, as in BFCL.
std::vector<Call> CallsOf(const Json& message) {
  std::vector<Call> calls;
  for (const Json& call : Member(message, "tool_calls")) {
    const Json function = Member(call, "function");
    const Json name = Member(function, "name"), text = Member(function, "arguments");
    if (!name.is_string() || !text.is_string()) continue;
    Json arguments = Json::parse(text.get<std::string>(), nullptr, false);
    if (!arguments.is_object()) return {};
    calls.push_back({.name = name, .arguments = std::move(arguments)});
  }
  return calls;
}

class Evaluation {
 public:
  Evaluation(const std::vector<BfclCase>& cases, const EvalOptions& options,
             const std::function<void(const CaseResult&)>& on_result)
      : cases_(cases),
        options_(options),
        on_result_(on_result),
        client_(options.endpoint, options.api_key, options.timeout),
        model_(options.model),
        results_(cases.size()) {}

  Result<std::vector<CaseResult>> Run() {
    if (model_.empty()) {
      Run(FindModel());
      if (failure_) return std::unexpected(*failure_);
    }
    for (int i = 0; i < options_.concurrency; ++i) Spawn(TakeCases());
    Drive();
    return std::move(results_);
  }

 private:
  void Spawn(asio::awaitable<void> work) {
    asio::co_spawn(context_, std::move(work), [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    });
  }
  void Drive() {
    context_.run();
    context_.restart();
  }
  void Run(asio::awaitable<void> work) {
    Spawn(std::move(work));
    Drive();
  }

  asio::awaitable<void> FindModel() {
    Result<Json> list = co_await client_.Send("/models", nullptr);
    if (!list) {
      failure_ = std::move(list).error().Wrap("cannot list the models");
      co_return;
    }
    const Json models = Member(*list, "data");
    const Json id = models.is_array() && !models.empty() ? Member(models[0], "id") : Json();
    if (id.is_string()) {
      model_ = id;
    } else {
      failure_ = Error(ErrorCode::kNotFound, "the server lists no model");
    }
  }

  asio::awaitable<void> TakeCases() {
    while (next_ < cases_.size()) {
      const std::size_t index = next_++;
      results_[index] = co_await Ask(cases_[index]);
      on_result_(results_[index]);
    }
  }

  asio::awaitable<CaseResult> Ask(const BfclCase& test_case) {
    Json body = {{"model", model_},
                 {"messages", test_case.messages},
                 {"temperature", options_.temperature},
                 {"max_tokens", options_.max_tokens}};
    if (!test_case.functions.empty()) {  // irrelevance may offer none
      body["tools"] = ToolsOf(test_case, options_.strict);
      body["tool_choice"] = options_.required ? "required" : "auto";
    }
    if (options_.one_call) body["parallel_tool_calls"] = false;
    CaseResult result{.id = test_case.id, .category = test_case.category};
    const Clock::time_point begin = Clock::now();
    const Result<Json> reply = co_await client_.Send("/chat/completions", body);
    result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const Json choices = reply ? Member(*reply, "choices") : Json();
    if (!reply || !choices.is_array() || choices.empty()) {
      result.error = reply ? "the answer has no choices" : reply.error().ToString();
      result.verdict = {.kind = "request_failed", .detail = result.error};
      co_return result;
    }
    result.message = Member(choices[0], "message");
    if (const Json reason = Member(choices[0], "finish_reason"); reason.is_string()) result.finish_reason = reason;
    const Json usage = Member(*reply, "usage");
    result.prompt_tokens = Count(usage, "prompt_tokens");
    result.completion_tokens = Count(usage, "completion_tokens");
    result.verdict = MatchCalls(test_case, CallsOf(result.message));
    co_return result;
  }

  const std::vector<BfclCase>& cases_;
  const EvalOptions& options_;
  const std::function<void(const CaseResult&)>& on_result_;
  asio::io_context context_;
  ApiClient client_;
  std::string model_;
  std::optional<Error> failure_;
  std::size_t next_ = 0;  ///< everything runs on the thread that called
  std::vector<CaseResult> results_;
};

}  // namespace

Json ToJson(const CaseResult& result) {
  return {{"id", result.id},
          {"category", result.category},
          {"right", result.verdict.right},
          {"kind", result.verdict.right ? Json() : Json(result.verdict.kind)},
          {"detail", result.verdict.detail},
          {"message", result.message},
          {"finish_reason", result.finish_reason},
          {"seconds", result.seconds},
          {"prompt_tokens", result.prompt_tokens},
          {"completion_tokens", result.completion_tokens}};
}

Result<std::vector<CaseResult>> RunCases(const std::vector<BfclCase>& cases, const EvalOptions& options,
                                         const std::function<void(const CaseResult&)>& on_result) {
  try {
    return Evaluation(cases, options, on_result).Run();
  } catch (const std::exception& error) {  // no sockets, no memory
    return Fail(ErrorCode::kIo, "{}", error.what());
  }
}

}  // namespace strata::eval
