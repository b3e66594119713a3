"""Least squares for many curves at once: the grid start and a vectorised Levenberg–Marquardt.

Each curve is fitted on its own; only the arithmetic is shared. Bounds are kept by a change of variable:
log(p − low) for a lower bound, logit for two. Amplitudes are projected out (variable projection, Golub and
Pereyra 1973), so the descent sees the shape parameters alone and the scale of the curve does not matter.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import scipy
from jaxtyping import Bool, Float, Int

from semphase.stats.families import Family, Parameter

_STEP = 1e-5  # central differences: truncation 1e-10, cancellation 1e-11
_DECREMENT = 1e-10  # stop when a full Gauss–Newton step promises less than this share of the RSS
_GAIN = 1e-8  # an iteration that lowers the RSS by a smaller share is idle
_PATIENCE = 10  # idle iterations in a row that end a descent; the damping then grew by 1e9
_SCOUTING = 30  # iterations of a descent that only looks for the best of many starts
_DESCENTS = 20_000  # descents at once, a bound on memory
_FLAT = 1e-100  # keeps the step finite where the curve does not depend on a parameter
_LARGEST = 30.0  # bound on log and logit variables
_DEPENDENT = 1e-7  # a basis curve with less than this share of its own direction left counts as none

Depths = Float[np.ndarray, " layer"]
Curves = Float[np.ndarray, "curve layer"]
Points = Float[np.ndarray, "curve parameter"]
Starts = Float[np.ndarray, "point parameter"]


def curves_of(family: Family, x: Depths, points: Points) -> Curves:
    """The curves of a family at parameters [curve, parameter] in the family's order."""
    values = family.formula(x, *(column[:, None] for column in points.T))
    return np.broadcast_to(values, (len(points), x.size))


def grid(family: Family) -> Starts:
    """All combinations of the grid values of the shape parameters; amplitudes stand as 1."""
    return np.array(list(itertools.product(*(p.grid or (1.0,) for p in family.parameters))))


def grid_rss(family: Family, x: Depths, y: Curves, points: Starts) -> Float[np.ndarray, "curve point"]:
    """RSS of every curve at every point, with the best amplitudes there."""
    squares = np.sum(y * y, axis=1, keepdims=True)
    if not _amplitudes(family):
        shapes = curves_of(family, x, points)
        return squares - 2 * y @ shapes.T + np.sum(shapes * shapes, axis=1)
    explained = sum((y @ q.T) ** 2 for q in _orthonormal(family, x, points))
    return squares - explained


