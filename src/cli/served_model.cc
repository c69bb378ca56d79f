#include "cli/served_model.h"

#include <filesystem>
#include <memory>
#include <utility>

#include "base/clock.h"

namespace strata::cli {
namespace {

using PoolingModels = std::vector<std::shared_ptr<serve::ServedPoolingModel>>;

Result<std::shared_ptr<serve::ServedModel>> MakeGenerator(const serve::Server& server, const Session& session,
                                                          const LoadOptions& load) {
  STRATA_TRY(std::shared_ptr<Engine> engine, StartEngine(session, load, server.observer()));
  auto model = std::make_shared<serve::ServedModel>();
  model->file = session.file;
  model->tokenizer = session.tokenizer;
  if (session.chat_template) model->chat_template = std::make_shared<const ChatTemplate>(*session.chat_template);
  model->engine = std::move(engine);
  model->created = UnixSeconds();
  return model;
}

Result<std::shared_ptr<serve::ServedPoolingModel>> MakePooling(const Session& session, std::vector<std::string> names,
                                                               const LoadOptions& load) {
  auto model = std::make_shared<serve::ServedPoolingModel>();
  STRATA_TRY(model->engine, StartPoolingEngine(session, load));
  model->names = std::move(names);
  model->file = session.file;
  model->tokenizer = session.tokenizer;
  model->created = UnixSeconds();
  return model;
}

/// "ID=MODEL", or a model that is its own id.
Status AddPooling(const std::string& given, ModelTask task, LoadOptions load, PoolingModels& models) {
  const auto equals = given.find('=');
  std::error_code error;
  const bool named = equals != std::string::npos && !std::filesystem::exists(given, error);
  const std::string id = named ? given.substr(0, equals) : given;
  STRATA_TRY(const std::string path, ResolveModel(named ? given.substr(equals + 1) : given));
  STRATA_TRY(const Session session, OpenSession(path));
  const ModelConfig& config = session.file->config();
  if (config.task != task || (task == ModelTask::kClassify && config.pooling.labels != 1)) {
    return Fail(ErrorCode::kUnsupported, "{} is no model that {}", path,
                task == ModelTask::kEmbed ? "makes embeddings" : "ranks (a classifier with one label)");
  }
  load.max_context = 0;  // the first model's
  if (task == ModelTask::kEmbed)
    load.activations = load.embedding_activations ? load.embedding_activations : load.activations;
  STRATA_TRY(auto model, MakePooling(session, {id}, load));
  models.push_back(std::move(model));
  return {};
}

Status Load(serve::Server& server, const ModelsToServe& wanted, const LoadOptions& load) {
  std::shared_ptr<serve::ServedModel> generator;
  PoolingModels pooling;
  STRATA_TRY(const Session session, OpenSession(wanted.path));
  if (session.file->config().whole()) {
    STRATA_TRY(auto model, MakePooling(session, wanted.names, load));
    pooling.push_back(std::move(model));
  } else {
    STRATA_TRY(generator, MakeGenerator(server, session, load));
  }
  for (const std::string& model : wanted.embedding) STRATA_CHECK(AddPooling(model, ModelTask::kEmbed, load, pooling));
  for (const std::string& model : wanted.rerank) STRATA_CHECK(AddPooling(model, ModelTask::kClassify, load, pooling));
  server.SetModel(std::move(generator), std::move(pooling));
  return {};
}

}  // namespace

Status LoadInto(serve::Server& server, const ModelsToServe& models, const LoadOptions& load) {
  const Status loaded = Load(server, models, load);
  if (!loaded) server.SetFailed(loaded.error());
  return loaded;
}

}  // namespace strata::cli
