"""Settings of a service on several machines."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
