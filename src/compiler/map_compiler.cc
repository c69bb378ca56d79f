#include "compiler/map_compiler.h"

#include <filesystem>
#include <optional>
#include <string_view>

#include <fmt/format.h>
#include <llvm/Config/llvm-config.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "base/module.h"
#include "compiler/code_generator.h"

namespace strata::compiler {
namespace {

/// Part of every key: raise it when the same expression gives another image.
constexpr int kEmitVersion = 3;
constexpr std::string_view kMagic = "strata code 1\n";

/// What the processor has, whatever STRATA_ISA leaves of it: levels of the x86-64 psABI.
CodeTarget Target() {
  const CpuFeatures cpu = DetectCpu("");
#if defined(__x86_64__)
  if (cpu.avx512) return {"x86-64-v4", true, 16};
  if (cpu.avx2) return {"x86-64-v3", true, 8};
  return {"x86-64", false, 8};
#else
  return {"generic", true, 8};
#endif
}

Result<CodeImage> Generate(const CodeTarget& target, std::span<const graph::Expression> expressions) {
  STRATA_TRY(void* const function, ModuleFunction("strata-llvm", "StrataGenerateCode"));
  Result<CodeImage> image;
  reinterpret_cast<decltype(&StrataGenerateCode)>(function)(target, expressions, image);
  return image;
}

/// File: magic, 16 hexadecimal digits of the image's hash, a line end, the image.
std::optional<CodeImage> ReadCached(const std::string& file) {
  const Result<std::string> content = ReadFile(file);
  if (!content) return std::nullopt;
  const std::size_t header = kMagic.size() + 17;
  const std::string_view text = *content;
  if (text.size() >= header && text.starts_with(kMagic) &&
      text.substr(kMagic.size(), 16) == fmt::format("{:016x}", Hash64(text.substr(header)))) {
    if (auto image = ParseCodeImage(text.substr(header))) return std::move(*image);
  }
  LogWarning("{} is damaged and is built anew", file);
  return std::nullopt;
}

void WriteCached(const std::string& file, const CodeImage& image) {
  const std::string bytes = Serialize(image);
  const Status written = WriteFileAtomically(file, fmt::format("{}{:016x}\n{}", kMagic, Hash64(bytes), bytes));
  if (!written) LogWarning("cannot keep compiled code: {}", written.error().ToString());
}

class CachingMapCompiler : public MapCompiler {
 public:
  Status Init(const std::string& cache_directory) {
    if (cache_directory.empty()) return {};
    cache_ = cache_directory + "/objects";
    std::error_code error;
    std::filesystem::create_directories(cache_, error);
    if (error) return Fail(ErrorCode::kIo, "{}: {}", cache_, error.message());
    return {};
  }

  Result<std::vector<kernels::MapFn>> Compile(std::span<const graph::Expression> expressions) override {
    if (expressions.empty()) return std::vector<kernels::MapFn>();
    const double begin = MonotonicSeconds();
    STRATA_TRY(const CodeImage image, Image(expressions));
    if (image.functions.size() != expressions.size()) return Fail(ErrorCode::kCorrupt, "code of other expressions");
    STRATA_TRY(LoadedCode code, LoadedCode::Load(image));
    loaded_.push_back(std::move(code));
    std::vector<kernels::MapFn> functions;
    for (const std::uint64_t function : image.functions) {
      functions.push_back(reinterpret_cast<kernels::MapFn>(loaded_.back().at(function)));
    }
    stats_.seconds += MonotonicSeconds() - begin;
    return functions;
  }

  Stats stats() const override { return stats_; }

 private:
  Result<CodeImage> Image(std::span<const graph::Expression> expressions) {
    const CodeTarget target = Target();
    std::string source = fmt::format("{} {} {}\n", kEmitVersion, LLVM_VERSION_STRING, target.cpu);
    for (const graph::Expression& expression : expressions) source += expression.ToString() + "\n";
    const std::string file = cache_.empty() ? "" : fmt::format("{}/{}.code", cache_, HashOf(source).ToHex());
    if (!file.empty()) {
      if (auto image = ReadCached(file)) {
        stats_.cached += static_cast<int>(expressions.size());
        return std::move(*image);
      }
    }
    STRATA_TRY(CodeImage image, Generate(target, expressions));
    stats_.compiled += static_cast<int>(expressions.size());
    if (!file.empty()) WriteCached(file, image);
    return image;
  }

  std::string cache_;
  std::vector<LoadedCode> loaded_;
  Stats stats_;
};

}  // namespace

Result<std::unique_ptr<MapCompiler>> MapCompiler::Create(const std::string& cache_directory) {
  auto compiler = std::make_unique<CachingMapCompiler>();
  STRATA_CHECK(compiler->Init(cache_directory));
  return compiler;
}

}  // namespace strata::compiler
