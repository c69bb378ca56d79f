#include "knowledge/ingest/folder_watch.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace strata::knowledge {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

/// A file is looked at when it is closed, not at each piece that is written to it.
constexpr std::uint32_t kEvents =
    IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

/// Who writes many files has them read together: a pause of this length ends a change, or so much time since it began.
constexpr milliseconds kPause{50}, kLongest{500};

}  // namespace

Result<FolderWatch> FolderWatch::Open() {
  Descriptor descriptor(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (descriptor.get() < 0) return Fail(ErrorCode::kIo, "cannot watch folders: {}", std::strerror(errno));
  return FolderWatch(std::move(descriptor));
}

FolderWatch::Added FolderWatch::Add(const std::vector<std::string>& folders) {
  Added added;
  for (const std::string& folder : folders) {
    const int number = ::inotify_add_watch(descriptor_.get(), folder.c_str(), kEvents);
    if (number >= 0) {
      added.any_new |= watched_.insert(number).second;
    } else {
      added.refused |= errno == ENOSPC || errno == ENOMEM;
    }
  }
  return added;
}

FolderWatch::Woken FolderWatch::Wait(milliseconds timeout, int other) {
  std::array<pollfd, 2> polled = {pollfd{.fd = descriptor_.get(), .events = POLLIN, .revents = 0},
                                  pollfd{.fd = other, .events = POLLIN, .revents = 0}};
  const auto wait = [&](milliseconds time) {
    const Clock::time_point end = Clock::now() + time;
    int ready = 0;
    do {
      const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
      ready = ::poll(polled.data(), polled.size(), static_cast<int>(std::max(left, milliseconds(0)).count()));
    } while (ready < 0 && errno == EINTR);
    if (ready <= 0) return Woken::kTimeout;
    return polled[1].revents != 0 ? Woken::kOther : Woken::kChange;
  };
  Woken woken = wait(timeout);
  if (woken != Woken::kChange) return woken;
  const Clock::time_point end = Clock::now() + kLongest;
  do {
    Drain();
    woken = wait(kPause);
  } while (woken == Woken::kChange && Clock::now() < end);
  return woken == Woken::kOther ? Woken::kOther : Woken::kChange;
}

void FolderWatch::Drain() {
  alignas(inotify_event) std::array<char, 1 << 14> buffer;
  for (ssize_t size = 0; (size = ::read(descriptor_.get(), buffer.data(), buffer.size())) > 0;) {
    for (std::size_t at = 0; at < static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + at, sizeof event);
      if ((event.mask & IN_IGNORED) != 0) watched_.erase(event.wd);  // the folder is gone
      at += sizeof event + event.len;
    }
  }
}

}  // namespace strata::knowledge
