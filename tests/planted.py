"""Models whose order parameter is known in closed form, so that the verdict on them is known beforehand.

At the last token of a prompt about word w the stream is R (sin α(l) e_w + cos α(l) u_w) with orthogonal unit vectors
e_w, u_w. The direction sentences have h = ±1, so e_diff is e_w up to their noise and σ(l) = sin α(l) at every layer.
Each context token carries its share of the angles α(1) … α(L) in stream coordinates of their own; attention adds up
the shares of the tokens before a word, and each block turns the word's stream on to the next angle. All of it is
causal, additive and made of matrix products, as in a real model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from semphase.data.corpus import Corpus
from semphase.data.lexicon import Lexicon, Word
from semphase.models import Anatomy, Model
from semphase.store import Store
from semphase.study import Study
from semphase.study.budget import Budget
from semphase.study.subject import Trained

LENGTH = 2.0  # R, the length of a word's stream
CONTEXT = 8  # context tokens of a prompt
SHORT = Budget("short", simulations=200)
TURN = "turn"
STRENGTH = {"neutral": 0.0, "weak_a": 0.5, "weak_b": -0.5, "strong_a": 1.0, "strong_b": -1.0}
COUNTS = {"direction_a": 8, "direction_b": 8} | dict.fromkeys(STRENGTH, 3)
STRENGTH |= {"direction_a": 1.0, "direction_b": -1.0}
Profiles = Float[np.ndarray, "word layer"]


@dataclass(frozen=True)
class Plan:
    """What is planted: σ(l) = h · profile(l) + bend(l) · h² − fade(l) · h(1 − |h|) + noise, for every word and prompt.

    `fades` apply to h > 0 and to h < 0: there a weak context counts for less than its share, a full one for all of it.
    profiles, bends, fades, written: [word, layer], 0 at layer 0, where no word has seen its context yet. `written` is what
    attention writes along e_w of the profile, half of it by default; the MLP writes the rest. `noise`: standard
    deviation, at all layers or each. `arrival`: the share of the angle that each context token carries. `turning`:
    angles along which the corpus turns the stream. `hidden`: added to the angles that all context tokens but the last
    carry, and taken off again behind the product, so that only the last mantissa bits hold them. `unmoved`: below
    this |tan α| the logit lens shows one token, above it another for each sign. `copies`: the plan of the untrained
    copy of a seed.
    """

    profiles: Profiles
    bends: Profiles | float = 0.0
    fades: tuple[Profiles | float, Profiles | float] = (0.0, 0.0)
    written: Profiles | None = None
    noise: Any = 0.0
    seed: int = 0
    arrival: tuple[float, ...] = (1 / CONTEXT,) * CONTEXT
    turning: Float[np.ndarray, " layer"] | None = None
    hidden: float = 0.0
    unmoved: float = 0.3
    causal: bool = True
    parameters: int = 1000
    copies: Callable[[int], Plan] | None = None

    @property
    def words(self) -> int:
        return self.profiles.shape[0]

    @property
    def layers(self) -> int:
        return self.profiles.shape[1] - 1


def same_shape(g: Float[np.ndarray, " layer"], words: int = 8) -> Profiles:
    """One g for all words, with amplitudes between 0.4 and 0.7."""
    return np.linspace(0.4, 0.7, words)[:, None] * np.asarray(g)


def random_walks(words: int, layers: int, seed: int) -> Profiles:
    """A random walk for each word, none like another, scaled to 0.6."""
    walks = np.random.default_rng([7, seed]).normal(size=(words, layers)).cumsum(axis=1)
    walks *= 0.6 / np.abs(walks).max(axis=1, keepdims=True)
    # A final σ of about zero would leave e_diff to the noise.
    walks[:, -1] = np.where(np.abs(walks[:, -1]) < 0.1, 0.1, walks[:, -1])
    return np.concatenate([np.zeros((words, 1)), walks], axis=1)


def name(word: int) -> str:
    return f"word{word}"


def lexicon_of(words: int) -> Lexicon:
    """Words whose every prompt has eight context tokens of its own."""
    return Lexicon(tuple(_word(w) for w in range(words)))


def strengths(word: Word) -> dict[str, float]:
    """The planted h of every prompt of a word: ±1, ±0.5 and 0 under the conditions, ±step/10 on the gradient."""
    h = {text: STRENGTH[role] for role in COUNTS for text in word.prompts(role)}
    for sign, role in ((1, "gradient_a"), (-1, "gradient_b")):
        h |= {text: sign * step / 10 for step, text in enumerate(word.prompts(role), 1)}
    return h


def planted_model(plan: Plan, label: str = "planted") -> Model:
    """The model of a plan; the same plan gives the same weights and hash."""
    lexicon = lexicon_of(plan.words)
    angles, parts = _tables(plan, lexicon)
    module = _Planted(plan, angles, parts)
    weights = module.base_model.embed.weight
    # A copy's name in the store comes from its parent's hash, so that must tell the parents of other copies apart.
    content = (
        weights.numpy().tobytes()
        + repr((plan.hidden, plan.causal, plan.unmoved, plan.copies and plan.copies(0))).encode()
    )
    return Model(
        name=label,
        family="planted",
        module=module,  # type: ignore[arg-type]
        tokenizer=_tokenizer(lexicon),
        anatomy=module.anatomy,
        processing="raw",
        prepend_bos=False,
        device=torch.device("cpu"),
        dtype=torch.float32,
        sha256=hashlib.sha256(content).hexdigest(),
        layers=plan.layers,
        heads=1,
        key_heads=1,
        d_head=weights.shape[1],
        d_model=weights.shape[1],
        parameters=plan.parameters,
        context=1024,
    )


def planted_study(plan: Plan, store: Store, label: str = "planted") -> Study:
    """A study of the planted model, with few draws; its corpus turns the streams by the plan's `turning`."""
    text = " ".join([TURN, *[name(i % plan.words) for i in range(600)]])
    corpus = Corpus("planted", text, hashlib.sha256(text.encode()).hexdigest())
    return Study(Trained(planted_model(plan, label)), lexicon_of(plan.words), corpus, SHORT, 0, store)


