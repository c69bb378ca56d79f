#include "engine/generate.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "engine/text_stream.h"

namespace strata {

Result<GeneratedTokens> GenerateText(Engine& engine, EngineRequest request,
                                     const std::function<bool(std::string_view)>& on_text) {
  std::mutex mutex;
  std::condition_variable ready;
  std::deque<EngineEvent> events;
  request.on_event = [&](EngineEvent&& event) {
    const std::lock_guard lock(mutex);
    events.push_back(std::move(event));
    ready.notify_one();
  };
  STRATA_TRY(const RequestId id, engine.Submit(std::move(request)));

  const auto show = [&](std::string_view text) {
    if (!on_text(text)) engine.Cancel(id);
  };
  TextStream text(engine.tokenizer(), {});
  GeneratedTokens generated;
  for (;;) {
    EngineEvent event;
    {
      std::unique_lock lock(mutex);
      // The engine never calls back after `finish`, so leaving this function then is safe; a cancel only asks for it.
      while (!ready.wait_for(lock, std::chrono::milliseconds(50), [&] { return !events.empty(); })) {
        lock.unlock();
        show("");
        lock.lock();
      }
      event = std::move(events.front());
      events.pop_front();
    }
    generated.cached = std::max(generated.cached, event.cached_tokens);
    for (const TokenId token : event.tokens) {
      ++generated.count;
      if (event.stop_token && token == *event.stop_token) continue;
      show(text.Push(token));
    }
    if (!event.finish) continue;
    show(text.Finish());
    if (event.error) return std::unexpected(*event.error);
    return generated;
  }
}

}  // namespace strata
