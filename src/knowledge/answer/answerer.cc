#include "knowledge/answer/answerer.h"

#include <algorithm>
#include <utility>

#include "knowledge/answer/checked_answer.h"
#include "knowledge/answer/evidence.h"
#include "knowledge/answer/prompt.h"
#include "knowledge/answer/support.h"
#include "knowledge/search/stage_clock.h"

namespace strata::knowledge {
namespace {

// What stands around a source (delimiters, title, heading), and what a chat template adds.
constexpr std::int64_t kTokensAroundSource = 48, kTokensOfTemplate = 64;
// With less than that there is nothing to answer from.
constexpr std::int64_t kFewestSourceTokens = 64;

Answer Abstained(Answer answer, Abstention reason) {
  answer.abstained = reason;
  answer.text = kAbstention;
  return answer;
}

}  // namespace

std::string_view ToString(Abstention reason) {
  switch (reason) {
    case Abstention::kNone:
      return "none";
    case Abstention::kNothingFound:
      return "nothing_found";
    case Abstention::kWeakEvidence:
      return "weak_evidence";
    case Abstention::kModel:
      return "model";
    case Abstention::kUnsupported:
      return "unsupported";
  }
  return "";
}

Result<Answer> Answerer::Ask(const AnswerRequest& request) const {
  if (request.max_tokens < 1) {
    return std::unexpected(
        Error(ErrorCode::kInvalidArgument, "max_tokens: must be at least 1").WithParam("max_tokens"));
  }
  Answer answer;
  STRATA_TRY(answer.search, searcher_.Search(request.search));
  if (answer.search.hits.empty()) return Abstained(std::move(answer), Abstention::kNothingFound);
  STRATA_TRY(const EvidenceThresholds thresholds, EvidenceThresholds::Load(*searcher_.sources().store));
  if (!thresholds.Enough(answer.search)) return Abstained(std::move(answer), Abstention::kWeakEvidence);

  StageClock clock(answer.search.times);
  // The question as it was rewritten: it stands for itself, as the prompt has nothing of the conversation.
  const std::string& question = answer.search.queries.front();
  std::int64_t room = writer_.max_context() - request.max_tokens - kTokensOfTemplate;
  for (const Writer::Message& message : AnswerPrompt({}, question)) room -= writer_.CountTokens(message.content);
  room -= kTokensAroundSource * static_cast<std::int64_t>(answer.search.hits.size());
  if (room < kFewestSourceTokens) {
    return std::unexpected(Error(ErrorCode::kInvalidArgument,
                                 fmt::format("max_tokens: the model's context of {} tokens has no room for sources",
                                             writer_.max_context()))
                               .WithParam("max_tokens"));
  }
  STRATA_TRY(std::vector<Passage> passages,
             searcher_.Read(answer.search.hits,
                            {.principal = request.search.principal,
                             .max_tokens = std::min(room, request.source_tokens),
                             .neighbours = request.neighbours,
                             .count_tokens = [&](std::string_view text) { return writer_.CountTokens(text); }}));
  if (passages.empty()) return Abstained(std::move(answer), Abstention::kNothingFound);
  answer.sources = NumberSources(std::move(passages));
  if (request.on_sources) request.on_sources(answer.sources);
  const SupportChecker checker(answer.sources, analyser_, *searcher_.sources().embedder);
  const std::vector<Writer::Message> prompt = AnswerPrompt(answer.sources, question);
  clock.Ended("prompt");

  CheckedAnswer checked(request, checker, answer);
  STRATA_TRY(const std::string written,
             writer_.Write(prompt, {.max_tokens = request.max_tokens,
                                    .temperature = request.temperature,
                                    .on_text =
                                        [&](std::string_view text) {
                                          if (request.wanted && !request.wanted()) answer.stopped = true;
                                          return !answer.stopped && checked.Push(text);
                                        }}),
             "while answering");
  STRATA_CHECK(checked.Finish());
  answer.stopped = answer.stopped || writer_.CountTokens(written) >= request.max_tokens;
  clock.Ended("write");
  return answer;
}

}  // namespace strata::knowledge
