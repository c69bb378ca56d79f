// Reading traces, and what timelines say in a few figures.
#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "engine/simulator.h"

namespace strata {
namespace {

/// One line of a trace. Errors name the field.
Result<TraceRequest> ParseRequest(std::string_view line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) return Fail(ErrorCode::kInvalidArgument, "not a JSON object");
  TraceRequest request;
  const auto whole = [&](const char* name, bool required, std::int64_t least, std::int64_t& value) -> Status {
    const auto field = json.find(name);
    if (field == json.end() && !required) return {};
    if (field == json.end()) return Fail(ErrorCode::kInvalidArgument, "{} is missing", name);
    if (!field->is_number_integer() || field->get<std::int64_t>() < least || field->get<std::int64_t>() > INT32_MAX) {
      return Fail(ErrorCode::kInvalidArgument, "{} must be an integer of {} or more", name, least);
    }
    value = field->get<std::int64_t>();
    return {};
  };
  const auto arrival = json.find("arrival");
  if (arrival == json.end() || !arrival->is_number() || arrival->get<double>() < 0) {
    return Fail(ErrorCode::kInvalidArgument, "arrival must be a number of seconds, 0 or more");
  }
  request.arrival = arrival->get<double>();
  std::int64_t tenant = 0, priority = 0;
  STRATA_CHECK(whole("prompt_tokens", true, 1, request.prompt_tokens));
  STRATA_CHECK(whole("output_tokens", true, 1, request.output_tokens));
  STRATA_CHECK(whole("tenant", false, 0, tenant));
  STRATA_CHECK(whole("priority", false, INT32_MIN, priority));
  STRATA_CHECK(whole("prefix_tokens", false, 0, request.prefix_tokens));
  request.tenant = static_cast<std::int32_t>(tenant);
  request.priority = static_cast<int>(priority);
  if (const auto prefix = json.find("prefix"); prefix != json.end()) {
    if (!prefix->is_string()) return Fail(ErrorCode::kInvalidArgument, "prefix must be a string");
    request.prefix = prefix->get<std::string>();
  }
  if (request.prefix_tokens > request.prompt_tokens) {
    return Fail(ErrorCode::kInvalidArgument, "prefix_tokens must not be more than prompt_tokens");
  }
  return request;
}

}  // namespace

Result<std::vector<TraceRequest>> ParseTrace(std::string_view text) {
  std::vector<TraceRequest> trace;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    STRATA_TRY(TraceRequest request, ParseRequest(line), "in line {} of the trace", number);
    trace.push_back(std::move(request));
  }
  if (trace.empty()) return Fail(ErrorCode::kInvalidArgument, "the trace has no request");
  std::ranges::stable_sort(trace, {}, &TraceRequest::arrival);
  return trace;
}

Percentiles PercentilesOf(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto at = [&](double part) {
    const auto rank = static_cast<std::size_t>(std::ceil(part * static_cast<double>(values.size())));
    return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
  };
  return {at(0.5), at(0.9), at(0.99)};
}

LatencySummary Summarise(const std::vector<RequestTimeline>& timelines) {
  std::vector<double> first, between, whole;
  double begin = INFINITY, end = 0, tokens = 0;
  for (const RequestTimeline& timeline : timelines) {
    if (timeline.tokens.empty()) continue;
    first.push_back((timeline.tokens.front() - timeline.arrival) * 1000);
    whole.push_back((timeline.tokens.back() - timeline.arrival) * 1000);
    for (std::size_t i = 1; i < timeline.tokens.size(); ++i) {
      between.push_back((timeline.tokens[i] - timeline.tokens[i - 1]) * 1000);
    }
    begin = std::min(begin, timeline.arrival);
    end = std::max(end, timeline.tokens.back());
    tokens += static_cast<double>(timeline.tokens.size());
  }
  return {PercentilesOf(std::move(first)), PercentilesOf(std::move(between)), PercentilesOf(std::move(whole)),
          end > begin ? tokens / (end - begin) : 0};
}

}  // namespace strata
