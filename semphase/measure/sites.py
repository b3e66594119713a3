"""Places inside a model, as plain data: where something is read or changed.

| site | what it is | shape at a position |
|---|---|---|
| `embedding()` | what the token embedding gives, before positions are added | d_model |
| `stream(l)` | the residual stream that enters block l; l = L, the number of blocks: what leaves the last | d_model |
| `attention(l)`, `mlp(l)` | what block l's attention or MLP adds to the stream, norms behind it included | d_model |
| `neurons(l)` | what enters the MLP's output projection | d_mlp |
| `query(l, h)` | the query as the scores see it: positions and norms applied, not yet scaled | d_head |
| `key(l, h)`, `value(l, h)` | the same; h counts the model's key heads, fewer where query heads share them | d_head |
| `pattern(l, h)` | the attention weights of a query after softmax, one for each key | keys |
| `head(l, h)` | the head's output before the output projection | d_head |

Queries are not yet scaled, but where the family itself scales them before the scores (OPT). Layers and heads are
integers, sequences of them, or ALL. Nothing here knows a model: `check` compares with one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from operator import index
from typing import Any, Literal

from semphase.errors import SemphaseError
from semphase.measure.positions import ALL, All, Positions, identity, positions_of

Kind = Literal["embedding", "stream", "attention", "mlp", "neurons", "query", "key", "value", "head", "pattern"]
Indices = tuple[int, ...] | All
HEADED: tuple[Kind, ...] = ("query", "key", "value", "head", "pattern")
"""Sites with a head axis."""
OF_KEYS: tuple[Kind, ...] = ("key", "value")
"""Sites whose heads are the model's key heads."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What of a model a site can be checked against; `neurons` is None where its MLP has no single output projection."""

    name: str
    layers: int
    heads: int
    key_heads: int
    d_model: int
    d_head: int
    neurons: int | None

    def width(self, kind: Kind) -> int | None:
        """Components at a position; None for a pattern, which has as many as there are keys."""
        if kind == "neurons":
            return self.neurons
        return None if kind == "pattern" else self.d_head if kind in HEADED else self.d_model


@dataclass(frozen=True, slots=True)
class Site:
    """A kind of activation in some layers, some heads and at some positions; made by the functions below.

    `pairs` lists (layer, head) where the choice is no product; `layers` and `heads` are then those that occur.
    """

    kind: Kind
    layers: Indices
    heads: Indices | None = None
    pairs: tuple[tuple[int, int], ...] | None = None
    positions: Positions = ALL

    def __str__(self) -> str:
        named = [] if self.kind == "embedding" else [told_indices(self.layers)]
        if self.pairs is not None:
            return f"heads({', '.join(map(str, self.pairs))}{_narrowed(self.positions)})"
        if self.heads is not None:
            named.append(told_indices(self.heads))
        inside = ", ".join(named) + _narrowed(self.positions)
        return f"{self.kind}({inside.removeprefix(', ')})"

    @property
    def identity(self) -> str:
        """The same string for equal sites only."""
        where = [self.layers, self.heads] if self.pairs is None else [self.pairs]
        return f"{self.kind}{where}{identity(self.positions)}"

    @property
    def everywhere(self) -> Site:
        """The same at all positions."""
        return replace(self, positions=ALL)

    def chosen(self, shape: Shape) -> dict[int, tuple[int, ...]]:
        """The heads by layer, in the order given; no heads where the site has none. The embedding's layer is −1."""
        if self.kind == "embedding":
            return {-1: ()}
        if self.pairs is not None:
            layers = dict.fromkeys(layer for layer, _ in self.pairs)
            return {own: tuple(head for layer, head in self.pairs if layer == own) for own in layers}
        heads = () if self.heads is None else _spelled(self.heads, self.count(shape))
        return dict.fromkeys(_spelled(self.layers, self.depth(shape)), heads)

    def grid(self, shape: Shape) -> tuple[int, ...]:
        """How many layers, and heads where there are any, stand beside each other; nothing if they are no product."""
        chosen = self.chosen(shape)
        counts = {len(heads) for heads in chosen.values()}
        return () if len(counts) > 1 else (len(chosen), *(count for count in counts if count))

    def depth(self, shape: Shape) -> int:
        """How many layers there are to choose from."""
        return shape.layers + (self.kind == "stream")

    def count(self, shape: Shape) -> int:
        """How many heads there are to choose from in a layer."""
        return shape.key_heads if self.kind in OF_KEYS else shape.heads


def embedding(*, positions: Any = ALL) -> Site:
    """What the token embedding gives, before positions are added."""
    return Site("embedding", (), positions=positions_of(positions))


def stream(layers: Any, *, positions: Any = ALL) -> Site:
    """The residual stream: layer l enters block l, the number of blocks leaves the last one."""
    return Site("stream", _indices(layers, "layer"), positions=positions_of(positions))


