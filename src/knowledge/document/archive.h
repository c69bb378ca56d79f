// Archives read from memory, every byte that they inflate to counted.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "knowledge/document/budget.h"

namespace strata::knowledge {

/// What was found at a place in an archive.
struct ArchiveEntry {
  std::string path;       ///< UTF-8, with '/'; a label: nothing is ever written to it
  std::string problem;    ///< why it has no content (a link, encrypted, a path that leaves the archive); else empty
  std::int64_t size = 0;  ///< as the archive says; 0 where it does not
};

/// Calls `visit(entry, content)` for each file, in the archive's order. `wants` is asked first: what nobody wants is
/// not inflated. Errors: kCorrupt, kResourceExhausted, naming archive and entry, and those of `visit`.
Status ForEachEntry(std::string_view archive, std::string_view name, ParseBudget& budget,
                    const std::function<bool(const ArchiveEntry&)>& wants,
                    const std::function<Status(const ArchiveEntry&, std::string content)>& visit);

inline constexpr std::int64_t kMostKeptBytes = 128 << 20;

/// The parts of a zip file that is one document (OOXML, EPUB), by path; of several with one path the first. Only parts
/// whose names end as markup does are kept, and of those that `also_kept` wants as many as fit into kMostKeptBytes; the
/// others of these are there without content.
Result<std::map<std::string, std::string, std::less<>>> ReadPackage(std::string_view archive, std::string_view name,
                                                                    ParseBudget& budget,
                                                                    bool (*also_kept)(std::string_view path) = nullptr);

}  // namespace strata::knowledge
