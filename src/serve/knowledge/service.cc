#include "serve/knowledge/service.h"

#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "knowledge/models/engine_models.h"
#include "serve/state.h"

namespace strata::serve::knowledge {
namespace {

// They wait for disks and for the engine, most of the time: more of them than cores.
constexpr std::size_t kThreads = 16;
constexpr std::size_t kMaxWaiting = 256;

BaseSet::FindEmbedder EmbeddersOf(const ServerState& state) {
  return [&state](std::string_view name) -> Result<std::shared_ptr<strata::knowledge::Embedder>> {
    const auto models = state.Loaded();
    if (!models) return Fail(ErrorCode::kUnavailable, "{}", models.error().message);
    const auto model = (*models)->FindPooling(name, PoolingUse::kEmbed);
    if (!model) {
      return Fail(ErrorCode::kInvalidArgument, "embedding_model: {} (the server has those of --embedding-model)",
                  model.error().message);
    }
    const ServedPoolingModel& served = *(*model)->served;
    return strata::knowledge::MakeEmbedder(
        {.name = (*model)->name(), .file = served.file, .tokenizer = served.tokenizer, .engine = served.engine});
  };
}

}  // namespace

Service::Service(const ServerState& state)
    : bases_(state.options.knowledge_folder, EmbeddersOf(state)), threads_(kThreads) {}

Service::~Service() {
  stopping_ = true;
  threads_.join();
}

bool Service::Post(std::function<void()> work) {
  if (++waiting_ > kMaxWaiting) {
    --waiting_;
    return false;
  }
  boost::asio::post(threads_, [this, work = std::move(work)] {
    --waiting_;
    try {
      work();
    } catch (const std::exception& error) {  // the border: what answers somebody has caught it before
      LogError("a thread of the knowledge bases goes on after: {}", error.what());
    }
  });
  return true;
}

void Service::Resume() {
  Post([this] {
    const auto names = bases_.Names();
    if (!names) LogWarning("{}", names.error().ToString());
    for (const std::string& name : names.value_or(std::vector<std::string>())) {
      if (stopping_) return;
      if (const auto base = bases_.Open(name); !base) LogWarning("the base {}: {}", name, base.error().ToString());
    }
  });
}

}  // namespace strata::serve::knowledge
