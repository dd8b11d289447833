"""What img2dataset says of a row, in our reasons.

It tells three statuses apart (success, failed_to_download, failed_to_resize) and hands on the words of whatever was
raised: those of urllib, http.client, ssl and the system's resolver, or of OpenCV. They are read here as Python 3.9 to
3.13 and img2dataset 1.47 spell them.
"""

import re

from pipelines.pull.verdicts import text_of, verdict_of_status
from pipelines.stage import Verdict

SUCCESS = "success"

_STATUS = re.compile(r"HTTP Error (\d{3})\b")
_WORDS = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        # which URLs are asked for; a URL without a scheme and one of a foreign scheme are worded alike but for quotes
        (r"disallowed by X-Robots-Tag", "opted_out"),
        (r"not a public address", "blocked_address"),
        (r"unknown url type: '", "invalid_url"),
        (r"unknown url type|ftp error|local file|file not on local host|No such file or directory", "blocked_scheme"),
        (
            r"nonnumeric port|Invalid IPv6 URL|URL can't contain|no host given|embedded null|codec can't encode"
            r"|codec failed|label (empty|too long)|not in range\(128\)|IPv[46] address",
            "invalid_url",
        ),
        # names
        (r"Errno -3\]|Temporary failure in name resolution", "dns_error"),
        (r"Errno -[25]\]|Name or service not known|No address associated with hostname|nodename nor", "dns_not_found"),
        (r"Errno -\d+\]", "dns_error"),
        # the exchange
        (r"certificate|\[SSL|\bSSL\b|violation of protocol", "tls"),
        (r"Errno \d+\]|Remote end closed connection|Connection (reset|refused)", "connect"),
        (r"timed out", "timeout"),
        (r"IncompleteRead", "body_short"),
    )
)
_RESIZER_WORDS = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"image too small", "min_side"),
        (r"aspect ratio too large", "aspect_ratio"),
        (r"image area too large|CV_IO_MAX_IMAGE|validateInputImageSize", "too_many_pixels"),
    )
)
_LOOP = "would lead to an infinite loop"
_NOT_ALLOWED = "is not allowed"


def verdict_of_row(status: str | None, words: str | None) -> Verdict | None:
    """Why a row leaves that img2dataset gave this `status` and these words (``error_message``); None for success.

    The value is the HTTP status where one is named. Unknown words of a download are ``http_error``, as of a server
    that broke the protocol, whose own line they may be; what OpenCV could not decode is ``truncated_image``.
    """
    if status == SUCCESS:
        return None
    said = (words or "").strip()
    detail = text_of(said) or None
    if status == "failed_to_resize":
        return Verdict(_reason(_RESIZER_WORDS, said) or "truncated_image", detail=detail)
    if status != "failed_to_download":
        return Verdict("engine_error", detail=text_of(f"status {status}: {said}"))
    if found := _STATUS.match(said):
        return _of_status(int(found[1]), said)
    return Verdict(_reason(_WORDS, said) or "http_error", detail=detail)


def _of_status(status: int, said: str) -> Verdict:
    if 300 <= status < 400:
        if _LOOP in said:
            return Verdict("redirect_loop", detail=text_of(said))
        if said.endswith(_NOT_ALLOWED):
            return Verdict("blocked_scheme", detail=text_of(said))
    verdict = verdict_of_status(status) or Verdict("http_error", float(status))
    return Verdict(verdict.reason, verdict.value, text_of(said))


def _reason(words: tuple[tuple[re.Pattern[str], str], ...], said: str) -> str | None:
    return next((reason for pattern, reason in words if pattern.search(said)), None)
