"""What the benchmarks share: processes that are asked in turns, and what was measured where."""

import json
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
SINGLE = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}


class Worker:
    """A process that answers each line with a line of JSON."""

    def __init__(self, python, script, *arguments, environment=None):
        self.process = subprocess.Popen(
            [str(python), str(HERE / script), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )

    def ask(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args[1]} ended with code {self.process.wait()}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def peers_python(domain):
    """Python of the peers' environment of a domain, or None."""
    python = Path(os.environ.get("PEERS_VENV", "../peers-venv")) / domain / "bin" / "python"
    return python.absolute() if python.exists() else None


def version_in(python, package):
    """Version of a package in another environment, None without it."""
    program = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", program], check=False, capture_output=True, text=True)
    return done.stdout.strip() or None


def cpu_model():
    """What /proc/cpuinfo calls the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "unknown")


def write_results(domain, results):
    """Write `benchmarks/results/{domain}.json`."""
    path = HERE / "results" / f"{domain}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
