// A progress bar on stderr.
#pragma once

#include <cstdio>
#include <string_view>

#include <unistd.h>

namespace strata::cli {

/// A bar that redraws itself on a terminal and stays silent elsewhere.
class ProgressBar {
 public:
  void Update(double fraction, std::string_view stage) {
    if (!terminal_) return;
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(fraction * kWidth);
    std::fprintf(stderr, "\r\033[K[%.*s%.*s] %3.0f%% %.*s", filled, "##############################", kWidth - filled,
                 "..............................", fraction * 100, static_cast<int>(stage.size()), stage.data());
    shown_ = true;
  }
  ~ProgressBar() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) == 1;
  bool shown_ = false;
};

}  // namespace strata::cli
