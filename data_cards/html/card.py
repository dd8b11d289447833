"""card.html: what happened to the data, to be looked at. One offline file without scripts."""

from collections.abc import Sequence

from data_cards.facts import CardFacts
from data_cards.facts_measured import BoxCounts, Review, Section
from data_cards.html import charts, overlays
from data_cards.html.charts import CHARTS
from data_cards.html.specimens import SPECIMENS, specimens
from data_cards.html.tables import TABLES, table
from data_cards.page import page, shown
from data_cards.sheet import Samples
from schemas.reasons import REASONS, REFUSALS, Reason
from schemas.statements import STATEMENTS

_MEASURED: dict[Section, str] = {
    "images": "Images",
    "captions": "Captions",
    "grounding": "Boxes",
    "ocr": "Text in images",
    "translation": "Translation",
    "tokens": "Tokens",
    "duplicates": "Duplicates",
}
_RULES = 400
"""Settings that are listed at most."""


def render(facts: CardFacts, samples: Samples) -> str:
    """The page, below 3 MB. The same facts and samples give the same text; every text in them may be hostile."""
    sections = [
        ("funnel", "What happened to every row", _funnel(facts)),
        ("reasons", "Why rows left", _reasons(facts)),
        ("hosts", "Hosts", _hosts(facts)),
        *((name, title, _measured(facts, name)) for name, title in _MEASURED.items()),
        ("samples", "Samples", specimens(samples)),
        ("review", "What people found", _reviews(facts.reviews)),
        ("contents", "Contents", _contents(facts)),
        ("rules", "Rules", _rules(facts)),
        ("made", "What made it", _made(facts)),
    ]
    there = [(name, title, content) for name, title, content in sections if content]
    links = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title, _ in there)
    body = f"""<h1>{shown(facts.recipe, 200)}</h1>
{_introduction(facts)}
<nav aria-label="Sections"><ul>{links}</ul></nav>
{"".join(_section(*one) for one in there)}"""
    return page(f"{facts.recipe}: data card", body, overlays.STYLE + TABLES + CHARTS + SPECIMENS + _STYLE)


def _section(name: str, title: str, content: str) -> str:
    return f'<section id="{name}" aria-label="{title}"><h2>{title}</h2>{content}</section>'


def _introduction(facts: CardFacts) -> str:
    numbers = (
        ("rows of the input", f"{facts.rows:,}"),
        ("rows used", f"{facts.used:,}"),
        ("training samples", f"{facts.samples:,}"),
        ("shards", f"{facts.shards:,}"),
        ("bytes", f"{facts.download_size:,}"),
    )
    tiles = "".join(f"<div><dt>{name}</dt><dd>{n}</dd></div>" for name, n in numbers)
    limits = ", ".join(f"{shown(name, 60)} = {limit}" for name, limit in facts.budget.items())
    made_for = f"Dialect <code>{shown(facts.dialect, 60)}</code>{f' ({limits})' if limits else ''}; tasks: "
    tasks = ", ".join(f"<code>{shown(task, 60)}</code>" for task in facts.tasks)
    about = " ".join(facts.description.split())
    description = f"<p>{shown(about, 4000)}</p>" if about else ""
    return f'{description}<p>{made_for}{tasks}.</p><dl class="sums">{tiles}</dl>'


def _funnel(facts: CardFacts) -> str:
    steps = [(step.name, step.entered, step.kept) for step in facts.steps]
    return (
        f"<p>Each step receives what the step before kept; of {facts.rows:,} rows, {facts.used:,} came through. "
        f"<em>Rejected</em>: a rule said no. <em>Failed</em>: it could not be decided.</p>{charts.funnel(steps)}"
    )


def _reasons(facts: CardFacts) -> str:
    rows = [
        (
            (f"<code>{shown(refusal.stage, 100)}</code>", _reason(REASONS[refusal.reason])),
            refusal.rows,
        )
        for step in facts.steps
        for refusal in sorted(step.refusals, key=lambda one: (-one.rows, one.stage, one.reason))
    ]
    return charts.bars("Reasons by stage", ("stage", "reason", "rows"), rows) if rows else ""


def _reason(reason: Reason) -> str:
    said = f'<span class="soft">{reason.outcome}: {shown(reason.meaning)}</span>'
    return f'<code class="{reason.outcome}">{reason.name}</code><br>{said}'


def _hosts(facts: CardFacts) -> str:
    rows = [
        (
            (
                f"<bdi>{shown(host.name, 260) or 'without a URL'}</bdi>"
                + "".join(
                    f'<br><span class="soft">{shown(stage, 100)}, {shown(reason, 100)}: {n:,}</span>'
                    for stage, reason, n in host.left
                ),
                f"{host.rows:,}",
            ),
            host.rows - host.kept,
        )
        for host in facts.hosts
    ]
    said = "<p>The hosts most of whose rows left.</p>"
    return said + charts.bars("Hosts", ("host", "rows", "left"), rows) if rows else ""


def _measured(facts: CardFacts, section: Section) -> str:
    """Every measure of a section, and what else is said of it."""
    figures = [
        *(charts.histogram(one) for one in facts.histograms if one.section == section),
        *(charts.tally(one) for one in facts.tallies if one.section == section),
        *(charts.heat_map(one) for one in facts.heat_maps if one.section == section),
    ]
    before = ""
    if section == "grounding" and facts.boxes is not None:
        before = _boxes(facts.boxes)
    if section == "tokens":
        before = _tokens(facts)
    return before + (f'<div class="figures">{"".join(figures)}</div>' if figures else "")


