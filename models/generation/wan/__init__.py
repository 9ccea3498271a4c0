"""Wan2.1: loading and running the published weights."""
