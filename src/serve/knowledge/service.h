// The knowledge bases of a server, and the threads that work for them: what a base does may take long and blocks, so
// none of it happens on the threads of sockets.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

#include <boost/asio/thread_pool.hpp>

#include "serve/knowledge/base_set.h"

namespace strata::serve {
class ServerState;
}

namespace strata::serve::knowledge {

class Service {
 public:
  /// The bases of options.knowledge_folder, with the embedding models of the server, which outlives it.
  explicit Service(const ServerState& state);
  /// Ends what was begun and closes the bases.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  /// What takes long while the chat model writes has threads of its own, so that it holds up nothing else.
  enum class Kind : std::uint8_t { kShort, kWriting };
  /// Runs `work` on one of the threads; false: so many wait already that it would be too late when it is its turn.
  bool Post(Kind kind, std::function<void()> work);

  /// The server has its models: jobs that an earlier process left go on, in all bases that can be opened.
  void Resume();

  BaseSet& bases() { return bases_; }
  /// What writes an answer may stop: nobody will read it.
  bool stopping() const { return stopping_; }

 private:
  BaseSet bases_;
  std::atomic<bool> stopping_ = false;
  /// Threads, and what waits for them.
  struct Crew {
    explicit Crew(std::size_t size) : threads(size) {}
    std::atomic<std::size_t> waiting = 0;
    boost::asio::thread_pool threads;
  };
  Crew short_, writing_;
};

}  // namespace strata::serve::knowledge
