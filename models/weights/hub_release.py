"""A release of a model on a hub: commit, licence and the files to download.

For a Video-LLM these are configuration, tokenizer, card, licence and safetensors: pickles can run
code. For other models they are the files that `hub_catalog` lists; PyTorch files among them are
read as tensors only (`models.generation.wan.files`).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from models.errors import WeightsError
from models.weights.hub_catalog import HubModel
from models.weights.hub_http import Hub, get_json, open_client

REQUIRED = ("config.json", "tokenizer.json")
INDEX = "model.safetensors.index.json"
WANTED = re.compile(
    r"(generation_|processor_|preprocessor_|video_preprocessor_|tokenizer_)?config\.json"
    r"|tokenizer\.json|model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json"
    r"|README\.md|LICENSE(\.md|\.txt)?"
)
SHARD = re.compile(r"model-(\d{5})-of-(\d{5})\.safetensors")
HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubFile:
    """A file of a release; `digest` is the SHA-256 of a large file, git's hash of a small one."""

    name: str
    size: int
    digest: str

    @property
    def large(self) -> bool:
        """Whether `digest` is a SHA-256."""
        return len(self.digest) == 64  # hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A repository at one commit; `licence` is the hub's answer."""

    repository: str
    commit: str
    licence: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """The total in bytes."""
        return sum(file.size for file in self.files)


def find_release(model: HubModel, hub: Hub, *, revision: str | None = None) -> Release:
    """Return the release of `model` at `revision`: a branch, a tag or a commit.

    The default is the revision of the catalog.

    Raises:
        WeightsError: the hub cannot be reached, refuses, answers with another commit, or does
            not have the files we read.
    """
    revision = revision or model.revision
    what = f"{model.repository} at {revision!r}"
    url = f"{hub.url}/api/models/{model.repository}/revision/{quote(revision, safe='')}"
    with open_client(hub) as client:
        answer = get_json(client, url, what)
    try:
        files = tuple(
            _file(each) for each in answer["siblings"] if _is_wanted(model, each["rfilename"])
        )
        commit = str(answer["sha"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{url}: not what a model hub answers ({error!r})") from error
    _check(model, what, revision, commit, files)
    return Release(
        repository=model.repository, commit=commit, licence=_licence(answer), files=files
    )


def _file(sibling: Mapping[str, Any]) -> HubFile:
    large = sibling.get("lfs")
    digest = large["sha256"] if large else sibling["blobId"]
    if not HASH.fullmatch(digest):
        raise ValueError(f"{digest!r} is no hash")
    size = large["size"] if large else sibling["size"]
    return HubFile(name=sibling["rfilename"], size=int(size), digest=digest)


def _is_wanted(model: HubModel, name: str) -> bool:
    return name in model.files if model.files else WANTED.fullmatch(name) is not None


def _licence(answer: Mapping[str, Any]) -> str:
    card = answer.get("cardData") or {}
    named = [card.get(key) for key in ("license", "license_name", "license_link")]
    return ", ".join(str(each) for each in named if each) or "not stated"


def _check(
    model: HubModel, what: str, revision: str, commit: str, files: tuple[HubFile, ...]
) -> None:
    names = {file.name for file in files}
    if not COMMIT.fullmatch(commit):
        raise WeightsError(f"{what}: the hub names no commit")
    if COMMIT.fullmatch(revision) and commit != revision:
        raise WeightsError(f"{what}: the hub answered with {commit}; do not trust this hub")
    if model.files:
        if gone := sorted(set(model.files) - names):
            raise WeightsError(
                f"{what}: the hub has no {', '.join(gone)}; this version expects it: "
                "try an earlier commit with --revision"
            )
        return
    lacking = [name for name in REQUIRED if name not in names]
    lacking += [INDEX] if "model.safetensors" not in names and INDEX not in names else []
    for shard in filter(None, map(SHARD.fullmatch, names)):
        every = (f"model-{n:05}-of-{shard[2]}.safetensors" for n in range(1, int(shard[2]) + 1))
        lacking += [name for name in every if name not in names]
    if lacking:
        raise WeightsError(
            f"{what}: the hub has no {', '.join(sorted(set(lacking)))}; only safetensors are "
            "read, for other formats can run code"
        )
