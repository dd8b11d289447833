"""What a table of translations took."""

from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc

_SUMMED = ("requests", "cached", "tokens_in", "tokens_out")


def totals(translations: pa.ChunkedArray) -> Counter[str]:
    """Requests, how many of them were answered from the cache, and tokens, over a column ``translations``.

    Tokens are those that the answers took when they came, also where that was in another run.
    """
    entries = translations.combine_chunks().flatten()
    return Counter({name: pc.sum(pc.struct_field(entries, name)).as_py() or 0 for name in _SUMMED})
