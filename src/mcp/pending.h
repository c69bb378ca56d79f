// Requests that wait for their responses on a channel that many share. On one strand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>

#include "mcp/message.h"
#include "mcp/tasks.h"

namespace strata::mcp {

class PendingRequests {
 public:
  explicit PendingRequests(asio::any_io_executor strand) : strand_(std::move(strand)) {}

  /// The place of one request, from before it is sent until its response is taken or nobody waits any more.
  class Ticket {
   public:
    Ticket(PendingRequests& pending, std::int64_t id) : pending_(pending), id_(id), event_(pending.strand_) {
      pending_.tickets_[id_] = this;
    }
    ~Ticket() { pending_.tickets_.erase(id_); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    asio::awaitable<Result<Message>> Response() {
      while (!response_) co_await event_.Wait();
      co_return std::move(*response_);
    }

   private:
    friend PendingRequests;
    void Set(Result<Message> response) {
      response_ = std::move(response);
      event_.NotifyAll();
    }

    PendingRequests& pending_;
    std::int64_t id_;
    Event event_;
    std::optional<Result<Message>> response_;
  };

  /// False when nobody waits for this response (any more).
  bool Complete(Message&& response) {
    const auto found =
        response.id.is_number_integer() ? tickets_.find(response.id.get<std::int64_t>()) : tickets_.end();
    if (found == tickets_.end()) return false;
    found->second->Set(std::move(response));
    return true;
  }

  void FailAll(const Error& error) {
    for (const auto& [_, ticket] : tickets_) ticket->Set(std::unexpected(error));
  }

 private:
  asio::any_io_executor strand_;
  std::map<std::int64_t, Ticket*> tickets_;
};

}  // namespace strata::mcp
