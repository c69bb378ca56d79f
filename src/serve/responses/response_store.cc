#include "serve/responses/response_store.h"

#include <iterator>
#include <utility>

namespace strata::serve::responses {

void ResponseStore::Shelf::Erase(std::list<Entry>::iterator entry) {
  bytes -= entry->bytes();
  by_id.erase(entry->id);
  recent.erase(entry);
}

void ResponseStore::Put(std::int32_t tenant, std::string id, StoredResponse response) {
  Entry entry{.id = std::move(id), .response = std::make_shared<const StoredResponse>(std::move(response))};
  const std::lock_guard lock(mutex_);
  Shelf& shelf = shelves_[tenant];
  shelf.bytes += entry.bytes();
  shelf.recent.push_front(std::move(entry));
  shelf.by_id[shelf.recent.front().id] = shelf.recent.begin();
  while (shelf.recent.size() > kMaxResponses || shelf.bytes > kMaxBytes) shelf.Erase(std::prev(shelf.recent.end()));
}

std::shared_ptr<const StoredResponse> ResponseStore::Get(std::int32_t tenant, const std::string& id) {
  const std::lock_guard lock(mutex_);
  Shelf& shelf = shelves_[tenant];
  const auto found = shelf.by_id.find(id);
  if (found == shelf.by_id.end()) return nullptr;
  shelf.recent.splice(shelf.recent.begin(), shelf.recent, found->second);
  return found->second->response;
}

bool ResponseStore::Remove(std::int32_t tenant, const std::string& id) {
  const std::lock_guard lock(mutex_);
  Shelf& shelf = shelves_[tenant];
  const auto found = shelf.by_id.find(id);
  if (found == shelf.by_id.end()) return false;
  shelf.Erase(found->second);
  return true;
}

}  // namespace strata::serve::responses
