"""Mistakes of the user's."""


class CheckMistakeError(Exception):
    """The check cannot be made as it was asked for; the message says what to do."""
