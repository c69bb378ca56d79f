#include "runtime/kept_weights.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>

#include "base/build_id.h"
#include "base/descriptor.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/memory_limit.h"
#include "runtime/operation.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".packed";

/// Of a file that was begun and never finished: nobody writes to it any more.
bool IsLeftBehind(const fs::directory_entry& entry) {
  std::error_code error;
  const auto modified = entry.last_write_time(error);
  return !error && fs::file_time_type::clock::now() - modified > std::chrono::hours(1);
}

void Remove(const fs::path& path) {
  std::error_code error;
  if (fs::remove(path, error)) LogInfo("removed {}", path.string());
}

}  // namespace

KeptWeights::KeptWeights(const std::string& directory, std::string_view key, std::size_t bytes)
    : bytes_(bytes),
      directory_(directory + "/weights"),
      build_(BuildId().substr(0, 16) + "-"),
      path_(fmt::format("{}/{}{}{}", directory_, build_, HashOf(key).ToHex(), kEnding)),
      label_(fmt::format("strata packed weights 1 {}\n", HashOf(key).ToHex())),
      hashes_(blocks()),
      left_(blocks()) {
  for (std::size_t i = 0; i < blocks(); ++i) left_[i] = std::min(kBlock, bytes - i * kBlock);
}

std::span<const std::byte> KeptWeights::Block(const MappedMemory& memory, std::size_t block) const {
  return std::span<const std::byte>(memory.data(), bytes_)
      .subspan(block * kBlock, std::min(kBlock, bytes_ - block * kBlock));
}

std::optional<MappedMemory> KeptWeights::Find(ThreadTeam& team) const {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return std::nullopt;
  struct stat info{};
  Result<MappedMemory> memory = MappedMemory::Map(memory_bytes(), "packed weights");
  if (!memory || ::fstat(file.get(), &info) != 0) return std::nullopt;
  const bool complete = static_cast<std::size_t>(info.st_size) == memory_bytes();
  if (complete && !memory->Cover(file.get())) return std::nullopt;
  if (!complete || !IsWhole(*memory, team)) {
    LogWarning("{} is damaged and is made anew", path_);
    Remove(path_);
    return std::nullopt;
  }
  std::error_code ignored;  // it is only for who looks for the oldest
  fs::last_write_time(path_, fs::file_time_type::clock::now(), ignored);
  return std::move(*memory);
}

bool KeptWeights::IsWhole(const MappedMemory& memory, ThreadTeam& team) const {
  const std::byte* const hashes = memory.data() + check_offset();
  const std::byte* const label = hashes + blocks() * sizeof(std::uint64_t);
  if (std::memcmp(label, label_.data(), label_.size()) != 0) return false;
  WorkQueue queue;
  std::atomic<bool> whole = true;
  team.Run([&](int) {
    queue.Drain(static_cast<std::int64_t>(blocks()), 1, [&](std::int64_t i, std::int64_t) {
      const auto block = static_cast<std::size_t>(i);
      std::uint64_t expected = 0;
      std::memcpy(&expected, hashes + block * sizeof expected, sizeof expected);
      if (Hash64(Block(memory, block)) != expected) whole = false;
    });
  });
  return whole;
}

bool KeptWeights::Begin() {
  std::error_code error;
  fs::create_directories(directory_, error);
  RemoveUseless();
  if (error || !MakeRoom()) {
    LogInfo("packed weights are not kept: {}",
            error ? fmt::format("{}: {}", directory_, error.message())
                  : fmt::format("no room for {} bytes in {}", memory_bytes(), directory_));
    return false;
  }
  Result<NewFile> file = NewFile::Create(path_);
  const Status reserved = file ? file->Reserve(memory_bytes()) : std::unexpected(file.error());
  if (!reserved) {
    LogInfo("packed weights are not kept: {}", reserved.error().ToString());
    return false;
  }
  file_.emplace(std::move(*file));
  return true;
}

void KeptWeights::RemoveUseless() const {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    const std::string name = entry.path().filename().string();
    const bool finished = name.ends_with(kEnding);
    if (finished ? !name.starts_with(build_) : name.contains(kEnding) && IsLeftBehind(entry)) Remove(entry.path());
  }
}

bool KeptWeights::MakeRoom() const {
  struct Kept {
    fs::file_time_type used;
    std::uintmax_t bytes;
    fs::path path;
  };
  std::error_code error;
  const fs::space_info space = fs::space(directory_, error);
  if (error) return false;
  std::vector<Kept> kept;
  std::uintmax_t room = space.available;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory_, error)) {
    if (entry.path().extension() != kEnding) continue;
    kept.push_back({entry.last_write_time(error), entry.file_size(error), entry.path()});
    if (error) return false;
    room += kept.back().bytes;
  }
  const std::uintmax_t wanted = memory_bytes() + space.capacity / 10;
  if (room < wanted) return false;
  std::ranges::sort(kept, {}, &Kept::used);
  room = space.available;
  for (auto oldest = kept.begin(); room < wanted; ++oldest) {
    Remove(oldest->path);
    room += oldest->bytes;
  }
  return true;
}

void KeptWeights::Done(MappedMemory& memory, std::size_t offset, std::size_t bytes) {
  const std::size_t end = offset + bytes;
  while (offset < end) {
    const std::size_t block = offset / kBlock, part = std::min(end, (block + 1) * kBlock) - offset;
    if (left_[block].fetch_sub(part) == part) Write(memory, block);
    offset += part;
  }
}

void KeptWeights::Write(MappedMemory& memory, std::size_t block) {
  const std::span<const std::byte> content = Block(memory, block);
  hashes_[block] = Hash64(content);
  const Status written = file_->WriteAt(block * kBlock, content);
  if (written) return DropPages(content);
  const std::lock_guard lock(mutex_);
  written_ = written;
}

Status KeptWeights::Finish(MappedMemory& memory) {
  STRATA_CHECK(written_);
  STRATA_CHECK(file_->WriteAt(check_offset(), std::as_bytes(std::span(hashes_))));
  STRATA_CHECK(file_->WriteAt(memory_bytes() - label_.size(), std::as_bytes(std::span(label_))));
  STRATA_CHECK(memory.Cover(file_->descriptor()));
  // Not waited for: what a crash leaves of it, the next start finds damaged.
  const Status named = file_->Finish(NewFile::Durability::kNone);
  if (!named) LogWarning("packed weights are not kept: {}", named.error().ToString());
  return {};
}

void OwnWeights(MappedMemory& memory, std::uint64_t spare, const std::stop_token& stop) {
  constexpr std::size_t kPiece = 16 * MappedMemory::kHugePage;
  Status own;
  for (std::size_t at = 0; at < memory.size() && own && !stop.stop_requested(); at += kPiece) {
    own = ReadMemoryLimit().available_bytes < spare + memory.size() - at
              ? Fail(ErrorCode::kResourceExhausted, "there is no memory for them")
              : memory.MakeOwn(at, std::min(kPiece, memory.size() - at));
    if (!own) {
      LogInfo("{} of {} bytes of packed weights stay a file's: {}", memory.size() - at, memory.size(),
              own.error().ToString());
    }
  }
  // Beside a full page cache the kernel looks for huge pages for a while, and then is left to move others out of the
  // way.
  constexpr int kPasses = 16;
  for (int pass = 0; pass < kPasses && memory.MakePagesHuge(stop) > 0 && !stop.stop_requested(); ++pass) {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
  }
}

}  // namespace strata
