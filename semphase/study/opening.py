"""From the options of a run to its studies; a model is loaded once, and kept until it is let go."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator
from functools import lru_cache
from weakref import WeakSet

from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon
from semphase.models import Model, load, require_precision
from semphase.models.tokens import special_notice
from semphase.progress import progress
from semphase.store import SealedStore, Store, opened
from semphase.study.budget import BUDGETS
from semphase.study.given import corpus_of, lexicon_of, speaks_grammar
from semphase.study.joint import JointStudy
from semphase.study.settings import RunSettings
from semphase.study.start import start_notice
from semphase.study.study import Study
from semphase.study.subject import COPIES_MEMORY, Opened, Trained
from semphase.study.substitutes import Substitutes
from semphase.study.unread import Unread, or_unread

_OPEN: dict[tuple[RunSettings, str], Study] = {}
_BEGUN: WeakSet[Study] = WeakSet()
"""Studies whose notices tell by now how their text is read."""


def open_study(settings: RunSettings, names: tuple[str, ...], reading: Collection[str] = ()) -> Study | JointStudy:
    """The study of one model, or the joint study of several (or none); open until `close_studies`.

    `reading` are the models that read the corpus.
    """
    each = tuple(_study(settings, name) for name in names)
    for name, study in zip(names, each, strict=True):
        if name in reading and study not in _BEGUN and not isinstance(study.corpus, Unread):
            _BEGUN.add(study)
            study.store.notices.extend(_on_text(study))
    for study in each:
        study.bound_copies(copies_memory(settings) // len(each))
    if len(each) == 1:
        return each[0]
    roles = tuple((role, names.index(name)) for role, name in settings.roles if name in names)
    return JointStudy(each, roles)


def close_studies(keep: Collection[str] = (), using: Collection[str] | None = None) -> None:
    """Let go of the studies of all models but `keep`, so that their weights leave the memory with the last user.

    Of those that are kept for later, all but `using`, the untrained copies leave as well: a later test finds what was
    measured on them in the store, and builds them again where it measures more.
    """
    for key in [key for key in _OPEN if key[1] not in keep]:
        del _OPEN[key]
    for (_, name), study in _OPEN.items():
        if using is not None and name not in using:
            study.give_back_copies()
    # A study and its facets hold each other, so nothing but the collector frees them.
    gc.collect()


def copies_memory(settings: RunSettings) -> int:
    """Bytes that the untrained copies of the models of one test may take together."""
    return settings.memory or COPIES_MEMORY


def _study(settings: RunSettings, name: str) -> Study:
    if (settings, name) not in _OPEN:
        _OPEN[settings, name] = _open(settings, name)
    return _OPEN[settings, name]


def _on_text(study: Study) -> Iterator[str]:
    """Notices on how the study's text is read."""
    # The tiny models start as they were trained to.
    if not speaks_grammar((study.label,)) and (notice := start_notice(study)):
        yield notice
    if notice := special_notice(study.model, f"the corpus {study.corpus.name}", study.corpus.text):
        yield notice


def _on_devices(model: Model) -> Iterator[str]:
    """A notice on weights that lie on several devices."""
    if len(model.devices) > 1:
        yield f"the weights of {model.name} are spread over {', '.join(map(str, model.devices))}."


def _on_prompts(settings: RunSettings, model: Model, words: Lexicon) -> Iterator[str]:
    """Notices on how the user's prompts and the words' sentences are read."""
    texts = {f"the prompts {name!r}": own.texts for name, own in substitutes_of(settings).sets.items()}
    if not isinstance(words, Unread):
        texts["the lexicon"] = tuple(prompt.text for prompt in words.prompts)
    for what, own in texts.items():
        if own and (notice := special_notice(model, what, "\n".join(own))):
            yield notice


def _open(settings: RunSettings, name: str) -> Study:
    model = load(name, device=settings.device, dtype=settings.dtype, bos=settings.bos)
    for device in model.devices:
        require_precision(device, model.dtype, settings.dtype)
    words, text = or_unread(lambda: lexicon_of(settings)), or_unread(lambda: corpus_of(settings)[0])
    told = [*_on_devices(model), *_notices(settings, words, text), *_on_prompts(settings, model, words)]
    store = _store(settings, told)
    opened = Opened(name, settings.device, settings.dtype, settings.bos)
    subject = Trained(model, copies_memory(settings), opened=opened)
    budget = BUDGETS[settings.budget]
    return Study(
        subject,
        words,
        text,
        budget,
        settings.seed,
        store,
        progress,
        settings.memory,
        substitutes_of(settings),
    )


def _notices(settings: RunSettings, words: Lexicon, text: Corpus) -> Iterator[str]:
    """What the reader of the report should know of the data."""
    for name, own in (("lexicon", words), ("corpus", text)):
        if isinstance(own, Unread):
            yield f"the {name} was not read: {own.reason}"
    if not isinstance(text, Unread) and (notice := corpus_of(settings)[1]):
        yield notice


def _store(settings: RunSettings, notices: list[str]) -> Store:
    if settings.sealed:
        return SealedStore(settings.store, notices, settings.sealed)
    return opened(settings.store, settings.remote, notices)


@lru_cache(maxsize=8)
def substitutes_of(settings: RunSettings) -> Substitutes:
    """The user's sets of prompts, the same for all studies of a run; SemphaseError for a file that cannot be read."""
    return Substitutes.load(settings.prompts)
