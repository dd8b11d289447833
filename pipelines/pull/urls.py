"""Which URLs are asked for."""

import re

from yarl import URL

from pipelines.pull.verdicts import RefusedError, text_of
from pipelines.stage import Verdict

# URLs that can be sent as they are. Others are normalised first, which also costs ten times as much.
_CLEAN = re.compile(r"https?://[a-z0-9.-]+(?::[0-9]{1,5})?(?:/(?!\.)[!$-.0-9:;=@A-Z_a-z~]*)*(?:\?[!$-;=?-Z_a-z~]*)?")


def parse_url(address: str | None, base: URL | None = None) -> URL:
    """An absolute http or https URL without credentials; `base` is what a redirect's target is relative to.

    Raises a refusal that `verdict_of` reads as ``invalid_url`` or ``blocked_scheme``.
    """
    text = (address or "").strip()
    if not text:
        raise RefusedError(Verdict("invalid_url", detail="there is none"))
    try:
        url = URL(text, encoded=True) if _CLEAN.fullmatch(text) else URL(text)
        url = base.join(url) if base else url
        port = url.port
    except ValueError as error:
        raise RefusedError(Verdict("invalid_url", detail=text_of(str(error)))) from error
    if url.scheme not in ("http", "https"):
        scheme = (
            Verdict("blocked_scheme", detail=url.scheme) if url.scheme else Verdict("invalid_url", detail=text[:80])
        )
        raise RefusedError(scheme)
    if "@" in url.raw_authority:
        raise RefusedError(Verdict("invalid_url", detail="it carries credentials"))
    if not url.raw_host or not port:
        raise RefusedError(Verdict("invalid_url", detail="it names no host"))
    return url
