"""The sections of the data set's README.md; whatever comes from people or sources is escaped.

They ask what data-card practice asks (Gebru et al., Datasheets for Datasets, 2018; Pushkarna et al., Data Cards, 2022).
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from data_cards.facts import CardFacts, Step
from data_cards.facts_measured import Review, Section, Tally
from data_cards.markdown import code, cut, escape, table
from schemas.chatml import SHARD
from schemas.reasons import REASONS, REFUSALS
from schemas.statements import STATEMENTS

_TOP = 20
"""Lines of a table of languages or licences: sources may state thousands."""
_ORIGINS = (
    "*published*: by the system's authors; *secondary*: told by others; *ours*: chosen here, unpublished; *recipe*: "
    "chosen by the recipe, which does not say why; *default*: left as it is."
)


def motivation(facts: CardFacts) -> str:
    """Why there is such a set."""
    return _joined("## Motivation", *_said(facts, "motivation"))


def composition(facts: CardFacts) -> str:
    """What is in it: splits, tasks and languages, what was measured of images, captions and boxes."""
    splits = [(code(split.name), split.num_examples, split.num_bytes) for split in facts.splits]
    parts = ["## Composition", *_said(facts, "composition")]
    parts.append(table(("split", "samples", "bytes in memory"), splits, " rr"))
    if facts.kinds:
        parts += _mixture(facts)
    parts += _tokens(facts)
    if facts.boxes is not None and facts.boxes.share is not None:
        parts.append(
            f"{facts.boxes.boxes:,} boxes in {facts.boxes.images:,} images, {facts.boxes.several:,} of which "
            f"({facts.boxes.share:.1%}) have at least two."
        )
    parts += _tallies(facts, ("images", "captions", "grounding"))
    parts.append(
        table(("column", "meaning"), [(code(field.name), field.metadata[b"meaning"].decode()) for field in SHARD])
    )
    return _joined(*parts)


def collection(facts: CardFacts) -> str:
    """Where the rows came from, and what became of the hosts that lost most."""
    parts = ["## Collection", *_said(facts, "collection")]
    files: Counter[str] = Counter()
    for source in facts.sources:
        files[source.source] += source.rows
    if files:
        found = [(code(name) if name else "not known", rows) for name, rows in files.most_common(_TOP)]
        parts.append(table(("source", "rows that came through"), [*found, *_others(facts, found)], " r"))
    if facts.hosts:
        hosts = [
            (cut(host.name) or "no address", host.rows, host.kept, ", ".join(_reason_of(host.left)))
            for host in facts.hosts
        ]
        parts.append(table(("host whose rows left", "rows", "kept", "mostly for"), hosts, " rr"))
    return _joined(*parts)


def processing(facts: CardFacts) -> str:
    """What happened to every row, by which rules, and where their thresholds come from."""
    steps = [(code(step.name), step.entered, step.kept, step.entered - step.kept) for step in facts.steps]
    steps.append(("**in all**", facts.rows, facts.used, facts.rows - facts.used))
    parts = [
        "## Processing",
        "Each step receives what the step before kept. *Rejected*: a rule said no. *Failed*: it could not be decided.",
        table(("step", "rows entered", "kept", "left the set"), steps, " rrr"),
    ]
    reasons = [line for step in facts.steps for line in _reason_lines(step)]
    if reasons:
        reasons.append(("**in all**", "", "", "", sum(line[-1] for line in reasons)))
        parts.append(table(("step", "stage", "reason", "meaning", "rows"), reasons, "    r"))
    if facts.rules:
        rules = [
            (
                *(code(rule.stage), code(rule.setting) if rule.setting else "", cut(rule.value)),
                *(rule.origin, escape(rule.source or "")),
            )
            for rule in facts.rules
        ]
        parts += ["### Rules", _ORIGINS, table(("rule", "setting", "value", "origin", "source or why"), rules)]
    if facts.versions:
        made_by = ", ".join(f"{code(name)} {escape(version)}" for name, version in sorted(facts.versions.items()))
        parts.append(f"Made by {made_by}.")
    return _joined(*parts)


def annotation(facts: CardFacts) -> str:
    """Which models wrote into the set, what they wrote, and how right people found it."""
    parts = ["## Annotation"]
    if facts.engines:
        engines = [
            (code(one.stage), escape(one.name), escape(one.version) or "–", escape(one.weights) or "none")
            for one in facts.engines
        ]
        parts.append(table(("stage", "engine", "version", "weights"), engines))
    else:
        parts.append("No model's answers are in the set.")
    parts += _tallies(facts, ("ocr", "translation"))
    if facts.reviews:
        reviews = [
            (code(one.stage), one.n, one.yes, one.no, one.unsure, _precision(one), one.seed) for one in facts.reviews
        ]
        parts.append("People looked at random samples of what stages did. Precision is with a 95 % Wilson interval.")
        head = ("stage", "looked at", "right", "wrong", "not sure", "precision", "seed")
        parts.append(table(head, reviews, " rrrrrr"))
    return _joined(*parts)


def languages(facts: CardFacts) -> str:
    """Of the supervised texts."""
    if not facts.languages:
        return _joined("## Languages", "There are no samples.")
    return _joined("## Languages", table(("language", "samples"), most_frequent(facts.languages, "not known"), " r"))


def limits(facts: CardFacts) -> str:
    """What is known to be wrong."""
    general = f"""- Captions are what the sources say of their images. They were not checked by people, and may be
  wrong, partial or biased. Control characters are removed, and model tokens are broken by a space (`< |im_end|>`).
