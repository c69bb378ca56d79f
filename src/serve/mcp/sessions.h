// The sessions of legacy MCP clients (revisions until 2025-11-25): what a handshake opens, and what a notification
// needs to find the request that it cancels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include <boost/asio/any_io_executor.hpp>

namespace strata::serve::mcp {

/// How a call that runs is told to stop. Only Cancel may be called off `executor`.
class Cancellation : public std::enable_shared_from_this<Cancellation> {
 public:
  explicit Cancellation(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  /// What stops the call; called at once where it is cancelled already.
  void Arm(std::function<void()> stop);
  /// The call has ended: there is nothing to stop any more.
  void Disarm() { stop_ = nullptr; }
  void Stop();

  /// The client has asked for it: Stop, on the executor.
  void Cancel();
  bool cancelled() const { return cancelled_; }

 private:
  const boost::asio::any_io_executor executor_;
  std::function<void()> stop_;
  bool cancelled_ = false;
};

/// Thread-safe.
class Session : public std::enable_shared_from_this<Session> {
 public:
  /// While it lives, the request of this id can be cancelled.
  class Running {
   public:
    Running(std::shared_ptr<Session> session, std::string id) : session_(std::move(session)), id_(std::move(id)) {}
    ~Running();
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;

   private:
    const std::shared_ptr<Session> session_;
    const std::string id_;
  };
  /// Null when another request of this id runs.
  std::unique_ptr<Running> Begin(std::string id, const std::shared_ptr<Cancellation>& cancellation);
  /// Nothing happens where no request of this id runs: it may have ended in the meantime.
  void Cancel(const std::string& id);
  void CancelAll();

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<Cancellation>> running_;
};

/// Thread-safe. What one tenant (API key) opens, no other can see or push out.
class Sessions {
 public:
  /// For each tenant; beyond it, the session goes that was not used for the longest time. Its client hears 404 and
  /// opens another one.
  static constexpr std::size_t kMaxSessions = 1000;

  /// Returns its id.
  std::string Open(std::int32_t tenant);
  /// Null when this tenant has none of this id.
  std::shared_ptr<Session> Find(std::int32_t tenant, const std::string& id);
  /// Cancels what runs in it. False when there is none.
  bool Close(std::int32_t tenant, const std::string& id);

 private:
  struct Entry {
    std::string id;
    std::shared_ptr<Session> session;
  };
  struct Shelf {
    std::list<Entry> recent;  ///< the last used first
    std::unordered_map<std::string, std::list<Entry>::iterator> by_id;
  };

  std::mutex mutex_;
  std::unordered_map<std::int32_t, Shelf> shelves_;
};

}  // namespace strata::serve::mcp
