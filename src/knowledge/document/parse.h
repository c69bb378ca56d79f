// Files to text. What comes from outside is read in a child process that can hurt nobody: limits on memory, time and
// output, no network, no files but the one that it was given.
//
//   STRATA_TRY(std::vector<ParsedDocument> documents, ParseInChild(file, "report.pdf", {}));
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "knowledge/document/document.h"

namespace strata::knowledge {

struct ParseLimits {
  std::size_t memory_bytes = std::size_t{1} << 30;
  std::chrono::seconds time{120};
  std::size_t text_bytes = 64 << 20;       ///< of all text that comes out
  std::size_t inflated_bytes = 512 << 20;  ///< of all that archives and streams are inflated to, counted as it comes
  int entries = 10000;                     ///< of an archive, with those of archives within
  int depth = 4;                           ///< of archives within archives
  std::int32_t pages = 20000;
  std::size_t image_bytes = 256 << 20;  ///< of one picture or page when it is decoded; then it is gone
  /// That recognising text in pictures may take beside `time`, which then is for each of their pages and the rest.
  std::chrono::seconds recognition_time{1800};
};

/// Reads a file in this process: for the child, for fuzzers and for tests. `name` tells the format where the content
/// does not. One document for most files; several for archives, mails with attachments. Errors: kUnsupported naming the
/// format, kCorrupt naming what and where, kResourceExhausted naming the limit, kNotFound naming what pictures or PDF
/// need. `on_page` is called after each page whose text was recognised.
Result<std::vector<ParsedDocument>> ParseFile(std::span<const std::byte> file, std::string_view name,
                                              const ParseLimits& limits, std::function<void()> on_page = {});

/// ParseFile in a child process, which is killed at the limits. Errors as above; kResourceExhausted for time and
/// memory; kCorrupt naming the signal where the parser died.
Result<std::vector<ParsedDocument>> ParseInChild(std::span<const std::byte> file, std::string_view name,
                                                 const ParseLimits& limits);

}  // namespace strata::knowledge
