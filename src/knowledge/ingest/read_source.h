// From a job to versions of documents that lack only vectors: read, parse, chunk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/tokenizer.h"
#include "knowledge/chunk/chunk.h"
#include "knowledge/document/parse.h"
#include "knowledge/store/store.h"

namespace strata::knowledge {

/// A file as a job names it.
struct SourceFile {
  std::string content;
  std::string name;           ///< without folders
  std::string sha256;         ///< 64 hexadecimal digits
  std::int64_t modified = 0;  ///< DocumentRecord::modified
};

/// A file of more bytes is not read.
inline constexpr std::size_t kLargestFile = std::size_t{512} << 20;

/// From the job's path or its upload. Errors: kNotFound, kIo, kResourceExhausted for one that is too large.
Result<SourceFile> ReadSourceFile(Store& store, const Job& job);

/// One version a document in it; vectors are still empty. Metadata and access are the job's, where it has them. Errors:
/// the parser's.
Result<std::vector<DocumentVersion>> ReadDocuments(const SourceFile& file, const Job& job, const ParseLimits& limits,
                                                   const Tokenizer& tokenizer, const ChunkOptions& options);

// What a job's arguments hold.
nlohmann::json AccessToJson(const Access& access);
Access AccessFromJson(const nlohmann::json& json);

}  // namespace strata::knowledge
