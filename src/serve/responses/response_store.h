// Responses that clients may ask for again, or go on from (`store`), in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

namespace strata::serve::responses {

struct StoredResponse {
  std::string response;  ///< JSON: what the client got
  std::string input;     ///< JSON: the items that it answers, those of the responses before it included
};

/// Thread-safe. What one tenant (API key) stores, no other can see or push out.
class ResponseStore {
 public:
  /// For each tenant; beyond either, the response goes that was not used for the longest time.
  static constexpr std::size_t kMaxResponses = 1000;
  static constexpr std::size_t kMaxBytes = 64 << 20;

  void Put(std::int32_t tenant, std::string id, StoredResponse response);
  /// Null when there is none.
  std::shared_ptr<const StoredResponse> Get(std::int32_t tenant, const std::string& id);
  /// False when there is none.
  bool Remove(std::int32_t tenant, const std::string& id);

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<const StoredResponse> response;

    std::size_t bytes() const { return response->response.size() + response->input.size(); }
  };
  struct Shelf {
    std::list<Entry> recent;  ///< the last used first
    std::unordered_map<std::string, std::list<Entry>::iterator> by_id;
    std::size_t bytes = 0;

    void Erase(std::list<Entry>::iterator entry);
  };

  std::mutex mutex_;
  std::unordered_map<std::int32_t, Shelf> shelves_;
};

}  // namespace strata::serve::responses
