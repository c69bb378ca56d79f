// When nobody can still be reading what was taken out of sight: readers that began before a period started have ended.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace strata::knowledge {

class GracePeriod {
 public:
  /// Present while something is read.
  class Reader {
   public:
    explicit Reader(GracePeriod& period) : period_(period) {
      for (;;) {
        epoch_ = period_.epoch_.load();
        period_.readers_[epoch_ % 2].fetch_add(1);
        if (period_.epoch_.load() == epoch_) return;
        period_.readers_[epoch_ % 2].fetch_sub(1);
      }
    }
    ~Reader() { period_.readers_[epoch_ % 2].fetch_sub(1); }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    GracePeriod& period_;
    std::uint32_t epoch_;
  };

  // Of one writer. A period may start when the last one has passed.
  void Start() { epoch_.fetch_add(1); }
  bool Passed() const { return readers_[(epoch_.load() + 1) % 2].load() == 0; }

 private:
  std::atomic<std::uint32_t> epoch_ = 0;
  std::array<std::atomic<std::int32_t>, 2> readers_ = {};
};

}  // namespace strata::knowledge
