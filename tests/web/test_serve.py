import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from tests.paths import ROOT
from tests.patience import PATIENCE


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_service_and_leaves_no_process(ending: signal.Signals) -> None:
    """In a process group of its own, which must be empty afterwards."""
    command = [sys.executable, "-m", "web.cli.main", "demo", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert any(re.search(r"http://localhost:\d+", line) for line in process.stdout)
        process.send_signal(ending)
        assert process.wait(PATIENCE) == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.slow
def test_a_port_in_use_is_reported_before_models_are_loaded() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "web.cli.main", "serve", "--port", port],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 2
    assert "give --port" in done.stderr
    assert "Traceback" not in done.stderr
