"""Attention sinks: a window of recent keys breaks a model unless it also keeps the first tokens (2309.17453, Table 1)."""

from semphase import TEXT, Judge, Published, Study, above, claim, keys, perplexity_ratio

FIRST = 4


@claim(
    "sinks.window-needs-first-tokens",
    statement="attention that loses sight of the first tokens breaks the model",
    criterion="perplexity with a window of recent keys is > 10 times that with four first tokens and as many keys in all",
    parts=above(10, "PPL ratio"),
    estimator="a quarter of a chunk is the window; paired over blocks of the second half of the text",
    source="Xiao et al. 2023",
    control="untrained copies",
    data=(TEXT,),
    published={"Llama-2-13B": Published("supported", "5158 with the window alone, 5.40 with four first tokens")},
)
def test_window_needs_first_tokens(study: Study, judge: Judge) -> None:
    window = study.text.ids.shape[1] // 4

    def ratio(own: Study):
        alone = own.text.losses([keys(window, 0)])
        with_first = own.text.losses([keys(window - FIRST, FIRST)])
        return perplexity_ratio(alone, with_first)

    unchanged = perplexity_ratio(study.text.losses([keys(window - FIRST, FIRST)]), study.text.losses())
    judge(
        ratio(study),
        control=[ratio(copy) for copy in study.untrained],
        detail={"window": window, "PPL ratio of window and first tokens to full attention": unchanged},
    )
