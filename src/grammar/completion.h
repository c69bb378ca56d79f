// How a text can be brought to an end from where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "grammar/machine.h"

namespace strata::grammar {

/// Remembers what it has found: answers of one grammar end in the same few ways. Not thread-safe.
class Completions {
 public:
  explicit Completions(Machine& machine) : machine_(machine) {}

  /// Bytes after which the text is of the grammar: few, though not always the fewest. Empty where it may end already;
  /// nullopt where a search of bounded size finds none.
  std::optional<std::string> Find(ConfigId from);

 private:
  /// How it goes on from a config.
  struct Way {
    std::uint32_t bytes;  ///< to the end; 0 where no way was found
    std::uint8_t byte;    ///< the first of them
    ConfigId next;        ///< behind it; kDeadConfig = none was found
  };
  template <class Cost>
  std::optional<std::string> Search(ConfigId from, Cost cost);
  const Way* KnownWay(ConfigId config) const;

  Machine& machine_;
  std::unordered_map<ConfigId, Way> ways_;
};

}  // namespace strata::grammar
