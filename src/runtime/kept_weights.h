// Inside runtime: packed weights in a file of the cache directory, so that the next start maps them instead of packing
// them anew. They are the page cache's then: processes share them, and nothing is copied or cleared at a start.
//
//   KeptWeights kept(directory, key, bytes);
//   if (auto memory = kept.Find(team)) ...
//   else if (kept.Begin()) { pack into memory; kept.Done(...) for each part; STRATA_CHECK(kept.Finish(memory)); }
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_memory.h"
#include "base/new_file.h"
#include "base/result.h"
#include "base/thread_team.h"

namespace strata {

/// File: the weights as they lie in memory, the hash of each block, a line with the magic and the key. It is named by
/// the build and the key; files of other builds are removed, and those that were not used for longest where room is
/// needed.
class KeptWeights {
 public:
  /// What is written, hashed and mapped at once: a huge page, so that the kernel maps the file by those where its file
  /// system can.
  static constexpr std::size_t kBlock = MappedMemory::kHugePage;

  /// `key` must differ wherever any of the bytes may.
  KeptWeights(const std::string& directory, std::string_view key, std::size_t bytes);

  /// Of the memory: the weights, and behind them what tells whether they are whole.
  std::size_t memory_bytes() const { return check_offset() + blocks() * sizeof(std::uint64_t) + label_.size(); }

  /// A file of this build and key, every block of which has its hash. A damaged one is removed, with a warning.
  std::optional<MappedMemory> Find(ThreadTeam& team) const;

  /// Makes room and a file. False, with a line in the log, where that cannot be: a tenth of the disk stays free.
  bool Begin();
  /// [offset, offset + bytes) of `memory` is packed. What is whole blocks then is written, and its pages are given
  /// back. From any thread; each byte once.
  void Done(MappedMemory& memory, std::size_t offset, std::size_t bytes);
  /// After all bytes: `memory` becomes the file. Errors: kIo; what was in `memory` is lost then.
  Status Finish(MappedMemory& memory);

 private:
  std::size_t blocks() const { return (bytes_ + kBlock - 1) / kBlock; }
  std::size_t check_offset() const { return (bytes_ + 63) / 64 * 64; }
  /// The weights of `memory` in a block.
  std::span<const std::byte> Block(const MappedMemory& memory, std::size_t block) const;
  bool IsWhole(const MappedMemory& memory, ThreadTeam& team) const;
  void RemoveUseless() const;
  bool MakeRoom() const;
  void Write(MappedMemory& memory, std::size_t block);

  std::size_t bytes_;
  std::string directory_;
  std::string build_;  ///< what names of files begin with
  std::string path_;
  std::string label_;
  std::vector<std::uint64_t> hashes_;
  std::vector<std::atomic<std::size_t>> left_;  ///< bytes of each block that are not packed yet
  std::optional<NewFile> file_;
  std::mutex mutex_;
  Status written_;
};

/// Weights that are a file's become the process's own, piece by piece, for a model that stays: a file's pages are huge
/// in few kernels, and in a virtual machine some of them are read a fifth slower even then. Then their pages are made
/// huge. Ends early when asked to, and where less than `spare` bytes of memory would be left.
void OwnWeights(MappedMemory& memory, std::uint64_t spare, const std::stop_token& stop);

}  // namespace strata