def search(
    family: Family, x: Depths, y: Curves, known: Starts | None = None
) -> tuple[Points, Float[np.ndarray, " curve"]]:
    """Parameters and RSS of the best descent from the family's number of starts, for each curve.

    The starts are the lowest of the grid points and the `known` points [point, parameter].
    """
    candidates = grid(family) if known is None else np.concatenate([grid(family), known])
    size = max(1, _DESCENTS // family.starts)
    blocks = [_search(family, x, y[i : i + size], candidates) for i in range(0, max(len(y), 1), size)]
    return np.concatenate([points for points, _ in blocks]), np.concatenate([rss for _, rss in blocks])


def _search(family: Family, x: Depths, y: Curves, candidates: Starts) -> tuple[Points, Float[np.ndarray, " curve"]]:
    rss, starts = grid_rss(family, x, y, candidates), min(family.starts, len(candidates))
    if starts == 1:
        return minimise(family, x, y, candidates[np.argmin(rss, axis=1)])
    lowest = np.argsort(rss, axis=1, kind="stable")[:, :starts]
    flat = candidates[lowest].reshape(-1, family.k)
    points, reached = minimise(family, x, np.repeat(y, starts, axis=0), flat, _SCOUTING)
    best = np.argmin(reached.reshape(len(y), starts), axis=1) + starts * np.arange(len(y))
    return minimise(family, x, y, points[best])


def minimise(
    family: Family, x: Depths, y: Curves, start: Points, iterations: int = 200
) -> tuple[Points, Float[np.ndarray, " curve"]]:
    """Parameters and RSS at the local minimum that the descent from `start` reaches, for each curve.

    The amplitudes in `start` are ignored. A curve is done when a Gauss–Newton step promises to lower its
    RSS by less than 1e-10 of it, after ten idle iterations or after `iterations`.
    """
    free = _to_free(family.parameters, start)
    descent = _Descent(
        free=free,
        rss=_squares(_residual(family, x, y, free)),
        damping=np.full(len(y), 1e-3),
        idle=np.zeros(len(y), dtype=int),
    )
    active = np.arange(len(y))
    for _ in range(iterations):
        if not active.size or not _shapes(family):
            break
        active = active[~_iterate(family, x, y, descent, active)]
    points = _with_amplitudes(family, x, y, _to_bounded(family.parameters, descent.free))
    return points, _squares(y - curves_of(family, x, points))


@dataclass(slots=True)
class _Descent:
    """Where each curve stands: its variables, RSS, damping and idle iterations."""

    free: Points
    rss: Float[np.ndarray, " curve"]
    damping: Float[np.ndarray, " curve"]
    idle: Int[np.ndarray, " curve"]


def _iterate(
    family: Family, x: Depths, y: Curves, descent: _Descent, active: Int[np.ndarray, " active"]
) -> Bool[np.ndarray, " active"]:
    """One damped step of the active curves, in place; returns which of them are done."""
    shapes, free, rss = _shapes(family), descent.free[active], descent.rss[active]
    jacobian = _jacobian(family, x, y[active], free)
    gradient = -np.einsum("dlk,dl->dk", jacobian, _residual(family, x, y[active], free))
    normal = np.einsum("dlk,dlm->dkm", jacobian, jacobian)
    scale = np.einsum("dkk->dk", normal)
    scale = np.maximum(scale, 1e-12 * scale.max(axis=1, keepdims=True)) + _FLAT
    decrement = np.sum(gradient * _solve(normal, 1e-13 * scale, gradient), axis=1)
    step = _solve(normal, descent.damping[active, None] * scale, gradient)
    trial = free.copy()
    trial[:, shapes] = np.clip(free[:, shapes] + step, *_reach(family))
    trial_rss = _squares(_residual(family, x, y[active], trial))
    better = trial_rss < rss
    descent.free[active[better]], descent.rss[active[better]] = trial[better], trial_rss[better]
    descent.damping[active] = np.maximum(descent.damping[active] * np.where(better, 0.1, 8.0), 1e-12)
    descent.idle[active] = np.where(rss - trial_rss > _GAIN * rss, 0, descent.idle[active] + 1)
    return (decrement <= _DECREMENT * rss) | (descent.idle[active] >= _PATIENCE)


def _residual(family: Family, x: Depths, y: Curves, free: Points) -> Curves:
    points = _to_bounded(family.parameters, free)
    if not _amplitudes(family):
        return y - curves_of(family, x, points)
    residual = y
    for q in _orthonormal(family, x, points):
        residual = residual - q * np.sum(q * residual, axis=1, keepdims=True)
    return residual


def _jacobian(family: Family, x: Depths, y: Curves, free: Points) -> Float[np.ndarray, "curve layer shape"]:
    columns = []
    for index in _shapes(family):
        shift = np.zeros(family.k)
        shift[index] = _STEP
        sides = _residual(family, x, y, free + shift) - _residual(family, x, y, free - shift)
        columns.append(sides / (2 * _STEP))
    return np.stack(columns, axis=-1)


def _basis(family: Family, x: Depths, points: Points) -> list[Curves]:
    """The curve of each amplitude alone, at 1."""
    amplitudes = _amplitudes(family)
    columns = []
    for index in amplitudes:
        unit = points.copy()
        unit[:, amplitudes] = 0.0
        unit[:, index] = 1.0
        columns.append(curves_of(family, x, unit))
    return columns


def _orthonormal(family: Family, x: Depths, points: Points) -> list[Curves]:
    """The basis made orthonormal by Gram–Schmidt; directions that add nothing are zero."""
    found: list[Curves] = []
    for column in _basis(family, x, points):
        rest = column
        for q in found:
            rest = rest - q * np.sum(q * rest, axis=1, keepdims=True)
        length = np.sqrt(_squares(rest))[:, None]
        whole = np.sqrt(_squares(column))[:, None]
        enough = (length > _DEPENDENT * whole) & (length > np.finfo(float).tiny)
        found.append(np.where(enough, rest, 0.0) / np.where(enough, length, 1.0))
    return found


def _with_amplitudes(family: Family, x: Depths, y: Curves, points: Points) -> Points:
    if amplitudes := _amplitudes(family):
        basis = np.stack(_basis(family, x, points), axis=-1)
        solved = np.linalg.pinv(basis, rcond=1e-2 * _DEPENDENT) @ y[..., None]
        points[:, amplitudes] = solved[..., 0]
    return points


def _solve(normal: Float[np.ndarray, "curve k k"], ridge: Float[np.ndarray, "curve k"], right: Points) -> Points:
    damped = normal.copy()
    diagonal = np.arange(normal.shape[1])
    damped[:, diagonal, diagonal] += ridge
    if normal.shape[1] == 1:
        return right / damped[:, 0]
    return np.linalg.solve(damped, right[..., None])[..., 0]


def _squares(residual: Curves) -> Float[np.ndarray, " curve"]:
    return np.einsum("dl,dl->d", residual, residual)


def _amplitudes(family: Family) -> list[int]:
    return [i for i, p in enumerate(family.parameters) if not p.grid]


def _shapes(family: Family) -> list[int]:
    return [i for i, p in enumerate(family.parameters) if p.grid]


def _reach(family: Family) -> tuple[Float[np.ndarray, " shape"], Float[np.ndarray, " shape"]]:
    bounded = [np.isfinite(p.low) for p in family.parameters if p.grid]
    reach = np.where(bounded, _LARGEST, np.inf)
    return -reach, reach


def _to_free(parameters: tuple[Parameter, ...], values: Points) -> Points:
    free = np.array(values, dtype=float)
    for column, p in zip(free.T, parameters, strict=True):
        if not np.isfinite(p.low):
            continue
        inside = np.maximum(column - p.low, np.exp(-_LARGEST))
        if np.isfinite(p.high):
            column[:] = scipy.special.logit(np.clip(inside / (p.high - p.low), np.exp(-_LARGEST), 1 - 1e-12))
        else:
            column[:] = np.log(inside)
    return free


def _to_bounded(parameters: tuple[Parameter, ...], free: Points) -> Points:
    values = free.copy()
    for column, p in zip(values.T, parameters, strict=True):
        if not np.isfinite(p.low):
            continue
        span = p.high - p.low
        column[:] = p.low + (span * scipy.special.expit(column) if np.isfinite(span) else np.exp(column))
    return values
