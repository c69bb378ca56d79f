// Files for tests, made here: packages of parts, with whatever is wrong in them.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace strata::knowledge {

inline std::span<const std::byte> AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

struct TestEntry {
  std::string path, content, link = {};  ///< link: a symlink to there
};

enum class TestArchive { kZip, kTarGz };
/// By libarchive, in order, paths and repetitions as they are.
std::string MakeArchive(TestArchive kind, const std::vector<TestEntry>& entries);
/// One compressed file that is no archive.
std::string Gzip(std::string_view content);

/// The smallest valid files of their formats around the given XML.
std::string MakeDocx(std::string_view body);
std::string MakeXlsx(std::string_view sheet_data, std::string_view before = {}, std::string_view after = {});
std::string MakePptx(const std::vector<std::string>& shapes_of_slides);
std::string MakeEpub(const std::vector<std::string>& chapters);

/// A valid file of each format, by name, with a few lines of text that say "river".
const std::map<std::string, std::string>& ValidSamples();

}  // namespace strata::knowledge
