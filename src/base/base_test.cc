// Result, hashing, files, memory limits: the small pieces of base.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cpu_features.h"
#include "base/hash.h"
#include "base/mapped_file.h"
#include "base/mapped_memory.h"
#include "base/memory_limit.h"
#include "base/result.h"
#include "base/sha256.h"

namespace strata {
namespace {

namespace fs = std::filesystem;

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (fs::temp_directory_path() / "strata-base-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryDirectory() { fs::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  std::string operator/(const std::string& name) const { return (fs::path(path_) / name).string(); }
  void Write(const std::string& name, const std::string& content) const {
    const fs::path path = fs::path(path_) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << content;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Of the mapping that begins there, in kiB; -1 where the kernel does not tell.
long HugeKib(const void* begin) {
  std::ifstream maps("/proc/self/smaps");
  const std::string start = fmt::format("{:x}-", reinterpret_cast<std::uintptr_t>(begin));
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.find('-') < line.find(' ')) here = line.starts_with(start);
    if (here && line.starts_with("AnonHugePages:")) return std::stol(line.substr(line.find(':') + 1));
  }
  return -1;
}

TEST(MappedMemory, SmallPagesBecomeHuge) {
  constexpr std::size_t kPages = 4;
  auto memory = MappedMemory::Map(kPages * MappedMemory::kHugePage + 4096, "a test");
  ASSERT_TRUE(memory);
  // As if there had been no huge ones when it was touched.
  ASSERT_EQ(::madvise(memory->data(), memory->size(), MADV_NOHUGEPAGE), 0);
  for (std::size_t i = 0; i < memory->size(); ++i) memory->data()[i] = static_cast<std::byte>(i * 2654435761U >> 13);
  ASSERT_EQ(HugeKib(memory->data()), 0);
  if (::madvise(memory->data(), memory->size(), MADV_HUGEPAGE) != 0) GTEST_SKIP() << "a kernel without huge pages";
  const bool possible = ::madvise(memory->data(), MappedMemory::kHugePage, 25) == 0;  // MADV_COLLAPSE
  memory->MakePagesHuge();
  for (std::size_t i = 0; i < memory->size(); ++i) {
    ASSERT_EQ(memory->data()[i], static_cast<std::byte>(i * 2654435761U >> 13)) << i;
  }
  if (!possible) GTEST_SKIP() << "a kernel before 6.1";
  EXPECT_EQ(HugeKib(memory->data()), kPages * MappedMemory::kHugePage / 1024);
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Fail(ErrorCode::kInvalidArgument, "{} is odd", n);
  return n / 2;
}
Result<int> Quarter(int n) {
  STRATA_TRY(const int half, Half(n), "while halving {}", n);
  STRATA_TRY(const int quarter, Half(half));
  return quarter;
}
Status CheckEven(int n) {
  STRATA_CHECK(Half(n), "checking {}", n);
  return {};
}

TEST(Result, TryPassesValuesThrough) { EXPECT_EQ(Quarter(8).value(), 2); }

TEST(Result, TryAddsContextAndKeepsTheCode) {
  const auto result = Quarter(3);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(result.error().message(), "while halving 3");
  EXPECT_EQ(result.error().ToString(), "while halving 3: 3 is odd");
}

TEST(Result, TryWithoutContextReturnsTheErrorItself) { EXPECT_EQ(Quarter(6).error().ToString(), "3 is odd"); }

TEST(Result, CheckReturnsOnError) {
  EXPECT_TRUE(CheckEven(2));
  EXPECT_EQ(CheckEven(1).error().ToString(), "checking 1: 1 is odd");
}

TEST(Result, WrapKeepsParam) {
  Error error = Error(ErrorCode::kInvalidArgument, "inner").WithParam("top_p").Wrap("outer").Wrap("outermost");
  EXPECT_EQ(error.param(), "top_p");
  EXPECT_EQ(error.ToString(), "outermost: outer: inner");
}

TEST(Result, EveryCodeHasAName) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code) {
    EXPECT_NE(ToString(static_cast<ErrorCode>(code)), "unknown") << code;
  }
}