def untrained(model: Model, seed: int) -> Model:
    """Stands in for `reinitialised`: the plan's own copies, or words with random walks of their own."""
    plan: Plan = model.module.plan  # type: ignore[assignment]
    if plan.copies is not None:
        copy = plan.copies(seed)
    else:
        walks = random_walks(plan.words, plan.layers, seed)
        copy = Plan(np.abs(walks), noise=0.01, seed=seed + 1, parameters=plan.parameters)
    return planted_model(copy, f"{model.name}-reinit-{seed}")


def relabelled(plan: Plan, **changes: Any) -> Callable[[int], Plan]:
    """Copies that differ from the plan itself by the seed of their noise (and by `changes`)."""
    return lambda seed: replace(plan, seed=plan.seed + 1 + seed, **changes)


def _word(w: int) -> Word:
    def prompts(role: str, count: int) -> tuple[str, ...]:
        return tuple(" ".join([*(f"c{w}.{role}.{i}.{j}" for j in range(CONTEXT)), name(w)]) for i in range(count))

    roles = COUNTS | {"gradient_a": 10, "gradient_b": 10}
    return Word(name(w), "a", "b", **{role: prompts(role, count) for role, count in roles.items()})


def _tables(plan: Plan, lexicon: Lexicon) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """For every prompt the angles α(1 … L), and what attention writes up to layers 1 … L, in units of R."""
    rng = np.random.default_rng([11, plan.seed])
    bends, *fades = (np.broadcast_to(own, plan.profiles.shape) for own in (plan.bends, *plan.fades))
    written = plan.profiles / 2 if plan.written is None else plan.written
    angles, parts = {}, {}
    for w, word in enumerate(lexicon.words):
        for text, h in strengths(word).items():
            noise = rng.normal(size=plan.layers + 1) * plan.noise
            faded = fades[h < 0][w] * h * (1 - abs(h))
            sigma = h * plan.profiles[w] + h**2 * bends[w] - faded + noise
            angles[text] = np.arcsin(np.clip(sigma[1:], -0.999, 0.999))
            parts[text] = h * written[w, 1:]
    return angles, parts


def _vocabulary(lexicon: Lexicon) -> dict[str, int]:
    texts = [text for word in lexicon.words for text in strengths(word)]
    pieces = ["<bos>", "<pad>", "<unk>", TURN, *(piece for text in texts for piece in text.split())]
    return {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}


def _tokenizer(lexicon: Lexicon) -> PreTrainedTokenizerFast:
    inner = Tokenizer(WordLevel(_vocabulary(lexicon), unk_token="<unk>"))
    inner.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<bos>", pad_token="<pad>", unk_token="<unk>")


