"""Errors of the cluster."""

from web.errors import UsageError


class ClusterError(Exception):
    """Something in the cluster cannot be reached, or not in time; the service goes on without."""


class ClusterUsageError(UsageError):
    """The cluster cannot be used as it was asked for; the message says what to do."""
