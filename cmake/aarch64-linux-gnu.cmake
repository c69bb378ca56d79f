# Cross-builds for 64-bit Arm on Debian 12 (packages: CROSS_PACKAGES in scripts/lib/common.sh); what was built runs under
# qemu-user, ctest's tests too.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER_TARGET aarch64-linux-gnu)
set(CMAKE_CXX_COMPILER_TARGET aarch64-linux-gnu)
# -L: where its dynamic linker and libraries are. cpu: every extension that qemu knows.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu max)
