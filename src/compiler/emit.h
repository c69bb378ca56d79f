// LLVM IR for one expression as a kernels::MapFn.
#pragma once

#include <string>

#include <llvm/IR/Module.h>

#include "graph/expression.h"

namespace strata::compiler {

/// Vector lanes (floats) that functions work on at once; `lanes` is 16 with AVX-512 and 8 below.
void EmitMap(llvm::Module& module, const std::string& name, const graph::Expression& expression, unsigned lanes);

}  // namespace strata::compiler
