"""Tiny tensors, as in tests/models."""

from tests.models.conftest import single_thread

__all__ = ["single_thread"]