def _boxes(boxes: BoxCounts) -> str:
    share = "–" if boxes.share is None else f"{boxes.share:.1%}"
    return (
        f"<p>{boxes.boxes:,} different boxes in {boxes.images:,} images; <strong>{share}</strong> of these "
        f"({boxes.several:,}) have at least two. CogVLM-40M states over 75 %.</p>"
    )


def _tokens(facts: CardFacts) -> str:
    rows = [
        (
            f"<code>{shown(one.task, 60)}</code>",
            *("–" if n is None else f"{n:,}" for n in (one.samples, one.text, one.image, one.supervised)),
        )
        for one in facts.tokens
    ]
    head = ("task", "samples", "text tokens", "image tokens", "supervised tokens")
    return table("Tokens by task", head, rows, " rrrr") if rows else ""


def _reviews(reviews: Sequence[Review]) -> str:
    rows = [
        (
            f"<code>{shown(one.stage, 100)}</code>",
            *(f"{n:,}" for n in (one.n, one.yes, one.no, one.unsure)),
            "–" if one.precision is None else f"{one.precision:.1%}",
            "–" if one.wilson is None else f"{one.wilson[0]:.1%} to {one.wilson[1]:.1%}",
        )
        for one in reviews
    ]
    head = ("stage", "looked at", "right", "wrong", "not sure", "precision", "95 % interval (Wilson)")
    said = "<p>Random rows that people looked at, one by one. Those not sure count neither way.</p>"
    return said + table("Reviews by stage", head, rows, " rrrrrr") if rows else ""


def _contents(facts: CardFacts) -> str:
    splits = [split.name for split in facts.splits]
    kinds = [
        (
            f"<code>{shown(kind.task, 60)}</code>",
            shown(kind.language, 60),
            *(f"{n:,}" for n in (kind.planned, *(kind.samples.get(name, 0) for name in splits))),
        )
        for kind in facts.kinds
    ]
    licences = [(shown(one.license or "not stated", 200), shown(one.source, 200), one.rows) for one in facts.sources]
    if licences and (rest := facts.used - sum(rows for _, _, rows in licences)) > 0:
        licences.append(('<span class="soft">others</span>', "", rest))
    parts = []
    if kinds:
        parts.append(table("Samples", ("task", "language", "could be made", *splits), kinds, "  r" + "r" * len(splits)))
    if facts.task_refusals:
        rows = [
            (
                (
                    f"<code>{shown(one.task, 60)}</code>",
                    f'<code>{one.refusal}</code><br><span class="soft">{shown(REFUSALS[one.refusal])}</span>',
                ),
                one.times,
            )
            for one in facts.task_refusals
        ]
        parts.append("<h3>Tasks that were not made of a caption or region</h3>")
        parts.append(charts.bars("Tasks not made", ("task", "refusal", "times"), rows))
    if licences:
        parts.append("<h3>Licences by source</h3>")
        lines = [((licence, source), rows_) for licence, source, rows_ in licences]
        parts.append(charts.bars("Licences by source", ("licence", "source", "rows used"), lines))
    return "".join(parts)


def _rules(facts: CardFacts) -> str:
    rows = [
        (
            f"<code>{shown(rule.stage, 100)}</code>",
            shown(rule.setting or "", 100),
            shown(rule.value, 200),
            shown(rule.origin, 60),
            shown(rule.source or "", 300),
        )
        for rule in facts.rules[:_RULES]
    ]
    more = len(facts.rules) - _RULES
    note = f'<p class="soft">and {more:,} more</p>' if more > 0 else ""
    head = ("stage", "setting", "value", "origin", "where it is published, or why it is ours")
    return table("Rules", head, rows) + note if rows else ""


def _made(facts: CardFacts) -> str:
    engines = [
        tuple(shown(text, 200) for text in (one.stage, one.name, one.version, one.weights)) for one in facts.engines
    ]
    versions = ", ".join(
        f"<code>{shown(name, 60)}</code> {shown(version, 60)}" for name, version in sorted(facts.versions.items())
    )
    said = "".join(f"<dt>{shown(name, 60)}</dt><dd>{shown(text, 4000)}</dd>" for name, text in facts.statements.items())
    models = table("Models and libraries", ("stage", "engine", "version", "weights"), engines) if engines else ""
    people = f'<h3>What its makers say</h3><dl class="said">{said}</dl>' if said else ""
    if missing := [name for name in STATEMENTS if name not in facts.statements]:
        people += f"<h3>What nobody has said</h3><ul>{''.join(map(_unsaid, missing))}</ul>"
    return models + (f"<p>{versions}.</p>" if versions else "") + people


def _unsaid(name: str) -> str:
    return f'<li><code>{shown(name, 60)}</code> <span class="soft">{shown(STATEMENTS[name], 300)}</span></li>'


_STYLE = """
h2 { font-size: 1.2em; margin: 30px 0 8px; padding-top: 6px; border-top: 1px solid var(--line); }
h3 { font-size: 1em; margin: 16px 0 4px; }
nav ul { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 0; list-style: none; }
.sums { display: grid; grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); gap: 8px; margin: 12px 0; }
.sums div { background: var(--tile); border: 1px solid var(--line); border-radius: 6px; padding: 8px 10px; }
.sums dt { color: var(--soft); font-size: 0.87em; }
.sums dd { margin: 0; font-size: 1.2em; font-variant-numeric: tabular-nums; }
.said dt { color: var(--soft); }
.said dd { margin: 0 0 8px; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 380px), 1fr)); gap: 20px 32px; }
@media print { nav { display: none; } main { max-width: none; padding: 0; } h2 { break-after: avoid; } }
"""
