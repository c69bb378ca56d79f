#include "engine/mask_ahead.h"

#include <utility>

#include <pthread.h>

namespace strata {

MaskAhead::MaskAhead() : thread_([this] { Loop(); }) { ::pthread_setname_np(thread_.native_handle(), "strata/masks"); }

MaskAhead::~MaskAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void MaskAhead::Begin(std::vector<Sequence*> sequences) {
  {
    const std::lock_guard lock(mutex_);
    sequences_ = std::move(sequences);
    next_ = 0;
  }
  changed_.notify_all();
}

void MaskAhead::Finish() {
  std::unique_lock lock(mutex_);
  next_ = sequences_.size();
  changed_.wait(lock, [&] { return !filling_; });
}

void MaskAhead::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || next_ < sequences_.size(); });
    if (stopping_) return;
    Sequence& sequence = *sequences_[next_++];
    filling_ = true;
    lock.unlock();
    sequence.FillMask();
    lock.lock();
    filling_ = false;
    if (next_ == sequences_.size()) changed_.notify_all();
  }
}

}  // namespace strata
