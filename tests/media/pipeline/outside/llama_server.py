"""llama.cpp's own server, in a process of its own, with the packaged language model's weights."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.weights.fetch import fetch_weights

SERVER = """
import sys
import xllamacpp
options = xllamacpp.CommonParams()
options.model.path = sys.argv[1]
options.n_ctx, options.n_parallel, options.port = 2048, 1, 0
options.cpuparams.n_threads = 1
server = xllamacpp.Server(options)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@contextmanager
def llama_server(weights: Path) -> Iterator[str]:
    """Yield the URL of a server of one thread; it ends with its standard input."""
    fetch_weights("smollm2-135m", weights)
    (file,) = (weights / "smollm2-135m").glob("*.gguf")
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), "the server did not start"
        yield f"{address}/v1"
        process.stdin.close()
