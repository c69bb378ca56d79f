# What base, tensor and kernels need (STRATA_KERNELS_ONLY), without any library that was built for another processor:
# headers and the sources of GoogleTest, all of Debian's packages that scripts/lib/common.sh lists.
find_package(Threads REQUIRED)
foreach(library IN ITEMS fmt spdlog)
  add_library(strata_${library}_headers INTERFACE)
  add_library(${library}::${library} ALIAS strata_${library}_headers)
endforeach()
target_compile_definitions(strata_fmt_headers INTERFACE FMT_HEADER_ONLY)
target_compile_definitions(strata_spdlog_headers INTERFACE SPDLOG_FMT_EXTERNAL)

if(STRATA_BUILD_TESTS)
  set(INSTALL_GTEST OFF)
  add_subdirectory(/usr/src/googletest ${PROJECT_BINARY_DIR}/googletest EXCLUDE_FROM_ALL SYSTEM)
endif()
