// The models in the user's cache: where they lie, and their checksums. Beside a model NAME.gguf, or a folder NAME, lies
// NAME.sha256: where it came from as a comment, and a line a file as sha256sum writes them, so that sha256sum -c reads
// it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace strata::cli {

std::string ModelsDirectory();  ///< created

Result<std::string> Sha256Of(const std::string& path);  ///< 64 hexadecimal digits

struct Checksum {
  std::string sha256;
  std::string file;  ///< relative
};
/// Lines "HEX  FILE" or "HEX *FILE"; comments begin with #. `where` stands for the text in errors: kCorrupt for
/// anything else, for absolute paths and for those that leave the folder.
Result<std::vector<Checksum>> ParseChecksums(std::string_view text, const std::string& where);

/// A model in the cache.
struct StoredModel {
  std::string name;
  std::string path;  ///< of the file or folder

  std::string record() const { return ModelsDirectory() + "/" + name + ".sha256"; }
};
std::string PathOfModel(const std::string& name, bool folder);  ///< in the cache
std::vector<StoredModel> StoredModels();                        ///< by name

/// Where a model from a source goes. Errors: kInvalidArgument for an impossible name, and one that a model from
/// elsewhere has.
Result<StoredModel> PlaceFor(const std::string& name, bool folder, const std::string& source);
/// Whether it is there, from this source.
bool IsStored(const StoredModel& model);
/// Writes the record of a model that has come.
Status Record(const StoredModel& model, const std::string& source);
/// Compares all files with the record. Errors: kNotFound for a model without one, kCorrupt naming each file that
/// differs.
Status Verify(const std::string& name);

}  // namespace strata::cli
