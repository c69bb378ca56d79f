// posix_spawn of strata-parse: the file in a sealed memory file as its stdin, the answer over a pipe, in a process
// group of its own that is killed when the time is over.
#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/descriptor.h"
#include "base/log.h"
#include "base/spawn.h"
#include "knowledge/document/parse.h"
#include "knowledge/document/pdfium_path.h"
#include "knowledge/document/tessdata_path.h"
#include "knowledge/document/wire.h"

namespace strata::knowledge {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr int kExitNoFilter = 3;
// Blocks, spans and names beside the text.
constexpr std::size_t kAnswerFactor = 4, kAnswerBase = 1 << 20;
/// A parser that dies with more than this part of its memory in use died of want of memory.
constexpr std::size_t kMemoryShare = 4;

/// strata-parse beside this program, where it is installed, or where the build left it.
Result<std::string> ParserProgram() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  for (const fs::path& candidate :
       {self.parent_path() / "strata-parse", self.parent_path() / "../libexec/strata/strata-parse",
        fs::path(STRATA_PARSE_BUILT)}) {
    if (::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  return Fail(ErrorCode::kNotFound, "the program strata-parse is not beside {}", self.string());
}

Result<int> MemoryFile(std::span<const std::byte> bytes) {
  const int fd = ::memfd_create("strata-parse", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return Fail(ErrorCode::kIo, "cannot make a memory file: {}", std::strerror(errno));
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int reason = errno;
      ::close(fd);
      return Fail(ErrorCode::kResourceExhausted, "cannot copy the file for the parser: {}", std::strerror(reason));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
  return fd;
}

/// 0 or an errno. The child's environment says where PDFium and Tesseract's data are; it has no signal mask and no
/// descriptor but these three.
int Spawn(const std::string& program, std::vector<std::string> arguments, int input, int output, pid_t& child) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::string pdfium = "STRATA_PDFIUM=" + PdfiumPath();
  std::string tessdata = "TESSDATA_PREFIX=" + TessdataPath();
  std::string languages = "STRATA_OCR_LANGUAGES=" + OcrLanguages();
  std::string threads = "OMP_THREAD_LIMIT=1";  // the sandbox lets nobody start a thread
  std::array<char*, 5> environment = {pdfium.data(), tessdata.data(), languages.data(), threads.data(), nullptr};
  SpawnSetup setup;
  ::posix_spawn_file_actions_adddup2(&setup.actions, input, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&setup.actions, output, STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&setup.actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addclosefrom_np(&setup.actions, 3);
  return ::posix_spawn(&child, program.c_str(), &setup.actions, &setup.attributes, argv.data(), environment.data());
}

enum class Ended { kByItself, kLate, kTooLong };

/// The time limit starts again with each page that was recognised, as long as all of that does not take too long.
Ended ReadAnswer(int fd, const ParseLimits& limits, std::string& answer) {
  const std::size_t most = limits.text_bytes * kAnswerFactor + kAnswerBase;
  Clock::time_point deadline = Clock::now() + limits.time;
  const Clock::time_point last_deadline = deadline + limits.recognition_time;
  std::vector<char> buffer(256 << 10);
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return Ended::kLate;
    pollfd waiting{fd, POLLIN, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(std::min<std::int64_t>(left + 1, 60'000)));
    if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Ended::kByItself;
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (answer.empty() && bytes.starts_with(kPageRead)) {
      bytes.remove_prefix(std::min(bytes.find_first_not_of(kPageRead), bytes.size()));
      deadline = std::min(Clock::now() + limits.time, last_deadline);
    }
    answer += bytes;
    if (answer.size() > most) return Ended::kTooLong;
  }
}

struct ChildEnd {
  Ended ended = Ended::kByItself;
  int status = 0;
  std::size_t memory_bytes = 0;  ///< that it had resident at most
  std::string answer;
};

Result<ChildEnd> RunChild(std::span<const std::byte> file, std::string_view name, const ParseLimits& limits,
                          bool filter) {
  STRATA_TRY(const std::string program, ParserProgram());
  STRATA_TRY(const int memory_file, MemoryFile(file));
  const Descriptor input(memory_file);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Fail(ErrorCode::kIo, "cannot make a pipe: {}", std::strerror(errno));
  const Descriptor output(ends[0]);
  Descriptor child_output(ends[1]);
  std::vector<std::string> arguments = {"strata-parse"};
  for (const std::uint64_t number :
       {std::uint64_t{limits.memory_bytes}, static_cast<std::uint64_t>(limits.time.count()),
        std::uint64_t{limits.text_bytes}, std::uint64_t{limits.inflated_bytes},
        static_cast<std::uint64_t>(limits.entries), static_cast<std::uint64_t>(limits.depth),
        static_cast<std::uint64_t>(limits.pages), std::uint64_t{limits.image_bytes},
        static_cast<std::uint64_t>(limits.recognition_time.count())}) {
    arguments.push_back(std::to_string(number));
  }
  arguments.emplace_back(filter ? "filter" : "limits");
  // Only the end of the name tells the format; a longer one than any path is cut, and no zero byte ends it early.
  std::string label(name.substr(name.size() - std::min<std::size_t>(name.size(), 4096)));
  std::ranges::replace(label, '\0', '?');
  arguments.push_back(std::move(label));
  pid_t child = 0;
  if (const int error = Spawn(program, std::move(arguments), input.get(), child_output.get(), child); error != 0) {
    return Fail(ErrorCode::kIo, "cannot run {}: {}", program, std::strerror(error));
  }
  child_output.Close();
  ChildEnd end;
  end.ended = ReadAnswer(output.get(), limits, end.answer);
  // Also after a good end: nothing that it may have started goes on.
  ::kill(-child, SIGKILL);
  rusage used{};
  while (::wait4(child, &end.status, 0, &used) < 0 && errno == EINTR) {
  }
  end.memory_bytes = static_cast<std::size_t>(used.ru_maxrss) << 10;
  return end;
}

}  // namespace

Result<std::vector<ParsedDocument>> ParseInChild(std::span<const std::byte> file, std::string_view name,
                                                 const ParseLimits& limits) {
  static std::atomic<bool> filter_refused = false;
  STRATA_TRY(ChildEnd end, RunChild(file, name, limits, !filter_refused));
  if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == kExitNoFilter) {
    if (!filter_refused.exchange(true)) {
      LogWarning("this system refuses seccomp filters: documents are parsed in child processes with limits only");
    }
    STRATA_TRY(end, RunChild(file, name, limits, false));
  }
  if (end.ended == Ended::kLate || (WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGXCPU)) {
    return Fail(ErrorCode::kResourceExhausted, "{}: not read within {} s (limit time)", name, limits.time.count());
  }
  if (end.ended == Ended::kTooLong) {
    return Fail(ErrorCode::kResourceExhausted, "{}: the parser's answer is too long for {} bytes of text", name,
                limits.text_bytes);
  }
  // A whole answer counts, however its process ended: the kill may have come before its exit.
  if (!end.answer.empty() || (WIFEXITED(end.status) && WEXITSTATUS(end.status) == 0)) {
    return DecodeParseResult(end.answer);
  }
  // PDFium aborts where it gets no memory; growing a buffer takes it twice, and address space is more than what is
  // used.
  if (WIFSIGNALED(end.status) && end.memory_bytes > limits.memory_bytes / kMemoryShare) {
    return Fail(ErrorCode::kResourceExhausted, "{}: its parser ended with {} MB in use (limit memory_bytes, {} MB)",
                name, end.memory_bytes >> 20, limits.memory_bytes >> 20);
  }
  if (WIFSIGNALED(end.status)) {
    return Fail(ErrorCode::kCorrupt, "{}: its parser died of signal {} ({})", name, WTERMSIG(end.status),
                ::strsignal(WTERMSIG(end.status)));
  }
  return Fail(ErrorCode::kCorrupt, "{}: its parser ended with status {}", name, WEXITSTATUS(end.status));
}

}  // namespace strata::knowledge
