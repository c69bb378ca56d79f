// Searches over HTTP, and the models that a search and an answer may ask. Blocks: not for I/O's threads.
#pragma once

#include <functional>
#include <memory>

#include "knowledge/models.h"
#include "knowledge/models/engine_models.h"
#include "knowledge/search/searcher.h"
#include "serve/knowledge/base_set.h"
#include "serve/knowledge/query.h"
#include "serve/knowledge/service.h"
#include "serve/response.h"
#include "serve/state.h"

namespace strata::serve::knowledge {

/// Null: the server has none.
struct AskedModels {
  std::unique_ptr<strata::knowledge::Reranker> reranker;
  std::unique_ptr<strata::knowledge::Writer> writer;

  strata::knowledge::SearchModels ForSearch() const { return {.reranker = reranker.get(), .writer = writer.get()}; }
};
/// `on_written`: LoadedWriter's.
Result<AskedModels> ModelsFor(const LoadedModels& models, std::int32_t tenant,
                              std::function<void(const strata::knowledge::WrittenTokens&)> on_written = {});

/// Adds to `usage`, which outlives them, what the chat model writes.
Result<AskedModels> CountedModels(const LoadedModels& models, std::int32_t tenant, Usage& usage);

/// A search that the chat model works on before it begins takes as long as an answer.
Service::Kind KindOf(const Query& search);

/// Errors: those of BaseSet::Open and Searcher::Search.
Result<strata::knowledge::SearchResult> SearchBase(BaseSet& bases, const LoadedModels& models, const Query& query);

}  // namespace strata::serve::knowledge
