"""Settings of who may use the service, from where, and how much."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from web.log_lines import AuditLevel
from web.settings.checks import CommaSeparated, header_value, ip_networks


class AccessSettings(BaseSettings):
    """Keys, names of the service, limits of those without a key, and what is logged about them."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    api_key: Annotated[SecretStr, AfterValidator(header_value)] | None = None
    """key that clients must send as Authorization: Bearer, and that may do everything; no key is
    needed if neither this nor `EYELINE_KEYS` is set"""
    keys: Path | None = None
    """file of further keys with scopes and limits, which `eyeline keys` writes; it is read again
    when it changes"""
    usage: Path | None = None
    """file that keeps the minutes that keys have used, so that a restart does not forget them; if
    not set, the name of `EYELINE_KEYS` and .used. In a cluster the machines tell each other"""
    without_key: bool = False
    """serve on an address that other machines reach although no key is needed"""
    hosts: CommaSeparated = ()
    """names of this service besides localhost and its address, comma-separated, as in the address
    bar; without a key, requests under other names are refused"""
    origins: CommaSeparated = ()
    """web origins that may call from another site (CORS), comma-separated; * allows all"""
    proxies: Annotated[CommaSeparated, AfterValidator(ip_networks)] = ("127.0.0.1", "::1")
    """addresses or networks of proxies in front of the service, comma-separated, whose X-Forwarded
    headers are believed"""
    requests: int = Field(600, ge=0)
    """requests a minute, and things that cost as much, of an address from which no key comes, and
    of a client secret whose key has no limit; others get HTTP 429 or an error event. This machine's
    own have no limit; 0 turns this off"""
    wrong_keys: int = Field(60, ge=0)
    """wrong keys a minute from an address, after which none is tried any more and all get HTTP 429;
    0 turns this off"""
    audit: AuditLevel = "changes"
    """what gets an audit line in the log: off, changes (and what is refused), or all, which has
    what is read, too"""
