"""Trainings run on processors without AVX-512 and bfloat16, and without AVX2."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).parent
LIMITS = {"avx2": "AVX2", "default": "SSE41"}  # names in PyTorch and in oneDNN
# One test each of the trainings with products in lower precision: some steps, and back again.
STEPS = (
    "test_precision.py::test_a_processor_without_bfloat16_multiplies_float32",
    "ancat/test_train.py::test_steps_change_everything_but_the_frozen_front",
    "asr/test_causal_whisper.py::test_steps_change_the_adapters_and_nothing_else",
    "video/test_train_dit.py::test_a_run_begins_with_the_weights_of_another",
)


@pytest.mark.slow
@pytest.mark.parametrize("limit", LIMITS)
def test_trainings_step_on_processors_that_have_less(limit: str) -> None:
    if torch.backends.cpu.get_cpu_capability().lower() == limit:
        pytest.skip("this processor has no more: every other test runs so")
    limits = ("env", f"ATEN_CPU_CAPABILITY={limit}", f"ONEDNN_MAX_CPU_ISA={LIMITS[limit]}")
    run_pytest = [*limits, sys.executable, "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*run_pytest, *(str(HERE / step) for step in STEPS)],
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
