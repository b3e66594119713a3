"""The logit lens and the tuned lens: what final norm and unembedding say of earlier layers (2303.08112)."""

import numpy as np
import xarray as xr
from scipy.special import log_softmax
from sklearn.linear_model import Ridge

import semphase as s

EVERY, BLOCK, RIDGE = 16, 8, 1.0


@s.claim(
    "lens.tuned",
    statement="the logit lens is biased in earlier layers, a trained affine lens is not",
    criterion="KL of the logit lens to the output falls with depth; a trained affine lens has lower KL in every layer",
    parts=(s.below(0, "slope"), s.above(0, "smallest saving")),
    estimator="slope of mean KL on the layer; ridge regression on the first half of the text; KL in blocks of the second",
    unit="nats",
    source="Belrose et al. 2023",
    control="lenses fitted to shuffled targets",
    data=(s.TEXT,),
    published={"GPT-Neo-2.7B": s.Published("supported", "biased by 4–5 bits in most layers, tuned by next to none")},
)
def test_tuned(study: s.Study, judge: s.Judge) -> None:
    reads = [study.text.read(s.stream(s.ALL), half).transpose("layer", ..., "d").values for half in ("choose", "judge")]
    seen, judged = (own.reshape(len(own), -1, own.shape[-1])[:, ::n] for own, n in zip(reads, (1, EVERY), strict=True))

    def log_p(rows: np.ndarray) -> np.ndarray:
        return log_softmax(study.readout(xr.DataArray(rows, dims=("row", "d"))).values, axis=-1)

    def divergence(rows: np.ndarray) -> np.ndarray:
        return (np.exp(output) * (output - log_p(rows))).sum(axis=-1).reshape(-1, BLOCK).mean(axis=-1)

    def parts(target: np.ndarray) -> dict:
        lenses = (Ridge(RIDGE).fit(np.float64(x), target).predict(at) for x, at in pairs)
        saved = s.worst(bare - [divergence(rows) for rows in lenses], across="layers", over="blocks")
        slope = s.estimate(lambda kl: np.polyfit(range(kl.shape[-2]), np.moveaxis(kl.mean(-1), -1, 0), 1)[0], bare)
        return {"slope": slope, "smallest saving": saved}

    output, pairs = log_p(judged[-1]), list(zip(seen[:-1], judged[:-1], strict=True))
    bare = np.stack([divergence(rows) for rows in judged[:-1]])
    chance = parts(study.rng("shuffled targets").permutation(seen[-1]))
    judge(parts(seen[-1]), control=chance, detail={"KL by layer (nats)": bare.mean(axis=-1)})