def _embedding(plan: Plan, angles: dict[str, np.ndarray], parts: dict[str, np.ndarray]) -> Float[Tensor, "token d"]:
    """Rows: u_w and e_w [2 · word], angles [layer], attention's part [layer], and 1 where they are hidden."""
    vocabulary = _vocabulary(lexicon_of(plan.words))
    rows = np.zeros((len(vocabulary), 2 * plan.words + 2 * plan.layers + 1))
    code = rows[:, 2 * plan.words :]
    for text, angle in angles.items():
        tokens = [vocabulary[piece] for piece in text.split()[:CONTEXT]]
        code[tokens, :-1] = np.outer(plan.arrival, np.concatenate([angle, parts[text]]))
        code[tokens[:-1], -1] = 1
    code[vocabulary[TURN], -1] = 1
    if plan.turning is not None:
        code[vocabulary[TURN], : plan.layers] = plan.turning[1:]
    code[code[:, -1] == 1, :-1] += plan.hidden
    for w in range(plan.words):
        rows[vocabulary[name(w)], w] = LENGTH
    return torch.tensor(rows, dtype=torch.float32)


class _Planted(nn.Module):
    """What `Model.module` must offer: the base model, its configuration, a choice of attention."""

    def __init__(self, plan: Plan, angles: dict[str, np.ndarray], parts: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.plan = plan
        self.config = SimpleNamespace(_attn_implementation="eager")
        self.base_model = _Base(plan, _embedding(plan, angles, parts))
        self.unembed = nn.Linear(self.base_model.embed.weight.shape[1], 3 * plan.words, bias=False)
        lens = torch.zeros_like(self.unembed.weight)
        for w in range(plan.words):
            lens[3 * w, w], lens[3 * w + 1, plan.words + w], lens[3 * w + 2, plan.words + w] = plan.unmoved, 1, -1
        self.unembed.weight.data = lens
        self.eval().requires_grad_(False)

    def set_attn_implementation(self, wanted: str) -> None:
        self.config._attn_implementation = wanted

    @property
    def anatomy(self) -> Anatomy:
        base = self.base_model
        return Anatomy(
            embed=base.embed,
            blocks=tuple(base.blocks),
            attention=tuple(block.attention for block in base.blocks),
            mlp=tuple(block.mlp for block in base.blocks),
            final_norm=base.norm,
            unembed=self.unembed,
        )


class _Base(nn.Module):
    def __init__(self, plan: Plan, embedding: Float[Tensor, "token d"]) -> None:
        super().__init__()
        self.embed = nn.Embedding.from_pretrained(embedding)
        self.blocks = nn.ModuleList(_Block(plan, k) for k in range(plan.layers))
        self.norm = nn.Identity()

    def forward(self, input_ids: Tensor, attention_mask: Tensor, use_cache: bool) -> Tensor:
        hidden = self.embed(input_ids)
        for block in self.blocks:
            hidden = block(hidden)
        return self.norm(hidden)


class _Block(nn.Module):
    """Attention adds up the codes of the tokens before; both parts then write the step from angle k to k + 1."""

    def __init__(self, plan: Plan, k: int) -> None:
        super().__init__()
        self.plan, self.k = plan, k
        self.attention, self.mlp = _Write(plan.words), _Write(plan.words)

    def forward(self, hidden_states: Tensor) -> Tensor:
        (angle, next_angle), (part, next_part) = self._codes(hidden_states)
        along = LENGTH * (next_angle.sin() - angle.sin())
        attended = LENGTH * (next_part - part)
        across = LENGTH * (next_angle.cos() - angle.cos())
        hidden = hidden_states + self.attention(hidden_states, attended, torch.zeros_like(across))
        return hidden + self.mlp(hidden_states, along - attended, across)

    def _codes(self, hidden: Tensor) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        plan, tokens = self.plan, hidden.shape[1]
        mask = torch.ones(tokens, tokens)
        code = (mask.tril() if plan.causal else mask) @ hidden[..., 2 * plan.words :]
        code = code[..., :-1] - plan.hidden * code[..., -1:]
        angles, parts = nn.functional.pad(code.unflatten(-1, (2, plan.layers)), (1, 0)).unbind(-2)
        k = self.k
        return (angles[..., k], angles[..., k + 1]), (parts[..., k], parts[..., k + 1])


class _Write(nn.Module):
    """Writes `along` e_w and `across`, along u_w, where the stream is that of word w."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = words

    def forward(self, hidden: Tensor, along: Tensor, across: Tensor) -> Tensor:
        u, e = hidden[..., : self.words], hidden[..., self.words : 2 * self.words]
        here = (u**2 + e**2 > LENGTH**2 / 2).to(hidden.dtype)
        rest = torch.zeros_like(hidden[..., 2 * self.words :])
        return torch.cat([across[..., None] * here, along[..., None] * here, rest], dim=-1)
