// What everything about a knowledge base calls its parts by.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace strata::knowledge {

/// Numbers within one base, from 1, given once and never again, so that what was deleted cannot come back under a
/// number that somebody still holds. They are small enough to be places in a Bitmap.
using ChunkId = std::uint32_t;
using DocumentId = std::uint32_t;

/// Counts what was changed in a base, from 1: an index that knows a sequence knows everything up to it.
using Sequence = std::uint64_t;

/// Bytes [begin, end) of a document's text (ParsedDocument::text). Never splits a character.
struct Span {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
  bool operator==(const Span&) const = default;
};

/// A rectangle on a page, in points (1/72 inch) from its top left corner.
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
  bool operator==(const Box&) const = default;
};

/// Where something stands in the file that it came from.
struct Place {
  std::int32_t page = 0;  ///< from 1; slides and sheets count as pages; 0: the format has none
  Box box = {};           ///< all zero: not known
  bool operator==(const Place&) const = default;
};

/// Who may see a document. No user and no group: everybody who may ask the base. A principal sees a document that lists
/// it or a group of its, if it has every label of the document's.
struct Access {
  std::vector<std::string> users = {}, groups = {}, labels = {};
  bool operator==(const Access&) const = default;
};

/// Who asks.
struct Principal {
  std::string user = {};  ///< empty: nobody in particular
  std::vector<std::string> groups = {}, labels = {};
  bool sees_everything = false;  ///< the owner of the base
  bool operator==(const Principal&) const = default;
};

bool MaySee(const Principal& principal, const Access& access);

}  // namespace strata::knowledge
