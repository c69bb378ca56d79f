// The models that searching and answering ask besides the one that makes vectors.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "knowledge/models.h"
#include "knowledge/search/searcher.h"

namespace strata::cli {

/// Errors: those of loading; kUnsupported for a model that does not chat.
Result<std::unique_ptr<knowledge::Writer>> LoadWriter(const std::string& model, const LoadOptions& load);
/// Errors: those of loading; kUnsupported for a model that does not rank.
Result<std::unique_ptr<knowledge::Reranker>> LoadReranker(const std::string& model, const LoadOptions& load);

struct AskedModels {
  std::unique_ptr<knowledge::Writer> writer;
  std::unique_ptr<knowledge::Reranker> reranker;

  knowledge::SearchModels ForSearch() const { return {.reranker = reranker.get(), .writer = writer.get()}; }
};
/// The models by their names; an empty one is not loaded.
Result<AskedModels> LoadAskedModels(const std::string& writer, const std::string& reranker, const LoadOptions& load);

}  // namespace strata::cli
