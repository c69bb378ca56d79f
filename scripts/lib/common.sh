# Shared by the scripts: where things are, what must be installed, how progress is shown. Source it, do not run it.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/strata

# Everything that building, running and testing need (Debian 12). Nothing else may be assumed.
BUILD_PACKAGES=(clang-19 lld-19 llvm-19-dev g++ cmake ninja-build ccache pkg-config git ca-certificates
  libboost1.81-dev libssl-dev nlohmann-json3-dev libcli11-dev libfmt-dev libspdlog-dev prometheus-cpp-dev
  libpcre2-dev libeigen3-dev libutf8proc-dev libxxhash-dev libstemmer-dev libgtest-dev libgmock-dev libbenchmark-dev
  libsqlite3-dev libpq-dev libicu-dev libgumbo-dev libmd4c-dev libarchive-dev libpugixml-dev libyaml-cpp-dev
  libleptonica-dev libtesseract-dev tesseract-ocr-eng
  python3 python3-pip python3-venv curl)
TEST_PACKAGES=(clang-format-19 clang-tidy-19 libclang-rt-19-dev openssl postgresql)
# The kernels of 64-bit Arm, which qemu runs; GoogleTest is built from the sources that libgtest-dev brings.
CROSS_PACKAGES=(libc6-dev-arm64-cross libstdc++-12-dev-arm64-cross qemu-user)
# A node that did not come from Debian brings its own npm, which Debian's would conflict with.
command -v npm >/dev/null || TEST_PACKAGES+=(nodejs npm)

step() { printf '\033[1m==> %s\033[0m (%ss)\n' "$*" "$SECONDS"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install_packages PACKAGE...: installs those that are missing; needs root only when one is.
install_packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then return 0; fi
  if [ "$(id -u)" -ne 0 ]; then fail "missing packages: ${missing[*]} (run as root, or: sudo apt-get install ${missing[*]})"; fi
  step "Installing ${#missing[@]} packages: ${missing[*]}"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}" >/tmp/strata-apt.log 2>&1 || {
    tail -n 20 /tmp/strata-apt.log >&2
    fail "apt-get install failed"
  }
}

# build PRESET TARGET...: configures once, then builds; ninja shows the progress.
build() {
  local preset=$1; shift
  [ -f "$ROOT/build/$preset/build.ninja" ] || { step "Configuring $preset"; (cd "$ROOT" && cmake --preset "$preset" >"/tmp/strata-cmake-$preset.log" 2>&1) || { tail -n 30 "/tmp/strata-cmake-$preset.log" >&2; fail "cmake failed"; }; }
  step "Building $preset: ${*:-everything}"
  ninja -C "$ROOT/build/$preset" "$@"
}
