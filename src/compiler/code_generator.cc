#include "compiler/code_generator.h"

#include <mutex>

#include <fmt/format.h>
#include <llvm/ExecutionEngine/Orc/CompileUtils.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Host.h>

#include "compiler/emit.h"
#include "compiler/link_object.h"

namespace strata::compiler {
namespace {

Result<std::unique_ptr<llvm::TargetMachine>> Machine(const CodeTarget& target) {
  static std::once_flag once;
  std::call_once(once, [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
  });
  const std::string triple = llvm::sys::getProcessTriple();
  std::string problem;
  const llvm::Target* const found = llvm::TargetRegistry::lookupTarget(triple, problem);
  if (found == nullptr) return Fail(ErrorCode::kInternal, "LLVM: {}", problem);
  const std::unique_ptr<llvm::MCSubtargetInfo> known(found->createMCSubtargetInfo(triple, "", ""));
  if (!known->isCPUStringValid(target.cpu)) return Fail(ErrorCode::kInternal, "LLVM knows no {}", target.cpu);
  return std::unique_ptr<llvm::TargetMachine>(found->createTargetMachine(triple, target.cpu, "", {}, llvm::Reloc::PIC_,
                                                                         std::nullopt, llvm::CodeGenOptLevel::Default));
}

void Optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager sccs;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder passes(&machine);
  passes.registerModuleAnalyses(modules);
  passes.registerCGSCCAnalyses(sccs);
  passes.registerFunctionAnalyses(functions);
  passes.registerLoopAnalyses(loops);
  passes.crossRegisterProxies(loops, functions, sccs, modules);
  passes.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O1).run(module, modules);
}

Result<CodeImage> Generate(const CodeTarget& target, std::span<const graph::Expression> expressions) {
  STRATA_TRY(const std::unique_ptr<llvm::TargetMachine> machine, Machine(target));
  llvm::LLVMContext context;
  llvm::Module module("maps", context);
  module.setDataLayout(machine->createDataLayout());
  module.setTargetTriple(machine->getTargetTriple().str());
  std::vector<std::string> names;
  for (const graph::Expression& expression : expressions) {
    names.push_back(fmt::format("map{}", names.size()));
    EmitMap(module, names.back(), expression, target);
  }
  std::string problem;
  llvm::raw_string_ostream stream(problem);
  if (llvm::verifyModule(module, &stream)) return Fail(ErrorCode::kInternal, "LLVM, verifying: {}", problem);
  Optimize(module, *machine);
  auto object = llvm::orc::SimpleCompiler(*machine)(module);
  if (!object) return Fail(ErrorCode::kInternal, "LLVM, compiling: {}", llvm::toString(object.takeError()));
  return LinkObject({(*object)->getBufferStart(), (*object)->getBufferSize()}, names);
}

}  // namespace

void StrataGenerateCode(const CodeTarget& target, std::span<const graph::Expression> expressions,
                        Result<CodeImage>& image) {
  image = Generate(target, expressions);
}

}  // namespace strata::compiler
