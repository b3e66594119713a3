"""Massive activations: a few enormous coordinates of the stream, at few positions, act as constants (2402.17762)."""

import numpy as np

from semphase import TEXT, Judge, Published, Study, above, below, claim, perplexity_ratio, set_to, stream

FEW = 4


@claim(
    "massive.constants",
    statement="a few coordinates of the stream are enormous, needed, and constant",
    criterion="zeroed where they are enormous they multiply perplexity by > 10, set to their mean there by < 1.05",
    parts=(above(10, "zeroed"), below(1.05, "set to their mean")),
    estimator="the four coordinates of largest magnitude in the middle stream of the first half of the text, wherever one "
    "reaches half of that; perplexity ratios, paired over blocks of the second half",
    source="Sun et al. 2024, Table 3",
    control="four random coordinates at the same positions",
    data=(TEXT,),
    published={"LLaMA2-7B": Published("supported", "WikiText 5.47, zeroed infinite, set to the mean 5.47")},
)
def test_constants(study: Study, judge: Judge) -> None:
    layer = study.model.layers // 2
    seen, judged = (study.text.read(stream(layer), half).squeeze("layer").values for half in ("choose", "judge"))
    size = np.abs(seen).max(axis=(0, 1))
    largest = np.argsort(size)[-FEW:]
    drawn = study.rng("coordinates").choice(np.argsort(size)[:-FEW], FEW, replace=False)
    there, place = ((np.abs(own[..., largest]) > size[largest] / 2).any(axis=-1) for own in (seen, judged))
    site, unchanged = stream(layer, positions=place), study.text.losses()

    def ratios(coordinates: np.ndarray) -> dict:
        means = seen[there][:, coordinates].mean(axis=0)
        changed = {"zeroed": set_to(site, coordinates, 0.0), "set to their mean": set_to(site, coordinates, means)}
        losses = {name: study.text.losses(edit, must_move=False) for name, edit in changed.items()}
        return {name: perplexity_ratio(own, unchanged) for name, own in losses.items()}

    detail = {
        "coordinates": largest,
        "times the median": size[largest] / np.median(np.abs(seen)),
        "places": place.sum(),
    }
    judge(ratios(largest), control=ratios(drawn), detail=detail)
