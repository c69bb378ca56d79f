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

// They wait for disks and for the engine, most of the time: more of them than cores. The engine writes more answers at
// once than one by one, and those that wait for it wait in its queue as well as here.
constexpr std::size_t kShortThreads = 16, kWritingThreads = 32;
constexpr std::size_t kMaxWaiting = 256;  // for each kind

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
    : bases_(state.options.knowledge_folder, EmbeddersOf(state)), short_(kShortThreads), writing_(kWritingThreads) {}

Service::~Service() {
  stopping_ = true;
  writing_.threads.join();
  short_.threads.join();
}

bool Service::Post(Kind kind, std::function<void()> work) {
  Crew& crew = kind == Kind::kWriting ? writing_ : short_;
  if (++crew.waiting > kMaxWaiting) {
    --crew.waiting;
    return false;
  }
  boost::asio::post(crew.threads, [&crew, work = std::move(work)] {
    --crew.waiting;
    try {
      work();
    } catch (const std::exception& error) {  // the border: what answers somebody has caught it before
      LogError("a thread of the knowledge bases goes on after: {}", error.what());
    }
  });
  return true;
}

void Service::Resume() {
  Post(Kind::kShort, [this] {
    const auto names = bases_.Names();
    if (!names) LogWarning("{}", names.error().ToString());
    for (const std::string& name : names.value_or(std::vector<std::string>())) {
      if (stopping_) return;
      if (const auto base = bases_.Open(name); !base) LogWarning("the base {}: {}", name, base.error().ToString());
    }
  });
}

}  // namespace strata::serve::knowledge
