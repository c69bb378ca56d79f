#include "base/new_file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace strata {
namespace {

std::unexpected<Error> SystemError(std::string_view what, const std::string& path) {
  return Fail(ErrorCode::kIo, "{} {}: {}", what, path, std::strerror(errno));
}

}  // namespace

Result<NewFile> NewFile::Create(const std::string& path) {
  NewFile file(path);
  file.temporary_ = path + ".XXXXXX";
  file.descriptor_ = ::mkostemp(file.temporary_.data(), O_CLOEXEC);
  if (file.descriptor_ < 0) return SystemError("create", file.temporary_);
  return file;
}

NewFile::NewFile(NewFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      end_(other.end_) {}

NewFile::~NewFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

Status NewFile::Write(std::span<const std::byte> bytes) {
  STRATA_CHECK(WriteAt(end_, bytes));
  end_ += bytes.size();
  return {};
}

Status NewFile::WriteAt(std::size_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return SystemError("write", temporary_);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
    offset += static_cast<std::size_t>(written);
  }
  return {};
}

Status NewFile::Reserve(std::size_t bytes) {
  return ::fallocate(descriptor_, 0, 0, static_cast<off_t>(bytes)) == 0 ? Status() : SystemError("reserve", temporary_);
}

Status NewFile::Finish(Durability durability) {
  if (::fchmod(descriptor_, 0644) != 0) return SystemError("chmod", temporary_);
  if (durability == Durability::kSynced && ::fsync(descriptor_) != 0) return SystemError("sync", temporary_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) return SystemError("rename", temporary_);
  ::close(std::exchange(descriptor_, -1));
  return {};
}

}  // namespace strata
