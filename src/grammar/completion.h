// How a text can be brought to an end from where it stands.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "grammar/machine.h"

namespace strata::grammar {

/// What a search looks at: nothing that is wider than ASCII or white, everything but escapes, everything.
enum class BytesToTry : std::uint8_t { kPlain, kUnescaped, kAll };

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
  struct Found {
    std::optional<std::string> text;
    bool everything = false;  ///< nothing was left to look at
  };
  /// Best first: `cost(calls still open, bytes so far)` is least.
  template <class Cost>
  Found Search(ConfigId from, BytesToTry which, Cost cost);
  const Way* KnownWay(ConfigId config) const;

  Machine& machine_;
  std::unordered_map<ConfigId, Way> ways_;
};

}  // namespace strata::grammar
