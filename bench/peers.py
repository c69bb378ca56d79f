"""Makes ready what is measured: llama.cpp by ../shared/peers/llamacpp.sh, OpenVINO GenAI in a venv."""
import pathlib
import signal
import subprocess

OPENVINO = ["openvino-genai==2026.4.1.0", "openvino-tokenizers", "gguf", "numpy"]


def llamacpp(peers, folder):
    """Builds llama.cpp; returns what had to be changed for this machine, for the report."""
    bench = folder / "bin/llama-bench"
    ninja = folder / "build/build.ninja"
    script = ["bash", peers / "llamacpp.sh", folder]
    # -march=native compiles its AMX code where CPUID shows AMX. Where the tiles cannot be used, or by a thread that did
    # not configure them (seen at 0c1e57098), it ends by SIGILL: in what follows the build, or in a first run.
    subprocess.run(script)
    if not bench.exists():
        raise SystemExit("compare: llama.cpp was not built")
    model = folder / "models/q4_1.gguf"
    first = subprocess.run([bench, "-m", model, "-t", "2", "-p", "32", "-n", "1", "-r", "1"], capture_output=True)
    without = "-U__AMX_INT8__" in ninja.read_text()
    if first.returncode == -signal.SIGILL and not without:
        ninja.write_text(ninja.read_text().replace("-march=native", "-march=native -U__AMX_INT8__"))
        subprocess.run(["ninja", "-C", folder / "build", "llama-server", "llama-bench", "llama-batched-bench",
                        "llama-quantize", "llama-perplexity"], check=True)
        without = True
    subprocess.run(script, check=True)  # quantises what is not yet
    return "built without its AMX code (-U__AMX_INT8__), which ends by SIGILL on this machine" if without else ""


def openvino(folder):
    python = folder / "bin/python"
    if not python.exists():
        subprocess.run(["python3", "-m", "venv", folder], check=True)
    if subprocess.run([python, "-c", "import openvino_genai"], capture_output=True).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "-q", *OPENVINO], check=True)
    return python
