# Every library that strata uses; scripts/lib/common.sh lists their packages (Debian 12).
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
find_library(STRATA_STEMMER_LIBRARY stemmer REQUIRED)
add_library(strata_stemmer INTERFACE)
target_link_libraries(strata_stemmer INTERFACE ${STRATA_STEMMER_LIBRARY})
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(PQ REQUIRED IMPORTED_TARGET libpq)

# What documents are read with (src/knowledge/document). PDFium is loaded at run time; Leptonica and Tesseract are in a
# module that is (strata-ocr.so).
pkg_check_modules(DOCUMENT_FORMATS REQUIRED IMPORTED_TARGET icu-uc icu-i18n gumbo md4c libarchive pugixml yaml-cpp)
pkg_check_modules(LEPTONICA REQUIRED IMPORTED_TARGET lept)
pkg_check_modules(TESSERACT REQUIRED IMPORTED_TARGET tesseract)
add_library(strata_document_formats INTERFACE)
target_link_libraries(strata_document_formats INTERFACE PkgConfig::DOCUMENT_FORMATS)

# LLVM is used through its shared library: one libLLVM-19.so, no static archives.
find_package(LLVM 19.1 REQUIRED CONFIG)
add_library(strata_llvm INTERFACE)
target_include_directories(strata_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
target_compile_definitions(strata_llvm INTERFACE ${LLVM_DEFINITIONS_LIST})
target_link_libraries(strata_llvm INTERFACE LLVM)

if(STRATA_BUILD_TESTS)
  find_package(GTest REQUIRED)
  # Its headers find out by themselves; on the command line it would be a second definition, after the precompiled one.
  set_target_properties(GTest::gtest PROPERTIES INTERFACE_COMPILE_OPTIONS "")
endif()
if(STRATA_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
