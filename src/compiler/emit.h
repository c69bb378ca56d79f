// LLVM IR for one expression as a kernels::MapFn.
#pragma once

#include <string>

#include <llvm/IR/Module.h>

#include "compiler/code_generator.h"
#include "graph/expression.h"

namespace strata::compiler {

void EmitMap(llvm::Module& module, const std::string& name, const graph::Expression& expression,
             const CodeTarget& target);

}  // namespace strata::compiler
