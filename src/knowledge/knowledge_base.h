// One knowledge base: the store and what makes searching it fast.
//
//   STRATA_TRY(auto base, KnowledgeBase::Open(location, embedder));
//   STRATA_TRY(std::int64_t job, base->Add({.path = "/srv/docs/a.pdf"}));   // durable once it returns
//   base->WaitFor(job);                                                   // then every search finds it by its words
//   base->WaitForVectors();                                               // ... and by its meaning
//
// Several processes may have one base open: one of them works on the jobs (Store::TryLease), all see what it did within
// a fraction of a second. Searching and answering are search/ and answer/, which take a base.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "knowledge/chunk/chunk.h"
#include "knowledge/document/parse.h"
#include "knowledge/lexical/index.h"
#include "knowledge/models.h"
#include "knowledge/search/document_table.h"
#include "knowledge/store/store.h"
#include "knowledge/vectors/index.h"

namespace strata::knowledge {

/// What a base is made with; kept in its store, and the same for all its life.
struct BaseOptions {
  std::string embedding_model;  ///< name, as the one who opens it finds it
  std::string language = "english";
  ChunkOptions chunks = {};
  VectorStorage storage = VectorStorage::kF16;
};

/// How a process uses it.
struct OpenOptions {
  ParseLimits limits = {};
  /// Where the indexes of a base lie that is in a database: a folder of this machine, which is made. A base in a folder
  /// has them there.
  std::string index_folder = {};
  bool ingest = true;  ///< works on jobs, when no other process does
};

/// A document to be read.
struct DocumentSource {
  std::string path = {};     ///< of a file on this machine
  std::string content = {};  ///< or the file itself, with its name
  std::string name = {};
  std::string uri = {};  ///< empty: from the path or the name
  /// Not given: a document that is there keeps what it has. A new one has none, and everybody may see it.
  std::optional<nlohmann::json> metadata = {};
  std::optional<Access> access = {};
};

class KnowledgeBase {
 public:
  /// `location`: a folder, or postgres://... (CreateStore). Errors: kInvalidArgument when there is a base already, for
  /// chunks that are longer than the embedder's texts, for metadata that is no object.
  static Status Create(const std::string& location, const BaseOptions& options, const Embedder& embedder);
  /// Errors: kNotFound; kInvalidArgument when the embedder's fingerprint is not the base's. The embedder outlives it.
  static Result<std::unique_ptr<KnowledgeBase>> Open(const std::string& location, Embedder& embedder,
                                                     const OpenOptions& options = {});
  /// What Open would need.
  static Result<BaseOptions> OptionsOf(const std::string& location);
  /// Removes store and indexes. Who works on the base in the background ends first. Errors: kUnavailable when somebody
  /// works on it still; who only reads it must not have it open.
  static Status Delete(const std::string& location, const std::string& index_folder = {});
  /// Saves the indexes; jobs that run go on when it is opened again.
  ~KnowledgeBase();

  // Jobs. What returned a number is not lost, whatever happens. Equal content is not read again. Jobs of one source run
  // in their order.
  Result<std::int64_t> Add(const DocumentSource& source);
  Result<std::vector<std::int64_t>> AddAll(std::span<const DocumentSource> sources);  ///< all or none
  Result<std::int64_t> Remove(
      std::string_view uri);  ///< a document, or all of a source's, or what is being added; kNotFound
  /// As the store's; what ended in a job that they give is found by searches that begin afterwards.
  Result<std::optional<Job>> FindJob(std::int64_t job);
  Result<std::vector<Job>> Jobs(std::optional<JobState> state, std::int64_t after, std::size_t limit);
  Result<Job> WaitFor(std::int64_t job);  ///< until it ended
  /// Until no chunk waits for its vector any more. on_left(how many do) is called now and then; false ends the waiting.
  Status WaitForVectors(const std::function<bool(std::int64_t left)>& on_left = {}) const;
  Result<bool> Cancel(std::int64_t job);
  Status SetMetadata(DocumentId id, const nlohmann::json& metadata);
  Status SetAccess(DocumentId id, const Access& access);  ///< holds for every search that begins after it
  /// Afterwards no byte of what was removed is left in the store's files and the indexes'. Slow.
  Status Compact();
  /// Somebody waits for who works on it to end.
  Result<bool> IsToBeDeleted() const;

  // For searches. What a call before it has changed is in them.
  const LexicalIndex& lexical() const;
  const VectorIndex& vectors() const;
  const DocumentTable& documents() const;
  Store& store() const;
  Embedder& embedder() const;
  const BaseOptions& options() const;

 private:
  struct State;
  explicit KnowledgeBase(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace strata::knowledge
