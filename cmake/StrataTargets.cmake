# The only way targets are declared. Each names every source and every dependency itself.
#
#   strata_library(NAME formats SRCS gguf.cc safetensors.cc DEPS strata::base strata::tensor PCRE2...)
#   strata_module(NAME strata-ocr SRCS tesseract_ocr.cc DEPS strata::base PkgConfig::TESSERACT)
#   strata_test(NAME gguf_test SRCS gguf_test.cc DEPS strata::formats)          # GoogleTest, label "unit"
#   strata_test(NAME golden_test ... ISAS ref avx2)   # also golden_test_ref and golden_test_avx2, with STRATA_ISA set so
#   strata_test(NAME linear_test ... EMULATED -*k1536)   # the gtest_filter where an emulator runs it, forty times slower
#   strata_test(NAME linear_test ... SANITIZED -*_ref_*) # and where sanitizers do, ten times slower
#   strata_benchmark(NAME gemm_bench SRCS gemm_bench.cc DEPS strata::kernels)   # google-benchmark, not a test
#   strata_fuzzer(NAME gguf_fuzz SRCS gguf_fuzz.cc DEPS strata::formats)        # with STRATA_BUILD_FUZZERS
#   strata_isa_sources(TARGET strata_kernels FLAGS -mavx2 -mfma SRCS gemm_avx2.cc)

set(STRATA_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
    -Woverloaded-virtual -Wimplicit-fallthrough -Werror
    # libstdc++ 12's own stable_sort calls a function that it has deprecated; clang blames the caller.
    -Wno-deprecated-declarations)

# What most sources include is parsed once, which halves the time of a small file; a source still includes what it uses.
# Executables are compiled as libraries are, so that one precompiled header serves both.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE ${CMAKE_CXX_COMPILE_OPTIONS_PIC})

# Tests are optimized in the folders whose tests compute much themselves; under sanitizers only these folders are: the
# others would take three times as long to compile then, and run little.
set(STRATA_NUMERIC_LAYERS tensor kernels runtime quantize)
# The layers that fuzzers are guided through.
set(STRATA_FUZZED_LAYERS base formats grammar knowledge mcp serve tools)
set(STRATA_SANITIZED_OPTIMIZED_LAYERS ${STRATA_NUMERIC_LAYERS} base formats grammar engine knowledge tools)

# What to build for the tests alone, and for the fuzzers.
add_custom_target(tests)
add_custom_target(fuzzers)

function(_strata_compile_options target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  # Without its header's time a precompiled header is the same each time it is made, so that ccache knows what uses it.
  target_compile_options(${target} PRIVATE ${STRATA_WARNINGS} "SHELL:-Xclang -fno-pch-timestamp")
  if(STRATA_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${STRATA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${STRATA_SANITIZE})
    if(STRATA_SANITIZE MATCHES undefined)  # a fifth of the time, to find what ASan finds
      target_compile_options(${target} PRIVATE -fno-sanitize=object-size)
    endif()
  endif()
  if(STRATA_BUILD_FUZZERS)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

if(NOT STRATA_KERNELS_ONLY)
  foreach(kind IN ITEMS optimized plain)
    add_library(strata_precompiled_${kind} OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cc)
    _strata_compile_options(strata_precompiled_${kind})
    target_precompile_headers(strata_precompiled_${kind} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/precompiled.h)
  endforeach()
  target_compile_options(strata_precompiled_plain PRIVATE -O0)
endif()

# _strata_common(TARGET [TEST])
function(_strata_common target)
  _strata_compile_options(${target})
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME layer)
  set(kind optimized)
  if(STRATA_BUILD_FUZZERS AND ("TEST" IN_LIST ARGN OR NOT layer IN_LIST STRATA_FUZZED_LAYERS))
    target_compile_options(${target} PRIVATE -fno-sanitize-coverage=bb,edge,func,indirect-calls,inline-8bit-counters,pc-table,trace-cmp)
  endif()
  if("TEST" IN_LIST ARGN)
    set(optimized_layers ${STRATA_NUMERIC_LAYERS})
  elseif(STRATA_SANITIZE)
    set(optimized_layers ${STRATA_SANITIZED_OPTIMIZED_LAYERS})
  else()
    set(optimized_layers ${layer})
  endif()
  if(NOT layer IN_LIST optimized_layers)
    set(kind plain)
    target_compile_options(${target} PRIVATE -O0)
  endif()
  if(NOT STRATA_KERNELS_ONLY)
    target_precompile_headers(${target} REUSE_FROM strata_precompiled_${kind})
  endif()
endfunction()

function(strata_library)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_library(strata_${ARG_NAME} STATIC ${ARG_SRCS})
  add_library(strata::${ARG_NAME} ALIAS strata_${ARG_NAME})
  _strata_common(strata_${ARG_NAME})
  target_link_libraries(strata_${ARG_NAME} PUBLIC ${ARG_DEPS})
endfunction()

# A shared library that a program loads at run time (base/module.h): NAME.so.
function(strata_module)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_library(${ARG_NAME} MODULE ${ARG_SRCS})
  set_target_properties(${ARG_NAME} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
  _strata_common(${ARG_NAME})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS})
