#include "compiler/map_compiler.h"

#include <cstring>
#include <filesystem>
#include <mutex>

#include <fmt/format.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/ExecutionEngine/Orc/LLJIT.h>
#include <llvm/IR/Verifier.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/TargetParser/Host.h>

#include "base/clock.h"
#include "base/cpu_features.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mapped_file.h"
#include "compiler/emit.h"

namespace strata::compiler {
namespace {

/// Part of every key: raise it when emit.cc gives other code for the same expression.
constexpr int kEmitVersion = 1;
constexpr std::string_view kMagic = "strata object 1\n";

template <class T>
Result<T> FromLlvm(llvm::Expected<T> expected, std::string_view what) {
  if (expected) return std::move(*expected);
  return Fail(ErrorCode::kInternal, "LLVM, {}: {}", what, llvm::toString(expected.takeError()));
}

Status FromLlvm(llvm::Error error, std::string_view what) {
  if (!error) return {};
  return Fail(ErrorCode::kInternal, "LLVM, {}: {}", what, llvm::toString(std::move(error)));
}

class OrcMapCompiler : public MapCompiler {
 public:
  Status Init(const std::string& cache_directory) {
    static std::once_flag once;
    std::call_once(once, [] {
      llvm::InitializeNativeTarget();
      llvm::InitializeNativeTargetAsmPrinter();
    });
    if (!cache_directory.empty()) {
      cache_ = cache_directory + "/objects";
      std::error_code error;
      std::filesystem::create_directories(cache_, error);
      if (error) return Fail(ErrorCode::kIo, "{}: {}", cache_, error.message());
    }
    STRATA_TRY(auto builder, FromLlvm(llvm::orc::JITTargetMachineBuilder::detectHost(), "detecting the host"));
    builder.setCodeGenOptLevel(llvm::CodeGenOptLevel::Default);
    target_ = builder;
    STRATA_TRY(jit_, FromLlvm(llvm::orc::LLJITBuilder().setJITTargetMachineBuilder(builder).create(), "starting"));
    return {};
  }

  Result<std::vector<kernels::MapFn>> Compile(std::span<const graph::Expression> expressions) override {
    const double begin = MonotonicSeconds();
    // Several modules may live in one JIT: the round makes their names differ. The object's names do not depend on it,
    // so each round has a library of its own.
    STRATA_TRY(llvm::orc::JITDylib* const library, FromLlvm(NewLibrary(), "adding a library"));
    std::string source = fmt::format("{} {} {} {} lanes {}\n", kEmitVersion, LLVM_VERSION_STRING, target_->getCPU(),
                                     target_->getFeatures().getString(), Lanes());
    for (const graph::Expression& expression : expressions) source += expression.ToString() + "\n";
    const std::string file = cache_.empty() ? "" : fmt::format("{}/{}.o", cache_, HashOf(source).ToHex());

    std::unique_ptr<llvm::MemoryBuffer> object = file.empty() ? nullptr : ReadCached(file);
    if (object != nullptr) {
      stats_.cached += static_cast<int>(expressions.size());
    } else {
      STRATA_TRY(object, Build(expressions));
      stats_.compiled += static_cast<int>(expressions.size());
      if (!file.empty()) WriteCached(file, object->getBuffer());
    }
    STRATA_CHECK(FromLlvm(jit_->addObjectFile(*library, std::move(object)), "linking"));
    std::vector<kernels::MapFn> functions;
    for (std::size_t i = 0; i < expressions.size(); ++i) {
      STRATA_TRY(const llvm::orc::ExecutorAddr address, FromLlvm(jit_->lookup(*library, Name(i)), "looking up"));
      functions.push_back(address.toPtr<kernels::MapFn>());
    }
    stats_.seconds += MonotonicSeconds() - begin;
    return functions;
  }

  Stats stats() const override { return stats_; }

 private:
  static std::string Name(std::size_t index) { return fmt::format("map{}", index); }
  static unsigned Lanes() { return Cpu().avx512 ? 16 : 8; }

  llvm::Expected<llvm::orc::JITDylib*> NewLibrary() {
    auto library = jit_->createJITDylib(fmt::format("round{}", rounds_++));
    if (!library) return library.takeError();
    return &*library;
  }

  Result<std::unique_ptr<llvm::MemoryBuffer>> Build(std::span<const graph::Expression> expressions) {
    STRATA_TRY(std::unique_ptr<llvm::TargetMachine> machine,
               FromLlvm(target_->createTargetMachine(), "making the target"));
    llvm::LLVMContext context;
    llvm::Module module("maps", context);
    module.setDataLayout(machine->createDataLayout());
    module.setTargetTriple(machine->getTargetTriple().str());
    for (std::size_t i = 0; i < expressions.size(); ++i) EmitMap(module, Name(i), expressions[i], Lanes());
    std::string problem;
    llvm::raw_string_ostream stream(problem);
    if (llvm::verifyModule(module, &stream)) return Fail(ErrorCode::kInternal, "LLVM, verifying: {}", stream.str());

    llvm::LoopAnalysisManager loops;
    llvm::FunctionAnalysisManager functions;
    llvm::CGSCCAnalysisManager sccs;
    llvm::ModuleAnalysisManager modules;
    llvm::PassBuilder passes(machine.get());
    passes.registerModuleAnalyses(modules);
    passes.registerCGSCCAnalyses(sccs);
    passes.registerFunctionAnalyses(functions);
    passes.registerLoopAnalyses(loops);
    passes.crossRegisterProxies(loops, functions, sccs, modules);
    passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1).run(module, modules);
    llvm::orc::SimpleCompiler compile(*machine);
    return FromLlvm(compile(module), "compiling");
  }

  /// File: magic, 16 hexadecimal digits of the object's hash, a line end, the object.
  static std::unique_ptr<llvm::MemoryBuffer> ReadCached(const std::string& file) {
    const Result<std::string> content = ReadFile(file);
    if (!content) return nullptr;
    const std::size_t header = kMagic.size() + 17;
    const std::string_view text = *content;
    if (text.size() < header || !text.starts_with(kMagic) ||
        text.substr(kMagic.size(), 16) != fmt::format("{:016x}", Hash64(text.substr(header)))) {
      LogWarning("{} is damaged and is built anew", file);
      return nullptr;
    }
    return llvm::MemoryBuffer::getMemBufferCopy(llvm::StringRef(text.data() + header, text.size() - header), "maps");
  }

  static void WriteCached(const std::string& file, llvm::StringRef object) {
    const std::string_view bytes(object.data(), object.size());
    const Status written = WriteFileAtomically(file, fmt::format("{}{:016x}\n{}", kMagic, Hash64(bytes), bytes));
    if (!written) LogWarning("cannot keep compiled code: {}", written.error().ToString());
  }

  std::string cache_;
  std::optional<llvm::orc::JITTargetMachineBuilder> target_;
  std::unique_ptr<llvm::orc::LLJIT> jit_;
  int rounds_ = 0;
  Stats stats_;
};

}  // namespace

Result<std::unique_ptr<MapCompiler>> MapCompiler::Create(const std::string& cache_directory) {
  auto compiler = std::make_unique<OrcMapCompiler>();
  STRATA_CHECK(compiler->Init(cache_directory));
  return compiler;
}

}  // namespace strata::compiler
