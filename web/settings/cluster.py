"""Settings of a service on several machines."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from web.settings.checks import CommaSeparated, worker_models


class ClusterSettings(BaseSettings):
    """The cluster that this process is part of, and how others reach it."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    cluster: str | None = Field(None, min_length=1)
    """address HOST:PORT of the Ray cluster that this service is part of, as `eyeline serve
    --cluster` sets it; if not set, one machine runs alone"""
    cluster_url: str | None = Field(None, pattern=r"^https?://[^/]+$")
    """URL at which other machines of the cluster reach this service, http://HOST:PORT; if not set,
    the address that it listens on, or the one that its Ray node is known by"""
    cluster_node: str | None = Field(None, min_length=1)
    """IP address of the Ray node that this service belongs to, if its machine has several"""
    cluster_timeout: float = Field(1.5, ge=0.5, le=60)
    """seconds without a report of a machine of the cluster after which others take its sessions"""
    cluster_lookups: int = Field(50, ge=1)
    """client secrets a second that this service does not know and asks the cluster for; requests
    with further ones get HTTP 503"""
    cluster_models: Annotated[CommaSeparated, AfterValidator(worker_models)] = ()
    """models that workers of the cluster compute in place of its machines, comma-separated:
    recognition (of English, with the final pass), generation; all machines need the same"""
    cluster_workers: int = Field(1, ge=1)
    """workers of these models that the cluster has at least"""
    cluster_max_workers: int = Field(8, ge=1)
    """workers that it has at most; one more is started while jobs wait for `cluster_wait`"""
    cluster_wait: float = Field(0.2, gt=0)
    """seconds that jobs wait at the workers in the mean from which another one starts"""
    cluster_worker_cpus: float = Field(1.0, ge=0)
    """cores of a Ray node that a worker takes, as Ray counts them"""
    cluster_worker_gpus: float = Field(0.0, ge=0)
    """GPUs of a Ray node that a worker takes, or the part of one; workers are placed on nodes that
    have so many free"""

    @model_validator(mode="after")
    def _check_workers(self) -> Self:
        if self.cluster_max_workers < self.cluster_workers:
            raise ValueError("the cluster has fewer workers at most than at least")
        return self
