// Token masks made while the runner computes the step whose samples will need them: what a grammar allows next depends
// on the tokens so far, not on the logits.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <thread>
#include <vector>

#include "engine/sequence.h"

namespace strata {

/// A thread that fills the masks of a step's sequences. It pays where the runner leaves a core to it; elsewhere it
/// would only take turns with the step that it is meant to hide behind.
class MaskAhead {
 public:
  MaskAhead();
  ~MaskAhead();
  MaskAhead(const MaskAhead&) = delete;
  MaskAhead& operator=(const MaskAhead&) = delete;

  /// Begins with the masks of `sequences`, each with a matcher, in this order. Their matchers and masks are the
  /// thread's until Finish.
  void Begin(std::vector<Sequence*> sequences);
  /// Waits for the mask that is being filled. Those that were not begun stay for whoever samples.
  void Finish();

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Sequence*> sequences_;  ///< of this step
  std::size_t next_ = 0;              ///< the first of them that was not begun
  bool filling_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace strata
