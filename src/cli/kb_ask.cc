#include "cli/kb_ask.h"

#include <cstdio>
#include <set>

#include <fmt/format.h>

#include "cli/kb_models.h"
#include "cli/kb_work.h"
#include "knowledge/answer/answerer.h"
#include "knowledge/lexical/analyser.h"

namespace strata::cli {
namespace {

// Of hits, where a reranker is there and --rerank says nothing: one batch of a cross-encoder.
constexpr std::size_t kReranked = 50;

Result<knowledge::SearchRequest> RequestOf(const AskOptions& options) {
  if (options.rerank > 0 && options.rerank_model.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "--rerank needs --rerank-model");
  }
  knowledge::SearchRequest request{
      .query = options.question, .principal = {.sees_everything = true}, .limit = options.limit};
  if (!options.rerank_model.empty()) request.rerank = options.rerank > 0 ? options.rerank : kReranked;
  for (const std::string& said : options.said) {
    request.conversation.push_back({request.conversation.size() % 2 == 0 ? "user" : "assistant", said});
  }
  request.variants = options.variants;
  request.hyde = options.hyde;
  return request;
}

bool Rewrites(const knowledge::SearchRequest& request) {
  return !request.conversation.empty() || request.variants > 0 || request.hyde;
}

/// What was searched in the place of the question, or besides it.
void PrintQueries(const AskOptions& options, const knowledge::SearchResult& found) {
  for (const std::string& query : found.queries) {
    if (query != options.question) fmt::print(stderr, "searched: {}\n", query);
  }
  if (!found.hypothetical.empty()) fmt::print(stderr, "looked for: {}\n", found.hypothetical);
}

}  // namespace

Status SearchBase(const std::string& name, const AskOptions& options, const LoadOptions& load) {
  STRATA_TRY(const knowledge::SearchRequest request, RequestOf(options));
  STRATA_TRY(const OpenedBase opened, OpenBase(name, load));
  STRATA_CHECK(TellOfMissingVectors(opened.base->store()));
  STRATA_TRY(const AskedModels models,
             LoadAskedModels(Rewrites(request) ? options.model : "", options.rerank_model, load));
  const knowledge::Searcher searcher(knowledge::SourcesOf(*opened.base), models.ForSearch());
  STRATA_TRY(const knowledge::SearchResult found, searcher.Search(request));
  PrintQueries(options, found);
  for (const knowledge::Hit& hit : found.hits) {
    fmt::print("{:.3f}  {}  {}\n{}\n\n", hit.score, hit.document->uri, hit.chunk.chunk.context, hit.chunk.chunk.text);
  }
  return {};
}

Status AskBase(const std::string& name, const AskOptions& options, const LoadOptions& load) {
  STRATA_TRY(knowledge::SearchRequest request, RequestOf(options));
  STRATA_TRY(const OpenedBase opened, OpenBase(name, load));
  STRATA_CHECK(TellOfMissingVectors(opened.base->store()));
  STRATA_TRY(const AskedModels models, LoadAskedModels(options.model, options.rerank_model, load));
  STRATA_TRY(const auto analyser, knowledge::Analyser::Create(opened.base->options().language));
  const knowledge::Searcher searcher(knowledge::SourcesOf(*opened.base), models.ForSearch());
  const knowledge::Answerer answerer(searcher, *models.writer, analyser);
  STRATA_TRY(const knowledge::Answer answer, answerer.Ask({.search = std::move(request)}));
  PrintQueries(options, answer.search);
  fmt::print("{}\n", answer.text);
  std::set<std::string> printed;  // a place that several statements stand in is told once
  for (const knowledge::Statement& statement : answer.statements) {
    for (const knowledge::Citation& citation : statement.citations) {
      const std::string page = citation.place.page > 0 ? fmt::format(", page {}", citation.place.page) : "";
      const std::string line =
          fmt::format("  [{}] {}{}, bytes {} to {}{}", citation.source, citation.uri, page, citation.span.begin,
                      citation.span.end, citation.attributed ? " (found by comparing)" : "");
      if (printed.insert(line).second) fmt::print("{}\n", line);
    }
  }
  return {};
}

}  // namespace strata::cli
