#include "knowledge/evaluate/configuration.h"

#include <algorithm>
#include <charconv>
#include <ranges>

namespace strata::knowledge {
namespace {

template <class Number>
Status ReadNumber(std::string_view name, std::string_view text, Number least, Number most, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= least && value <= most)) {
    return Fail(ErrorCode::kInvalidArgument, "{}={}: a number from {} to {} is wanted", name, text, least, most);
  }
  return {};
}

Status SetOption(std::string_view name, std::string_view value, AnswerRequest& answering) {
  SearchRequest& request = answering.search;
  const auto wanted = [&](std::string_view what) {
    return Fail(ErrorCode::kInvalidArgument, "{}={}: {} is wanted", name, value, what);
  };
  if (name == "legs") {
    if (value != "both" && value != "words" && value != "vectors") return wanted("both, words or vectors");
    request.legs = value == "both" ? SearchLegs::kBoth : value == "words" ? SearchLegs::kLexical : SearchLegs::kVectors;
    return {};
  }
  if (name == "fusion") {
    if (value != "convex" && value != "rrf") return wanted("convex or rrf");
    request.fusion = value == "rrf" ? FusionMethod::kReciprocalRank : FusionMethod::kConvex;
    return {};
  }
  if (name == "alpha") return ReadNumber(name, value, 0.0, 1.0, request.alpha.emplace());
  if (name == "diversity") return ReadNumber(name, value, 0.0, 1.0, request.diversity_lambda.emplace());
  if (name == "candidates") return ReadNumber<std::size_t>(name, value, 1, 10000, request.candidates);
  if (name == "ef") return ReadNumber(name, value, 1, 10000, request.ef);
  if (name == "rerank") return ReadNumber<std::size_t>(name, value, 0, 1000, request.rerank);
  if (name == "variants") return ReadNumber(name, value, 0, 8, request.variants);
  if (name == "hyde") {
    if (value != "yes" && value != "no") return wanted("yes or no");
    request.hyde = value == "yes";
    return {};
  }
  if (name == "limit") return ReadNumber<std::size_t>(name, value, 1, 1000, request.limit);
  if (name == "source_tokens") return ReadNumber<std::int64_t>(name, value, 64, 1'000'000, answering.source_tokens);
  if (name == "neighbours") return ReadNumber(name, value, 0, 16, answering.neighbours);
  if (name == "max_tokens") return ReadNumber<std::int64_t>(name, value, 1, 1'000'000, answering.max_tokens);
  return Fail(ErrorCode::kInvalidArgument,
              "{:?} is no option: legs, fusion, alpha, candidates, ef, diversity, rerank, variants, hyde, limit, "
              "source_tokens, neighbours, max_tokens",
              name);
}

}  // namespace

Result<AnswerRequest> ParseConfiguration(std::string_view text) {
  AnswerRequest request;
  for (const auto part : std::views::split(text, ',')) {
    const std::string_view option(part.begin(), part.end());
    if (option.empty()) continue;
    const std::size_t equals = std::min(option.find('='), option.size());
    STRATA_CHECK(SetOption(option.substr(0, equals), option.substr(std::min(equals + 1, option.size())), request));
  }
  return request;
}

}  // namespace strata::knowledge
