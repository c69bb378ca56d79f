// SHA-256 (FIPS 180-4), for content that others must be able to compare. Cache keys use hash.h, which is faster.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"

namespace strata {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Add(std::span<const std::byte> bytes);
  /// 64 hexadecimal digits of all that was added. Once only. Errors: kInternal.
  Result<std::string> Hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace strata
