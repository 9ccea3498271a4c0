"""Start and memory of an idle service, by what the memory is of.

    python -m tests.bench.bench_idle
    python -m tests.bench.bench_idle --against FOLDER

Starts `eyeline serve` as it is started by hand, twice: the first start of a machine makes engines,
the second is what counts. It gives the seconds and CPU seconds (of all its processes) until it
listens, and then, in MiB:

    RSS         all pages that the process has in memory
    USS         of these, those that no other process shares
    anonymous   of these, those that are in no file: the system cannot take them back
    and RSS by what the pages are of

USS counts libraries, too, if nothing else on the machine has loaded them: close other Pythons to
compare. `--against` measures another checkout in the same run, with this Python, and gives ratios.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

from tests.paths import ROOT

SPLIT = re.compile(r"\n(?=[0-9a-f]+-[0-9a-f]+ )")  # between two mappings of smaps
START_TIMEOUT = 600  # seconds: engines may have to be made
SETTLED = 3.0  # seconds after the service listens
MIB = 1024.0  # kB


def kind_of(name: str) -> str:
    """Return what a mapping of the file `name` is of."""
    if name.endswith((".onnx.data", ".gguf", ".onnx")):
        return "weights, mapped"
    if ".so" in name:
        return f"library {Path(name).name.split('.')[0].split('-')[0][:24]}"
    if name == "[heap]" or not name:
        return "heap and arenas"
    return "other"


def memory(pid: int) -> dict[str, float]:
    """Return the MiB of a process by measure, and of what its pages are."""
    total: Counter[str] = Counter()
    for mapping in SPLIT.split(Path(f"/proc/{pid}/smaps").read_text()):
        first, *rest = mapping.splitlines()
        fields = first.split(maxsplit=5)
        sizes = {
            key: int(value.split()[0])
            for key, _, value in (line.partition(":") for line in rest)
            if value.endswith(" kB")
        }
        total["RSS"] += sizes["Rss"]
        total["USS"] += sizes["Private_Clean"] + sizes["Private_Dirty"]
        total["anonymous"] += sizes["Anonymous"]
        total[kind_of(fields[5] if len(fields) == 6 else "")] += sizes["Rss"]
    return {name: size / MIB for name, size in total.items()}


def start(folder: Path) -> dict[str, float]:
    """Start the service of the checkout in `folder`, measure it, and end it."""
    command = [sys.executable, "-m", "web.cli.main", "serve", "--port", "0"]
    with tempfile.NamedTemporaryFile("w") as log:
        began = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, stderr=log)
        try:
            while "listening on" not in Path(log.name).read_text():
                if process.poll() is not None or time.monotonic() - began > START_TIMEOUT:
                    raise RuntimeError(f"the service did not start:\n{Path(log.name).read_text()}")
                time.sleep(0.1)
            took = time.monotonic() - began
            used = psutil.Process(process.pid).cpu_times()
            time.sleep(SETTLED)
            return {
                "start, s": took,
                "start, CPU s": used.user + used.system + used.children_user + used.children_system,
                **memory(process.pid),
            }
        finally:
            process.terminate()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--kinds", type=int, default=8, help="how many kinds of pages to list")
    arguments = parser.parse_args()
    folders = [ROOT, *([arguments.against] if arguments.against else [])]
    for folder in folders:
        start(folder)
    found = [start(folder) for folder in folders]
    names = list(found[0])
    shown = names[:5] + sorted(names[5:], key=lambda name: -found[0][name])[: arguments.kinds]
    for name in shown:
        row = "".join(f"{each.get(name, 0.0):10.1f}" for each in found)
        base = found[-1].get(name, 0.0)
        ratio = f"{found[0][name] / base:9.2f}" if len(found) > 1 and base else ""
        print(f"{name:34}{row}{ratio}")


if __name__ == "__main__":
    main()
