// The right to work on a base's jobs: one process at a time.
#pragma once

namespace strata::knowledge {

/// Ends with the process that holds it, however that ends.
class Lease {
 public:
  virtual ~Lease() = default;
  virtual bool Held() = 0;  ///< false for ever once it is lost (the connection to the database broke)
};

}  // namespace strata::knowledge
