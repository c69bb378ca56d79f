#include "cli/served_model.h"

#include <memory>
#include <utility>

#include "base/clock.h"

namespace strata::cli {
namespace {

Result<std::shared_ptr<serve::ServedModel>> Load(const serve::Server& server, const std::string& model_path,
                                                 const LoadOptions& load) {
  STRATA_TRY(Session session, OpenSession(model_path));
  STRATA_TRY(std::shared_ptr<Engine> engine, StartEngine(session, load, server.observer()));
  auto model = std::make_shared<serve::ServedModel>();
  model->file = session.file;
  model->tokenizer = session.tokenizer;
  if (session.chat_template) model->chat_template = std::make_shared<const ChatTemplate>(*session.chat_template);
  model->engine = std::move(engine);
  model->created = UnixSeconds();
  return model;
}

}  // namespace

Status LoadInto(serve::Server& server, const std::string& model_path, const LoadOptions& load) {
  Result<std::shared_ptr<serve::ServedModel>> model = Load(server, model_path, load);
  if (!model) {
    server.SetFailed(model.error());
    return std::unexpected(model.error());
  }
  server.SetModel(std::move(*model));
  return {};
}

}  // namespace strata::cli
