#include "serve/mcp/sessions.h"

#include <utility>

#include <boost/asio/post.hpp>

#include "serve/http.h"

namespace strata::serve::mcp {

void Cancellation::Arm(std::function<void()> stop) {
  if (cancelled_) {
    stop();
  } else {
    stop_ = std::move(stop);
  }
}

void Cancellation::Stop() {
  if (stop_) std::exchange(stop_, nullptr)();
}

void Cancellation::Cancel() {
  boost::asio::post(executor_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->cancelled_ = true;
    self->Stop();
  });
}

Session::Running::~Running() {
  const std::lock_guard lock(session_->mutex_);
  session_->running_.erase(id_);
}

std::unique_ptr<Session::Running> Session::Begin(std::string id, const std::shared_ptr<Cancellation>& cancellation) {
  const std::lock_guard lock(mutex_);
  if (!running_.try_emplace(id, cancellation).second) return nullptr;
  return std::make_unique<Running>(shared_from_this(), std::move(id));
}

void Session::Cancel(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(id);
  if (found == running_.end()) return;
  if (const auto cancellation = found->second.lock()) cancellation->Cancel();
}

void Session::CancelAll() {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, running] : running_) {
    if (const auto cancellation = running.lock()) cancellation->Cancel();
  }
}

std::string Sessions::Open(std::int32_t tenant) {
  Entry entry{.id = MakeId(""), .session = std::make_shared<Session>()};
  std::string id = entry.id;
  const std::lock_guard lock(mutex_);
  Shelf& shelf = shelves_[tenant];
  shelf.recent.push_front(std::move(entry));
  shelf.by_id[id] = shelf.recent.begin();
  if (shelf.recent.size() > kMaxSessions) {
    shelf.by_id.erase(shelf.recent.back().id);
    shelf.recent.pop_back();
  }
  return id;
}

std::shared_ptr<Session> Sessions::Find(std::int32_t tenant, const std::string& id) {
  const std::lock_guard lock(mutex_);
  Shelf& shelf = shelves_[tenant];
  const auto found = shelf.by_id.find(id);
  if (found == shelf.by_id.end()) return nullptr;
  shelf.recent.splice(shelf.recent.begin(), shelf.recent, found->second);
  return found->second->session;
}

bool Sessions::Close(std::int32_t tenant, const std::string& id) {
  const std::shared_ptr<Session> session = Find(tenant, id);
  if (!session) return false;
  {
    const std::lock_guard lock(mutex_);
    Shelf& shelf = shelves_[tenant];
    if (const auto found = shelf.by_id.find(id); found != shelf.by_id.end()) {
      shelf.recent.erase(found->second);
      shelf.by_id.erase(found);
    }
  }
  session->CancelAll();
  return true;
}

}  // namespace strata::serve::mcp
