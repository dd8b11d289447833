"""What people say of a data set, because no program can measure it: the recipe's ``card:`` section."""

STATEMENTS: dict[str, str] = {
    "motivation": "why the set was made, for whom, and who paid for it",
    "composition": "what the rows stand for, and what is not among them",
    "collection": "how the sources were chosen and gathered, and when",
    "known_limits": "what is known to be wrong, missing or skewed",
    "personal_data": "which personal or sensitive data may be in it, and what was done about it",
    "intended_uses": "what it is meant for",
    "out_of_scope_uses": "what it is not to be used for",
    "licensing": "under which terms the set as a whole may be used",
    "maintenance": "who keeps it, for how long, and how to have an error mended or an image removed",
    "creators": "who made it, one a line",
    "homepage": "where it is told of, an http or https URL",
    "citation": "how to cite it",
}
"""Key to what it is to say. A card lists those that nobody wrote as missing."""
