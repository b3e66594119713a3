"""What the hub says becomes a folder or one sentence."""

from __future__ import annotations

import errno
import http.server
import importlib
import threading
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import errors

from semphase import hub
from semphase.errors import SemphaseError

# The hub's client speaks through httpx or httpx2, by version.
httpx = importlib.import_module(hub._TransportError.__module__.partition(".")[0])
HOW = hub.Wanted(["some/model"], ["*.json"], lambda folder: (folder / "config.json").exists(), "something else")


@pytest.fixture(autouse=True)
def answering(tmp_path, monkeypatch):
    """A server that says 401 to everything, as the hub does of what it does not have, and an empty cache."""

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def download(monkeypatch):
    """`download(outcome)` makes the cache empty and the download raise or return the outcome."""

    def stage(outcome: Exception | str) -> None:
        def snapshot(*_: object, local_files_only: bool = False, **__: object) -> str:
            if local_files_only:
                raise errors.LocalEntryNotFoundError("nothing")
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)

    return stage


def response(status: int) -> Any:
    return httpx.Response(status, request=httpx.Request("GET", "http://hub"))


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (errors.RepositoryNotFoundError("no", response=response(404)), "the hub has no model 'some/model'"),
        (errors.GatedRepoError("no", response=response(403)), "some/model wants its terms accepted"),
        (errors.HfHubHTTPError("no", response=response(500)), "the hub refuses some/model with status 500"),
        (errors.LocalEntryNotFoundError("no"), "the hub cannot be reached"),
        (httpx.ReadTimeout("slow"), "the hub cannot be reached"),
        (ConnectionError("cut"), "the hub cannot be reached"),
        (ConnectionError(errno.ECONNRESET, "cut"), "the hub cannot be reached"),
        (OSError(errno.ENOSPC, "No space left on device"), r"cannot be kept in the cache .* No space .* set HF_HOME"),
    ],
)
def test_every_refusal_is_one_sentence(download, raised, said):
    download(raised)
    with pytest.raises(SemphaseError, match=said):
        hub.fetch(HOW)


def test_what_was_downloaded_is_returned(download, tmp_path):
    download(str(tmp_path))
    assert hub.fetch(HOW) == tmp_path


def test_an_unknown_model_is_told_from_an_unreachable_hub():
    with pytest.raises(SemphaseError, match="the hub has no model 'some/model' that you may read"):
        hub.fetch(HOW)


def test_a_copy_that_is_not_whole_is_completed(monkeypatch, tmp_path):
    asked: list[bool] = []

    def snapshot(*_: object, local_files_only: bool = False, **__: object) -> str:
        asked.append(local_files_only)
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    hub.fetch(HOW)
    (tmp_path / "config.json").touch()
    assert hub.fetch(HOW) == Path(tmp_path)
    assert asked == [True, False, True]
