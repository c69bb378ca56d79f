"""Makes ready what is measured: llama.cpp by ../shared/peers/llamacpp.sh, OpenVINO GenAI in a venv."""
import pathlib
import subprocess
import tempfile

OPENVINO = ["openvino-genai==2026.4.1.0", "openvino-tokenizers", "gguf", "numpy"]

# Asks the kernel for the tiles (ARCH_REQ_XCOMP_PERM) and loads an empty tile configuration.
AMX_PROBE = r"""
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void) {
  static const char config[64] __attribute__((aligned(64)));
  if (syscall(SYS_arch_prctl, 0x1023, 18)) return 1;
  _tile_loadconfig(config);
  return 0;
}
"""


def amx_traps():
    """True where CPUID shows AMX, so that -march=native uses it, and its instructions cannot be executed."""
    if "amx_int8" not in pathlib.Path("/proc/cpuinfo").read_text():
        return False
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder) / "probe.c", pathlib.Path(folder) / "probe"
        source.write_text(AMX_PROBE)
        for compiler in ("clang-19", "cc"):
            if subprocess.run(["sh", "-c", f"command -v {compiler}"], capture_output=True).returncode == 0:
                subprocess.run([compiler, "-mamx-tile", "-o", program, source], check=True)
                return subprocess.run([program]).returncode != 0
    raise SystemExit("compare: no C compiler for the AMX probe")


def llamacpp(peers, folder):
    """Builds llama.cpp; returns what had to be changed for this machine, for the report."""
    bench = folder / "bin/llama-bench"
    ninja = folder / "build/build.ninja"
    if not bench.exists():
        subprocess.run(["bash", peers / "llamacpp.sh", folder], check=True)
    if not amx_traps():
        return ""
    text = ninja.read_text()
    if "-U__AMX_INT8__" not in text:
        ninja.write_text(text.replace("-march=native", "-march=native -U__AMX_INT8__"))
        subprocess.run(["ninja", "-C", folder / "build", "llama-server", "llama-bench", "llama-batched-bench",
                        "llama-quantize", "llama-perplexity"], check=True)
        subprocess.run(["bash", peers / "llamacpp.sh", folder], check=True)  # requantises, if that had trapped
    return "built without its AMX code (-U__AMX_INT8__): CPUID shows AMX, but its instructions trap on this machine"


def openvino(folder):
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run(["python3", "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import openvino_genai"], capture_output=True).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "-q", *OPENVINO], check=True)
    return python