- Image files are stored as served, or, where decoders would disagree on their pixels, re-encoded; `provenance` says
  which, and `image_meta.sha256` is that of the file as served.
- {facts.rows - facts.used:,} rows of the input are not in the set, for the reasons above."""
    return _joined("## Known limits", *_said(facts, "known_limits"), general)


def personal_data(facts: CardFacts) -> str:
    """What may be in it of persons."""
    general = (
        "Images and captions from the web may show or name persons. Nothing here looks for faces or names unless a "
        "rule above says so."
    )
    return _joined("## Personal and sensitive data", *_said(facts, "personal_data"), general)


def uses(facts: CardFacts) -> str:
    """What it is for, and what it is not for."""
    parts = ["## Uses", "### Intended uses", *_said(facts, "intended_uses")]
    return _joined(*parts, "### Out-of-scope uses", *_said(facts, "out_of_scope_uses"))


def licences(facts: CardFacts) -> str:
    """What the sources state of each image."""
    general = (
        "Images keep their owners' rights. `image_meta` gives address and licence of each, as far as they are known."
    )
    parts = ["## Licences", *_said(facts, "licensing"), general]
    if facts.licenses:
        counts = {count.key: count.n for count in facts.licenses}
        parts.append(table(("licence", "samples"), most_frequent(counts, "not stated"), " r"))
    if facts.sources:
        found = [
            (cut(one.source), cut(one.license) if one.license else "not stated", one.rows)
            for one in facts.sources[:_TOP]
        ]
        lines = [*found, *((name, "", rows) for name, rows in _others(facts, found))]
        parts.append(table(("source", "licence as it states it", "rows"), lines, "  r"))
    return _joined(*parts)


def maintenance(facts: CardFacts) -> str:
    """Who made it and keeps it, and what nobody said."""
    parts = ["## Maintenance", *_said(facts, "maintenance")]
    for key, name in (("creators", "Made by"), ("homepage", "See"), ("citation", "Cite as")):
        if key in facts.statements:
            parts.append(f"{name}: {', '.join(map(escape, facts.statements[key].splitlines()))}")
    if missing := [key for key in STATEMENTS if key not in facts.statements]:
        parts.append("Missing from this card, because the recipe's `card:` section does not say it:")
        parts.append("\n".join(f"- `{key}`: {STATEMENTS[key]}" for key in missing))
    return _joined(*parts)


def most_frequent(counts: Mapping[str | None, int], unknown: str) -> list[tuple[str, int]]:
    """The most frequent keys, escaped, and the others in one line, so that the lines add up."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0] or ""))
    lines = [(unknown if name is None else code(name), count) for name, count in ordered[:_TOP]]
    if len(ordered) > _TOP:
        lines.append((f"{len(ordered) - _TOP:,} others", sum(count for _, count in ordered[_TOP:])))
    return lines


