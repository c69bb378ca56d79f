// Elementwise expressions -> machine code for the host (LLVM), cached on disk; the interpreter is the oracle.
//
//   STRATA_TRY(auto compiler, MapCompiler::Create(cache_directory));
//   STRATA_TRY(auto functions, compiler->Compile({"a1 * silu(a0)", "a0 + a1"}));   // one image
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/expression.h"
#include "kernels/kernels.h"

namespace strata::compiler {

class MapCompiler {
 public:
  /// `cache_directory` "" = no disk cache. Code is keyed by hash of (expressions, level of the processor, LLVM
  /// version); a file whose checksum does not hold is rebuilt with a logged warning.
  static Result<std::unique_ptr<MapCompiler>> Create(const std::string& cache_directory);
  virtual ~MapCompiler() = default;

  /// One function per expression, in order. They live as long as the compiler. Errors: kInternal with LLVM's
  /// words; kNotFound where strata-llvm.so is needed and is not there.
  virtual Result<std::vector<kernels::MapFn>> Compile(std::span<const graph::Expression> expressions) = 0;

  struct Stats {
    int compiled = 0, cached = 0;
    double seconds = 0;
  };
  virtual Stats stats() const = 0;
};

/// The oracle: evaluates the expression for each element, with the same broadcasting as MapFn.
void Interpret(const graph::Expression& expression, const float* const* inputs, const std::int64_t* strides, float* out,
               std::int64_t out_stride, std::int64_t rows, std::int64_t cols);

}  // namespace strata::compiler
