"""Acceptance of a machine: what can be claimed of its engines only after they ran there."""
