// hostile BASE FOLDER: adds each file below FOLDER to a new base in the folder BASE, with limits that are a tenth of
// the usual ones; then writes a line of JSON for each: file, done, error, bytes of its documents and of all text,
// seconds waited for it. Ends with an error where the base has not kept its promises.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sys/resource.h>

#include "base/unicode.h"
#include "knowledge/ingest/source_uri.h"
#include "knowledge/search/test_base.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;

constexpr ParseLimits kLimits = {.memory_bytes = 512 << 20,
                                 .time = std::chrono::seconds(6),
                                 .text_bytes = 4 << 20,
                                 .inflated_bytes = 48 << 20,
                                 .entries = 1000,
                                 .depth = 4,
                                 .pages = 1000,
                                 .image_bytes = 64 << 20,
                                 .recognition_time = std::chrono::seconds(20)};

Status Run(const std::string& location, const std::string& folder) {
  WordEmbedder embedder;
  STRATA_CHECK(KnowledgeBase::Create(location, {.embedding_model = "words"}, embedder));
  STRATA_TRY(const auto base, KnowledgeBase::Open(location, embedder, {.limits = kLimits}));
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(fs::canonical(entry.path()));
  }
  std::ranges::sort(files);
  std::vector<std::int64_t> jobs;
  for (const std::string& file : files) {
    STRATA_TRY(const std::int64_t job, base->Add({.path = file}));
    jobs.push_back(job);
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const auto start = std::chrono::steady_clock::now();
    STRATA_TRY(const Job job, base->WaitFor(jobs[i]));
    nlohmann::json line = {{"file", fs::relative(files[i], fs::canonical(folder))},
                           {"done", job.state == JobState::kDone},
                           {"error", job.error},
                           {"documents", nlohmann::json::object()},
                           {"bytes", 0},
                           {"waited", std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()}};
    STRATA_TRY(const auto records, base->store().DocumentsOfSource(FileUri(files[i])));
    std::size_t bytes = 0;
    for (const DocumentRecord& record : records) {
      STRATA_TRY(const auto text, base->store().Text(record.id));
      if (!text || !IsValidUtf8(*text)) return Fail(ErrorCode::kInternal, "{}: the text is no UTF-8", record.uri);
      if (text->contains("root:x:")) return Fail(ErrorCode::kInternal, "{}: has a file of the machine", record.uri);
      bytes += text->size();
      line["documents"][record.uri] = text->size();
      line["river"] = line.value("river", false) || text->contains("river");
    }
    line["bytes"] = bytes;
    fmt::print("{}\n", line.dump());
  }
  // The others are as findable as ever.
  STRATA_TRY(const std::int64_t job, base->Add({.content = "An unharmed wordxyz.", .name = "last.txt"}));
  STRATA_CHECK(base->WaitFor(job));
  STRATA_CHECK(base->WaitForVectors());
  const Ranking found = base->lexical().Search("wordxyz", 10);
  STRATA_TRY(const Store::Counts counts, base->store().Count());
  const auto live = static_cast<std::size_t>(counts.chunks);
  if (found.size() != 1 || base->lexical().size() != live || base->vectors().size() != live) {
    return Fail(ErrorCode::kInternal, "the indexes have {} and {} chunks, the store {}", base->lexical().size(),
                base->vectors().size(), live);
  }
  rusage children{}, self{};
  ::getrusage(RUSAGE_CHILDREN, &children);
  ::getrusage(RUSAGE_SELF, &self);
  fmt::print(
      "{}\n",
      nlohmann::json{{"parser_megabytes", children.ru_maxrss / 1024}, {"megabytes", self.ru_maxrss / 1024}}.dump());
  return {};
}

}  // namespace
}  // namespace strata::knowledge

int main(int argc, char** argv) {
  if (argc != 3) {
    fmt::print(stderr, "usage: hostile BASE FOLDER\n");
    return 2;
  }
  const strata::Status done = strata::knowledge::Run(argv[1], argv[2]);
  if (!done) fmt::print(stderr, "hostile: {}\n", done.error().ToString());
  return done ? 0 : 1;
}
