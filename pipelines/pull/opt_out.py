"""What a response's headers say against machine use: ``X-Robots-Tag`` and ``tdm-reservation``. Pure functions.

``X-Robots-Tag`` is read as the search engines that defined it describe it: directives in comma lists over any number of
headers, an agent's name and a colon before those that concern that agent alone. ``noai`` and ``noimageai`` are the
common extension by those who speak of training, ``tdm-reservation: 1`` is the W3C community group's TDM Reservation
Protocol (section 5.1, HTTP response header).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_AGAINST = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
_WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
_EVERYBODY = "*"


def opted_out(robots_tags: Iterable[str], tdm_reservations: Iterable[str], agent: str, now: datetime) -> str | None:
    """The first directive that asks `agent` not to use the response, as ``header: directive``; None if there is none.

    `robots_tags` and `tdm_reservations` are the values of all headers of these names. An ``unavailable_after`` counts
    once its date is before `now` (aware); a date that cannot be read says nothing.
    """
    for tag in robots_tags:
        for directive, value in _directives(tag, agent.lower()):
            if directive in _AGAINST:
                return f"X-Robots-Tag: {directive}"
            if directive == "unavailable_after" and (date := parse_date(value)) and date < now:
                return f"X-Robots-Tag: unavailable_after: {value}"
    if any(value.strip() == "1" for value in tdm_reservations):
        return "tdm-reservation: 1"
    return None


def _directives(tag: str, agent: str) -> Iterator[tuple[str, str]]:
    """Directives of one header that concern `agent`, in lower case, each with its value."""
    concerned = True
    items = tag.split(",")
    while items:
        item = items.pop(0)
        name, colon, value = (part.strip() for part in item.partition(":"))
        name = name.lower()
        while colon and name not in _WITH_VALUE:  # an agent's name, perhaps with its first directive behind it
            concerned = name in (agent, _EVERYBODY)
            name, colon, value = (part.strip() for part in value.partition(":"))
            name = name.lower()
        if name == "unavailable_after" and items and parse_date(f"{value},{items[0]}"):
            value = f"{value},{items.pop(0)}"  # "Friday, 25-Jun-10 …" has a comma of its own
        if concerned:
            yield name, value


def parse_date(text: str) -> datetime | None:
    """A date as RFC 822, RFC 850 or ISO 8601 write it; in UTC where it names no zone, None where it is no date."""
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, OverflowError, IndexError, TypeError):
            return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