TEST(Hash, IsStableAcrossRunsAndMachines) {
  // Cache keys on disk depend on these values (XXH3's published test vector for the empty input).
  EXPECT_EQ(Hash64(std::string_view("")), 0x2d06800538d394c2ULL);
  EXPECT_EQ(HashOf(std::string_view("")).ToHex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_NE(Hash64(std::string_view("a"), 1), Hash64(std::string_view("a"), 2));
}

TEST(MappedFile, ReadsWhatWasWritten) {
  TemporaryDirectory directory;
  directory.Write("f", "hello");
  const auto file = MappedFile::Open(directory / "f");
  ASSERT_TRUE(file) << file.error().ToString();
  EXPECT_EQ(file->text(), "hello");
  EXPECT_EQ(file->path(), directory / "f");
}

TEST(MappedFile, EmptyFileIsAnEmptySpan) {
  TemporaryDirectory directory;
  directory.Write("f", "");
  const auto file = MappedFile::Open(directory / "f");
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, MissingFileIsNotFoundAndNamed) {
  const auto file = MappedFile::Open("/nonexistent/model.gguf");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(file.error().message().find("/nonexistent/model.gguf"), std::string::npos);
}

TEST(MappedFile, DirectoryIsRefused) { EXPECT_EQ(MappedFile::Open("/tmp").error().code(), ErrorCode::kIo); }

TEST(MappedFile, MoveLeavesTheSourceEmpty) {
  TemporaryDirectory directory;
  directory.Write("f", "x");
  MappedFile first = MappedFile::Open(directory / "f").value();
  MappedFile second = std::move(first);
  EXPECT_EQ(second.text(), "x");
  first = std::move(second);
  EXPECT_EQ(first.text(), "x");
}

TEST(WriteFileAtomically, ReplacesAndLeavesNothingBehind) {
  TemporaryDirectory directory;
  ASSERT_TRUE(WriteFileAtomically(directory / "f", "one"));
  ASSERT_TRUE(WriteFileAtomically(directory / "f", "two"));
  EXPECT_EQ(ReadFile(directory / "f").value(), "two");
  EXPECT_EQ(std::distance(fs::directory_iterator(directory.path()), fs::directory_iterator()), 1);
}

TEST(WriteFileAtomically, SaysWhyItCannot) {
  const auto status = WriteFileAtomically("/nonexistent/f", "x");
  ASSERT_FALSE(status);
  EXPECT_NE(status.error().message().find("/nonexistent/f"), std::string::npos);
}

TEST(ReadFile, MissingIsNotFound) { EXPECT_EQ(ReadFile("/nonexistent").error().code(), ErrorCode::kNotFound); }

constexpr const char* kMeminfo = "MemTotal: 1000 kB\nMemFree: 10 kB\nMemAvailable: 800 kB\n";

TEST(MemoryLimit, MachineWithoutCgroups) {
  TemporaryDirectory root;
  root.Write("proc/meminfo", kMeminfo);
  const MemoryLimit limit = ReadMemoryLimit(root.path());
  EXPECT_EQ(limit.total_bytes, 1000u * 1024);
  EXPECT_EQ(limit.available_bytes, 800u * 1024);
  EXPECT_EQ(limit.source, "machine");
}

TEST(MemoryLimit, CgroupV2BindsAtAnyLevel) {
  TemporaryDirectory root;
  root.Write("proc/meminfo", kMeminfo);
  root.Write("proc/self/cgroup", "0::/outer/inner\n");
  root.Write("sys/fs/cgroup/outer/inner/memory.max", "max\n");
  root.Write("sys/fs/cgroup/outer/memory.max", "512000\n");
  root.Write("sys/fs/cgroup/outer/memory.current", "112000\n");
  root.Write("sys/fs/cgroup/outer/memory.stat", "anon 1\ninactive_file 12000\n");
  const MemoryLimit limit = ReadMemoryLimit(root.path());
  EXPECT_EQ(limit.total_bytes, 512000u);
  EXPECT_EQ(limit.available_bytes, 412000u);
  EXPECT_TRUE(limit.source.starts_with("cgroup v2")) << limit.source;
}

TEST(MemoryLimit, CgroupV1) {
  TemporaryDirectory root;
  root.Write("proc/meminfo", kMeminfo);
  root.Write("proc/self/cgroup", "3:cpu,cpuacct:/x\n2:memory:/docker/abc\n");
  root.Write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "400000\n");
  root.Write("sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "100000\n");
  root.Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  const MemoryLimit limit = ReadMemoryLimit(root.path());
  EXPECT_EQ(limit.total_bytes, 400000u);
  EXPECT_EQ(limit.available_bytes, 300000u);
  EXPECT_TRUE(limit.source.starts_with("cgroup v1")) << limit.source;
}

TEST(MemoryLimit, ContainerThatSeesItsOwnCgroupAsTheRoot) {
  TemporaryDirectory root;
  root.Write("proc/meminfo", kMeminfo);
  root.Write("proc/self/cgroup", "0::/not/visible/here\n");
  root.Write("sys/fs/cgroup/memory.max", "300000\n");
  EXPECT_EQ(ReadMemoryLimit(root.path()).total_bytes, 300000u);
}

TEST(MemoryLimit, UsageAboveTheLimitLeavesNothing) {
  TemporaryDirectory root;
  root.Write("proc/meminfo", kMeminfo);
  root.Write("proc/self/cgroup", "0::/\n");
  root.Write("sys/fs/cgroup/memory.max", "1000\n");
  root.Write("sys/fs/cgroup/memory.current", "5000\n");
  EXPECT_EQ(ReadMemoryLimit(root.path()).available_bytes, 0u);
}

TEST(MemoryLimit, ThisMachineHasSome) {
  const MemoryLimit limit = ReadMemoryLimit();
  EXPECT_GT(limit.total_bytes, 0u);
  EXPECT_LE(limit.available_bytes, limit.total_bytes);
}

TEST(CpuFeatures, LimitsLowerWhatIsUsed) {
  EXPECT_EQ(DetectCpu("ref").ToString(), "ref");
  EXPECT_FALSE(DetectCpu("avx2").avx512);
  EXPECT_FALSE(DetectCpu("avx2").avx512_vnni);
  EXPECT_FALSE(DetectCpu("avx512").amx);
}

// FIPS 180-4's examples, the second in pieces.
TEST(Sha256Test, EqualsTheStandardsExamples) {
  const auto of = [](std::initializer_list<std::string_view> pieces) {
    Sha256 hash;
    for (const std::string_view piece : pieces) hash.Add(std::as_bytes(std::span(piece)));
    return hash.Hex().value();
  };
  EXPECT_EQ(of({"abc"}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(of({"abcdbcdecdefdefgefghfghighijhi", "", "jkijkljklmklmnlmnomnopnopq"}),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(of({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

}  // namespace
}  // namespace strata