def _others(facts: CardFacts, found: Sequence[tuple[*tuple[str, ...], int]]) -> list[tuple[str, int]]:
    """What is left of the rows that came through, so that the lines of sources add up; empty where nothing is."""
    rest = facts.used - sum(line[-1] for line in found)
    return [("others", rest)] if rest > 0 else []


def _joined(*parts: str) -> str:
    return "\n\n".join(parts)


def _said(facts: CardFacts, key: str) -> list[str]:
    """What people wrote, paragraph by paragraph."""
    text = facts.statements.get(key)
    if text is None:
        return ["*Missing: nobody has written this.*"]
    return [escape(paragraph) for paragraph in re.split(r"\n\s*\n", text) if paragraph.strip()]


def _reason_lines(step: Step) -> list[tuple[str, str, str, str, int]]:
    """One line a refusal, the most frequent first."""
    refusals = sorted(step.refusals, key=lambda refusal: (-refusal.rows, refusal.stage, refusal.reason))
    lines = []
    for refusal in refusals:
        reason = REASONS[refusal.reason]
        meaning = f"{reason.outcome}: {escape(reason.meaning)}"
        lines.append((code(step.name), code(refusal.stage), code(refusal.reason), meaning, refusal.rows))
    return lines


def _reason_of(left: Iterable[tuple[str, str, int]]) -> Iterator[str]:
    for _, reason, rows in list(left)[:3]:
        yield f"{code(reason)} {rows:,}"


def _mixture(facts: CardFacts) -> list[str]:
    """Samples by task and language, and why tasks were not made."""
    names = [split.name for split in facts.splits]
    counted = any(kind.supervised_tokens is not None for kind in facts.kinds)
    head = ("task", "language", "could be made", *names, *(("supervised tokens",) if counted else ()))
    lines = [
        (
            *(code(kind.task), code(kind.language), kind.planned),
            *(kind.samples.get(name, 0) for name in names),
            *((kind.supervised_tokens or 0,) if counted else ()),
        )
        for kind in facts.kinds
    ]
    parts = [table(head, lines, "  " + "r" * (len(head) - 2))]
    if facts.task_refusals:
        refusals = [
            (code(one.task), code(one.refusal), REFUSALS[one.refusal], one.times) for one in facts.task_refusals
        ]
        parts += [
            "Tasks were not made of captions or regions for these reasons; the rows themselves stay.",
            table(("task", "refusal", "meaning", "times"), refusals, "   r"),
        ]
    return parts


def _tokens(facts: CardFacts) -> list[str]:
    if not any(one.text or one.image or one.supervised for one in facts.tokens):
        return []
    lines = [
        (code(one.task), one.samples, *("–" if n is None else n for n in (one.text, one.image, one.supervised)))
        for one in facts.tokens
    ]
    head = (f"tokens in {code(facts.dialect)}, by task", "samples", "text", "image", "supervised")
    return [table(head, lines, " rrrr")]


def _tallies(facts: CardFacts, sections: Sequence[Section]) -> list[str]:
    """One table of all tallies of some sections."""
    lines = [
        (escape(tally.title) if at == 0 else "", key, n)
        for tally in facts.tallies
        if tally.section in sections
        for at, (key, n) in enumerate(_tally_lines(tally))
    ]
    return [table(("measured", "", "times"), lines, "  r")] if lines else []


def _tally_lines(tally: Tally) -> Iterator[tuple[str, int]]:
    for count in tally.counts[:_TOP]:
        meaning = escape(tally.meanings.get(count.key or "", ""))
        name = "not known" if count.key is None else code(count.key)
        yield ": ".join(part for part in (name, meaning) if part), count.n
    if rest := tally.total - sum(count.n for count in tally.counts[:_TOP]):
        yield "others", rest


def _precision(review: Review) -> str:
    if review.precision is None or review.wilson is None:
        return "–"
    low, high = review.wilson
    return f"{review.precision:.3f} ({low:.3f} to {high:.3f})"
