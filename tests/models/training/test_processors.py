"""What a processor without AVX-512 and bfloat16 cannot do is not asked of it."""

import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
AVX2 = ("env", "ATEN_CPU_CAPABILITY=avx2", "ONEDNN_MAX_CPU_ISA=AVX2")
# One test each of the trainings that make products in bfloat16: some steps, and back again.
STEPS = (
    "ancat/test_train.py::test_steps_change_everything_but_the_frozen_front",
    "asr/test_causal_whisper.py::test_steps_change_the_adapters_and_nothing_else",
    "video/test_train_dit.py::test_a_run_begins_with_the_weights_of_another",
)


@pytest.mark.slow
def test_trainings_step_on_a_processor_with_avx2_alone() -> None:
    pytest = [*AVX2, sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*pytest, *(str(HERE / step) for step in STEPS)],
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