def attention(layers: Any, *, positions: Any = ALL) -> Site:
    """What the attention of a block adds to the stream."""
    return Site("attention", _indices(layers, "layer"), positions=positions_of(positions))


def mlp(layers: Any, *, positions: Any = ALL) -> Site:
    """What the MLP of a block adds to the stream."""
    return Site("mlp", _indices(layers, "layer"), positions=positions_of(positions))


def neurons(layers: Any, *, positions: Any = ALL) -> Site:
    """What enters the output projection of a block's MLP."""
    return Site("neurons", _indices(layers, "layer"), positions=positions_of(positions))


def query(layers: Any, heads: Any = ALL, *, positions: Any = ALL) -> Site:
    """Queries as the scores see them, positions and norms applied."""
    return _headed("query", layers, heads, positions)


def key(layers: Any, heads: Any = ALL, *, positions: Any = ALL) -> Site:
    """Keys as the scores see them; heads are the model's key heads."""
    return _headed("key", layers, heads, positions)


def value(layers: Any, heads: Any = ALL, *, positions: Any = ALL) -> Site:
    """Values as the weights meet them; heads are the model's key heads."""
    return _headed("value", layers, heads, positions)


def head(layers: Any, heads: Any = ALL, *, positions: Any = ALL) -> Site:
    """Outputs of attention heads before the output projection: every head of every layer named."""
    return _headed("head", layers, heads, positions)


def heads(pairs: Iterable[tuple[int, int]], *, positions: Any = ALL) -> Site:
    """Outputs of attention heads, by (layer, head)."""
    named = tuple((_index(layer, "layer"), _index(number, "head")) for layer, number in pairs)
    _require_different(named, "head")
    layers, numbers = (tuple(dict.fromkeys(column)) for column in zip(*named, strict=True))
    return Site("head", layers, numbers, named, positions_of(positions))


def pattern(layers: Any, heads: Any = ALL, *, positions: Any = ALL) -> Site:
    """Attention weights after softmax; `positions` are those of the queries."""
    return _headed("pattern", layers, heads, positions)


def check(site: Site, shape: Shape) -> None:
    """SemphaseError, in one sentence, for layers, heads or neurons that the model does not have."""
    require_indices(site.layers, site.depth(shape), "layer", f"{site}", shape.name)
    for number in () if site.heads is None else (site.heads,):
        kind = "key head" if site.kind in OF_KEYS else "head"
        require_indices(number, site.count(shape), kind, f"{site}", shape.name)
    if site.kind == "neurons" and shape.neurons is None:
        raise SemphaseError(
            f"the MLPs of {shape.name} have no single output projection that neurons enter; choose mlp(layer) instead."
        )


def require_indices(chosen: Indices, count: int, kind: str, what: str, model: str) -> None:
    """SemphaseError for a number that is not below `count`."""
    for number in () if isinstance(chosen, All) else chosen:
        if number >= count:
            raise SemphaseError(f"{what}: {model} has no {kind} {number}; choose from 0 to {count - 1}.")


def _headed(kind: Kind, layers: Any, heads: Any, positions: Any) -> Site:
    return Site(kind, _indices(layers, "layer"), _indices(heads, "head"), positions=positions_of(positions))


def _indices(given: Any, what: str) -> Indices:
    if given is ALL:
        return ALL
    try:
        found = tuple(_index(number, what) for number in given)
    except TypeError:
        return (_index(given, what),)
    _require_different(found, what)
    return found


def _index(given: Any, what: str) -> int:
    if not isinstance(given, bool):
        try:
            found = index(given)
        except TypeError:
            found = -1
        if found >= 0:
            return found
    raise SemphaseError(f"{given!r} is no {what}: give integers from 0, a sequence of them, or ALL.")


def _require_different(found: tuple[Any, ...], what: str) -> None:
    if not found:
        raise SemphaseError(f"no {what} is named; give at least one, or ALL.")
    if len(set(found)) < len(found):
        raise SemphaseError(f"{found} names a {what} twice; name each once.")


def _spelled(chosen: Indices, count: int) -> tuple[int, ...]:
    return tuple(range(count)) if isinstance(chosen, All) else chosen


def told_indices(chosen: Indices) -> str:
    """Layers or heads in few letters."""
    if isinstance(chosen, All):
        return "ALL"
    if len(chosen) == 1:
        return str(chosen[0])
    run = list(range(chosen[0], chosen[-1] + 1))
    return f"{chosen[0]}…{chosen[-1]}" if len(chosen) > 2 and list(chosen) == run else str(list(chosen))


def _narrowed(positions: Positions) -> str:
    return "" if positions is ALL else f", positions={positions!r}"
