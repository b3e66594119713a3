"""Files of the Hugging Face hub: from the local cache if whole, else from the network if it answers."""

from __future__ import annotations

import errno
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils.tqdm import disable_progress_bars

from semphase.errors import SemphaseError

# What the hub's client raises when a connection breaks: httpx's or httpx2's base class, by version.
_TransportError: type[Exception] = HfHubHTTPError.__mro__[1]
_PATIENCE = 8.0  # seconds
_OF_THE_DISK = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOENT, errno.ENOTDIR,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files to have: the repository under its ids, patterns of names, and a test that a local copy is whole.

    `kind` is "model" or "dataset"; `instead` tells the user what works without a network; `revision` is a branch, a tag
    or a commit, None for the repository's main branch.
    """

    ids: Sequence[str]
    patterns: Sequence[str]
    whole: Callable[[Path], bool]
    instead: str
    kind: str = "model"
    revision: str | None = None

    @property
    def name(self) -> str:
        """The repository, with its revision where one is meant."""
        return self.ids[0] + (f"@{self.revision}" if self.revision else "")


def fetch(wanted: Wanted) -> Path:
    """The local folder with the files; SemphaseError, within 30 seconds, if the hub does not answer."""
    disable_progress_bars()
    for name in wanted.ids:
        if (folder := _cached(name, wanted)) is not None:
            return folder
    name = wanted.ids[0]
    if constants.HF_HUB_OFFLINE or not _answers(f"{constants.ENDPOINT}/api/{wanted.kind}s/{name}"):
        raise _unreachable(wanted)
    try:
        return Path(
            huggingface_hub.snapshot_download(
                name, repo_type=wanted.kind, revision=wanted.revision, allow_patterns=list(wanted.patterns)
            )
        )
    except GatedRepoError:
        raise SemphaseError(f"{name} wants its terms accepted on the hub and then `hf auth login`") from None
    except RepositoryNotFoundError:
        raise SemphaseError(f"the hub has no {wanted.kind} {name!r} that you may read; check the name") from None
    except RevisionNotFoundError:
        raise SemphaseError(
            f"{name} has no revision {wanted.revision!r} on the hub; give one of its branches, tags or commits"
        ) from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise SemphaseError(f"the hub refuses {name} with status {status}; without it use {wanted.instead}") from None
    except (OSError, _TransportError) as error:
        if getattr(error, "errno", None) in _OF_THE_DISK:
            raise SemphaseError(
                f"{name} cannot be kept in the cache {constants.HF_HUB_CACHE} ({error}): set HF_HOME to another folder"
            ) from None
        raise _unreachable(wanted) from None


def _cached(name: str, wanted: Wanted) -> Path | None:
    try:
        folder = Path(
            huggingface_hub.snapshot_download(
                name, repo_type=wanted.kind, revision=wanted.revision, local_files_only=True
            )
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return folder if wanted.whole(folder) else None


def _answers(address: str) -> bool:
    """Whether the server says anything in time; the client itself would wait for minutes."""
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE):  # noqa: S310 - the user's own hub endpoint
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def _unreachable(wanted: Wanted) -> SemphaseError:
    return SemphaseError(
        f"{wanted.name} is not in the cache {constants.HF_HUB_CACHE} and the hub cannot be reached; "
        f"without a network use {wanted.instead}"
    )
