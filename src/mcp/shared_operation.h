// An operation that many may ask for at the same time, and that runs once for all of them. On one strand.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "mcp/tasks.h"

namespace strata::mcp {

template <class T>
class SharedOperation {
 public:
  explicit SharedOperation(const asio::any_io_executor& strand) : strand_(strand) {}

  using Start = std::function<asio::awaitable<Result<T>>()>;

  /// The result of the run that is on its way, or of a new one. It goes on whoever stops waiting for it; `start` keeps
  /// alive what it needs, and the owner of this.
  asio::awaitable<Result<T>> Join(TaskGroup& tasks, Start start) {
    std::shared_ptr<Run> run = run_;
    if (!run) {
      run = run_ = std::make_shared<Run>(strand_);
      tasks.Spawn(Drive(this, run, std::move(start)));
    }
    while (!run->result) co_await run->done.Wait();
    co_return *run->result;
  }

 private:
  struct Run {
    explicit Run(const asio::any_io_executor& strand) : done(strand) {}
    Event done;
    std::optional<Result<T>> result;
  };

  static asio::awaitable<void> Drive(SharedOperation* owner, std::shared_ptr<Run> run, Start start) {
    struct Finish {
      SharedOperation* owner;
      Run& run;
      ~Finish() {  // also where the work was cancelled, or threw
        if (!run.result) run.result = Fail(ErrorCode::kCancelled, "the client was closed");
        if (owner->run_.get() == &run) owner->run_.reset();
        run.done.NotifyAll();
      }
    } finish{owner, *run};
    run->result = co_await start();
  }

  asio::any_io_executor strand_;
  std::shared_ptr<Run> run_;
};

}  // namespace strata::mcp
