// One knowledge base: the store and what makes searching it fast.
//
//   STRATA_TRY(auto base, KnowledgeBase::Open(location, embedder));
//   STRATA_TRY(std::int64_t job, base->Add({.path = "/srv/docs/a.pdf"}));   // durable once it returns
//   base->WaitFor(job);                                                   // then every search finds it
//
// Searching and answering are search/ and answer/, which take a base.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
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

/// A document to be read.
struct DocumentSource {
  std::string path = {};     ///< of a file on this machine
  std::string content = {};  ///< or the file itself, with its name
  std::string name = {};
  std::string uri = {};  ///< empty: from the path or the name
  nlohmann::json metadata = nlohmann::json::object();
  Access access = {};
};

class KnowledgeBase {
 public:
  /// `location`: a folder, or postgres://...; errors: kAlreadyExists.
  static Status Create(const std::string& location, const BaseOptions& options, const Embedder& embedder);
  /// Errors: kNotFound; kInvalidArgument when the embedder's fingerprint is not the base's. The embedder outlives it.
  static Result<std::unique_ptr<KnowledgeBase>> Open(const std::string& location, Embedder& embedder,
                                                     const ParseLimits& limits = {});
  /// What Open would need.
  static Result<BaseOptions> OptionsOf(const std::string& location);
  /// Saves the indexes; jobs that run go on when it is opened again.
  ~KnowledgeBase();

  // Jobs. What returned a number is not lost, whatever happens. Equal content is not read again.
  Result<std::int64_t> Add(const DocumentSource& source);
  Result<std::int64_t> Remove(std::string_view uri);  ///< kNotFound
  Result<Job> WaitFor(std::int64_t job);              ///< until it ended; found by searches, then
  Result<bool> Cancel(std::int64_t job);
  Status SetMetadata(DocumentId id, const nlohmann::json& metadata);
  Status SetAccess(DocumentId id, const Access& access);

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
