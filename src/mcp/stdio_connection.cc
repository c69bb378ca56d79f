#include "mcp/stdio_connection.h"

#include <algorithm>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "base/log.h"
#include "mcp/protocol.h"

namespace strata::mcp {
namespace {

constexpr std::size_t kReadBytes = 64 << 10;
// A server that does not read what it is sent.
constexpr std::size_t kMaxUnwrittenBytes = 2 * kMaxMessageBytes;
// Of a line of standard error; a longer one is dropped in pieces.
constexpr std::size_t kMaxErrorLine = 4096;
// How long a server that has closed its output may take to be gone, so that its status can be told.
constexpr std::chrono::milliseconds kFateDelay{100};

/// What becomes of a line that is longer than it may be.
enum class Overlong { kStop, kDrop };

/// Reads to the end, giving each line without its end. False where it stopped at an overlong line.
template <class OnLine>
asio::awaitable<bool> ReadLines(asio::posix::stream_descriptor& from, std::size_t max_line, Overlong overlong,
                                OnLine on_line) {
  std::string buffer;
  std::size_t searched = 0;
  while (true) {
    const std::size_t size = buffer.size();
    buffer.resize(size + kReadBytes);
    const auto [error, count] = co_await from.async_read_some(asio::buffer(buffer.data() + size, kReadBytes), kAwait);
    buffer.resize(size + count);
    if (error) co_return true;
    std::size_t begin = 0;
    for (std::size_t end; (end = buffer.find('\n', std::max(begin, searched))) != std::string::npos; begin = end + 1) {
      on_line(std::string_view(buffer).substr(begin, end - begin));
    }
    buffer.erase(0, begin);
    if (buffer.size() > max_line && overlong == Overlong::kStop) co_return false;
    if (buffer.size() > max_line) buffer.clear();
    searched = buffer.size();
  }
}

}  // namespace

StdioConnection::StdioConnection(const asio::any_io_executor& strand, StdioTransport config, std::string label)
    : strand_(strand),
      config_(std::move(config)),
      label_(std::move(label)),
      pending_(strand),
      written_to_(strand),
      tasks_(strand) {}

asio::awaitable<Status> StdioConnection::Open(Incoming incoming) {
  incoming_ = std::move(incoming);
  auto child = ChildProcess::Start(strand_, config_);
  if (!child) co_return std::unexpected(child.error());
  child_ = std::move(*child);
  const auto self = shared_from_this();
  tasks_.Spawn(WriteLines(self));
  tasks_.Spawn(ReadMessages(self));
  tasks_.Spawn(ReadErrors(self));
  co_return Status();
}

asio::awaitable<Result<Message>> StdioConnection::Exchange(OutgoingRequest request) {
  PendingRequests::Ticket ticket(pending_, request.id);
  if (Status sent = Enqueue(std::move(request.text)); !sent) co_return std::unexpected(std::move(sent).error());
  co_return co_await ticket.Response();
}

asio::awaitable<Status> StdioConnection::Send(std::string text) { co_return Enqueue(std::move(text)); }

Status StdioConnection::Enqueue(std::string text) {
  if (!broken_.empty()) return Fail(ErrorCode::kUnavailable, "{}", broken_);
  if (unwritten_bytes_ + text.size() > kMaxUnwrittenBytes) {
    return Fail(ErrorCode::kUnavailable, "the server does not read what it is sent");
  }
  unwritten_bytes_ += text.size();
  unwritten_.push_back(std::move(text));
  written_to_.NotifyAll();
  return {};
}

asio::awaitable<void> StdioConnection::WriteLines(std::shared_ptr<StdioConnection> self) {
  while (true) {
    while (self->unwritten_.empty()) co_await self->written_to_.Wait();
    std::string line = std::move(self->unwritten_.front());
    self->unwritten_.pop_front();
    self->unwritten_bytes_ -= line.size();
    line += '\n';
    const auto [error, count] = co_await asio::async_write(self->child_->input(), asio::buffer(line), kAwait);
    if (error) break;  // the end of its output says why
  }
}

asio::awaitable<void> StdioConnection::ReadMessages(std::shared_ptr<StdioConnection> self) {
  const bool whole = co_await ReadLines(self->child_->output(), kMaxMessageBytes, Overlong::kStop,
                                        [&self](std::string_view line) { self->OnLine(line); });
  if (!whole) {
    self->Break(fmt::format("the server sent a line of more than {} bytes", kMaxMessageBytes));
    co_return;
  }
  co_await Sleep(kFateDelay);
  const std::string fate = self->child_->Fate();
  self->Break(fmt::format("the server {}{}{}", fate.empty() ? "closed its output" : fate,
                          self->last_words_.empty() ? "" : "; its last words: ", self->last_words_));
}

asio::awaitable<void> StdioConnection::ReadErrors(std::shared_ptr<StdioConnection> self) {
  const auto on_line = [&self](std::string_view line) {
    if (line.empty()) return;
    self->last_words_ = Excerpt(line);
    LogInfo("mcp {}: {}", self->label_, self->last_words_);
  };
  // To the end, whatever comes: nobody may block on a full pipe.
  co_await ReadLines(self->child_->errors(), kMaxErrorLine, Overlong::kDrop, on_line);
}

void StdioConnection::OnLine(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.empty()) return;
  Result<std::vector<Message>> messages = ParseMessages(line);
  if (!messages) {
    // Programs print banners where only messages belong; what is meant for us is still understood.
    Log(std::exchange(strayed_, true) ? LogLevel::kDebug : LogLevel::kWarning, "mcp {}: on standard output: {}", label_,
        messages.error().message());
    return;
  }
  for (Message& message : *messages) {
    if (!message.is_response()) {
      incoming_(std::move(message));
    } else if (!pending_.Complete(std::move(message))) {
      LogDebug("mcp {}: a response that nobody waits for", label_);
    }
  }
}

void StdioConnection::Break(std::string why) {
  if (!broken_.empty()) return;
  broken_ = std::move(why);
  pending_.FailAll(Error(ErrorCode::kUnavailable, broken_));
}

asio::awaitable<void> StdioConnection::Close() {
  const auto self = shared_from_this();
  Break("the connection was closed");
  if (child_) co_await child_->End();
  tasks_.Cancel();
}

void StdioConnection::Abort() {
  Break("the connection was closed");
  tasks_.Cancel();
}

}  // namespace strata::mcp
