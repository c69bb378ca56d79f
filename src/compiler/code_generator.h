// The border of the module strata-llvm.so: expressions to code. LLVM is loaded when something must be compiled, which
// is rare behind the disk cache: it takes 20 ms of a start and 50 MB.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "compiler/code_image.h"
#include "graph/expression.h"

namespace strata::compiler {

/// What code is made for, and all that it depends on beside the expressions.
struct CodeTarget {
  std::string cpu;     ///< by LLVM's name
  bool fma = true;     ///< without it the code multiplies and adds in double
  unsigned lanes = 8;  ///< floats in a vector: 16 with AVX-512
};

/// One function per expression, a kernels::MapFn each. Errors: kInternal with LLVM's words.
extern "C" void StrataGenerateCode(const CodeTarget& target, std::span<const graph::Expression> expressions,
                                   Result<CodeImage>& image);

}  // namespace strata::compiler
