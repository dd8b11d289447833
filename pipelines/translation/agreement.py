"""How well a back-translation agrees with the original."""

from functools import lru_cache

from sacrebleu.metrics.chrf import CHRF


def agreement(original: str, back: str) -> float:
    """Character F-score (chrF) of a back-translation against the original, 0–100 (Popović, 2015)."""
    return float(_metric().sentence_score(back, [original]).score)


@lru_cache(1)
def _metric() -> CHRF:
    return CHRF()
