#include "cli/kb_base.h"

#include <filesystem>
#include <utility>

#include "cli/model_pull.h"
#include "knowledge/base_options.h"
#include "knowledge/models/engine_models.h"

namespace strata::cli {

namespace fs = std::filesystem;

std::string BasesDirectory() {
  const std::string directory = UserDirectory("XDG_DATA_HOME", ".local/share") + "/knowledge";
  std::error_code ignored;  // whoever writes there gets the error, with the path
  fs::create_directories(directory, ignored);
  return directory;
}

Result<std::string> BaseLocation(const std::string& name) {
  if (name.contains('/')) return name;
  if (!knowledge::IsBaseName(name) || name.starts_with('-')) {  // which would be an option
    return Fail(ErrorCode::kInvalidArgument,
                "{} is no name of a base: letters, digits, \".\", \"_\" and \"-\", up to 64; or a path", name);
  }
  return BasesDirectory() + "/" + name;
}

Result<std::unique_ptr<knowledge::Embedder>> LoadEmbedder(const std::string& model, const LoadOptions& load) {
  STRATA_TRY(const std::string path, FindOrPullModel(model));
  STRATA_TRY(const Session session, OpenSession(path));
  LoadOptions options = load;
  options.max_context = 0;  // the option is the chat model's
  options.activations = load.embedding_activations.value_or(kernels::Activations::kInt8Columns);
  STRATA_TRY(std::shared_ptr<PoolingEngine> engine, StartPoolingEngine(session, options));
  return knowledge::MakeEmbedder(
      {.name = model, .file = session.file, .tokenizer = session.tokenizer, .engine = std::move(engine)});
}

Result<OpenedBase> OpenBase(const std::string& name, const LoadOptions& load) {
  STRATA_TRY(const std::string location, BaseLocation(name));
  STRATA_TRY(const knowledge::BaseOptions options, knowledge::KnowledgeBase::OptionsOf(location));
  OpenedBase opened;
  STRATA_TRY(opened.embedder, LoadEmbedder(options.embedding_model, load));
  STRATA_TRY(opened.base, knowledge::KnowledgeBase::Open(
                              location, *opened.embedder,
                              {.index_folder = location.contains("://") ? BasesDirectory() + "/indexes" : ""}));
  return opened;
}

}  // namespace strata::cli