endfunction()

function(strata_executable)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  add_executable(${ARG_NAME} ${ARG_SRCS})
  _strata_common(${ARG_NAME})
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS})
endfunction()

function(strata_test)
  cmake_parse_arguments(ARG "" "NAME;LABEL;TIMEOUT;EMULATED;SANITIZED" "SRCS;DEPS;ISAS" ${ARGN})
  if(NOT STRATA_BUILD_TESTS)
    return()
  endif()
  add_executable(${ARG_NAME} ${ARG_SRCS})
  _strata_common(${ARG_NAME} TEST)
  target_link_libraries(${ARG_NAME} PRIVATE ${ARG_DEPS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${ARG_NAME} PRIVATE STRATA_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  add_dependencies(tests ${ARG_NAME})
  set(FILTER "")
  if(CMAKE_CROSSCOMPILING_EMULATOR AND ARG_EMULATED)
    set(FILTER --gtest_filter=${ARG_EMULATED})
  elseif(STRATA_SANITIZE AND ARG_SANITIZED)
    set(FILTER --gtest_filter=${ARG_SANITIZED})
  endif()
  add_test(NAME ${ARG_NAME} COMMAND ${ARG_NAME} --gtest_brief=1 ${FILTER})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(CMAKE_CROSSCOMPILING_EMULATOR OR STRATA_SANITIZE)
    set(ARG_TIMEOUT 900)
  endif()
  # The tests of the kernels go over every path by themselves; under sanitizers the others' variants are time alone.
  if(STRATA_SANITIZE)
    set(ARG_ISAS "")
  endif()
  set_tests_properties(${ARG_NAME} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
  foreach(isa IN LISTS ARG_ISAS)
    add_test(NAME ${ARG_NAME}_${isa} COMMAND ${ARG_NAME} --gtest_brief=1)
    set_tests_properties(${ARG_NAME}_${isa} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
                                                       ENVIRONMENT STRATA_ISA=${isa})
  endforeach()
endfunction()

function(strata_benchmark)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  if(STRATA_BUILD_BENCHMARKS)
    strata_executable(NAME ${ARG_NAME} SRCS ${ARG_SRCS} DEPS ${ARG_DEPS} benchmark::benchmark)
  endif()
endfunction()

function(strata_fuzzer)
  cmake_parse_arguments(ARG "" "NAME" "SRCS;DEPS" ${ARGN})
  if(STRATA_BUILD_FUZZERS)
    strata_executable(NAME ${ARG_NAME} SRCS ${ARG_SRCS} DEPS ${ARG_DEPS})
    target_link_options(${ARG_NAME} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${ARG_NAME})
  endif()
endfunction()

# Compiles the given sources of a target for one instruction set; nothing else in the target may use it.
function(strata_isa_sources)
  cmake_parse_arguments(ARG "" "TARGET" "FLAGS;SRCS" ${ARGN})
  set_property(SOURCE ${ARG_SRCS} APPEND PROPERTY COMPILE_OPTIONS ${ARG_FLAGS})
  set_property(SOURCE ${ARG_SRCS} PROPERTY SKIP_PRECOMPILE_HEADERS ON)
endfunction()
