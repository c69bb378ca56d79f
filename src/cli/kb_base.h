// A knowledge base opened by its name, with the models that it asks.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "cli/session.h"
#include "knowledge/knowledge_base.h"
#include "knowledge/models.h"

namespace strata::cli {

/// The folder of a base in the user's data ($XDG_DATA_HOME/strata/knowledge, ~/.local/share/...), or NAME itself where
/// it is a path or postgres://. Errors: kInvalidArgument for a name that is none.
Result<std::string> BaseLocation(const std::string& name);
std::string BasesDirectory();  ///< created

/// The model that makes the vectors: with weights and activations rounded to int8 unless the options say otherwise, as
/// embedding is most of what adding costs. Vectors of both ways meet in one base. Errors: those of loading;
/// kUnsupported for a model that makes none.
Result<std::unique_ptr<knowledge::Embedder>> LoadEmbedder(const std::string& model, const LoadOptions& load);

struct OpenedBase {
  std::unique_ptr<knowledge::Embedder> embedder;  ///< outlives the base
  std::unique_ptr<knowledge::KnowledgeBase> base;
};
Result<OpenedBase> OpenBase(const std::string& name, const LoadOptions& load);

}  // namespace strata::cli
