// Documents to chunks: the pieces that are embedded, indexed, found and cited.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/hash.h"
#include "base/result.h"
#include "formats/tokenizer.h"
#include "knowledge/document/document.h"

namespace strata::knowledge {

enum class ChunkMethod : std::uint8_t {
  kAuto,         ///< code by syntax, tables by rows, everything else recursively under its headings
  kParentChild,  ///< as kAuto, in small chunks that belong to large ones: the small are found, the large are read
  kQuestions,    ///< pairs of questions and answers (FAQ lists, two columns)
};

struct ChunkOptions {
  ChunkMethod method = ChunkMethod::kAuto;
  std::int64_t max_tokens = 220;     ///< of a chunk with its context, as the embedding model's tokenizer counts them
  std::int64_t overlap_tokens = 24;  ///< of running text; cut at sentences
  std::int64_t parent_tokens = 900;  ///< of kParentChild's large chunks
};

struct Chunk {
  std::string text;     ///< what is shown and cited: the document's text at `span`; rows of a table with their header
  std::string context;  ///< "Title > Heading > Heading": embedded before the text, indexed twice
  Span span;            ///< of ParsedDocument::text
  Place place = {};     ///< of its beginning
  std::int64_t tokens = 0;             ///< context and text, without special tokens
  std::optional<std::int32_t> parent;  ///< place of the large chunk in the same list, which comes before it
  bool searchable = true;              ///< false for parents
  bool hidden = false;                 ///< from hidden blocks
  Hash128 hash;                        ///< of EmbeddedText: equal hashes have equal vectors
};

/// What is embedded and counted: the context and the text, each on a line of its own.
std::string EmbeddedText(const Chunk& chunk);
/// What is searched for words: as EmbeddedText, with the context once more, since a word of a title or heading says
/// more of what a text is about than one in passing (tests/knowledge/debtags.py: nDCG@10 .397 with it once, .404 twice,
/// .402 three times).
std::string IndexedText(const Chunk& chunk);

/// In the order of the text. Every byte of the blocks' text that is not white space is in some chunk; no chunk has more
/// than max_tokens (a parent more than parent_tokens; limits below 32 count as 32), nor more than 16 bytes for each of
/// these tokens, which is for what a vocabulary makes one unknown token of. The same document and options give the same
/// chunks. Hidden text never stands in a chunk with text that can be seen.
std::vector<Chunk> ChunkDocument(const ParsedDocument& document, const Tokenizer& tokenizer,
                                 const ChunkOptions& options);

/// Changes whenever the same document would be chunked otherwise.
inline constexpr int kChunkerVersion = 1;

}  // namespace strata::knowledge
