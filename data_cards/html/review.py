"""A page on which a person marks a sample of a stage's work with the keys y, n and u, and saves the marks as a file.

Its only script is ours, known to the Content-Security-Policy by its hash. The texts of items never enter the script.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from data_cards.html import overlays
from data_cards.marks import BoxMark, LineMark
from data_cards.page import page, shown
from data_cards.reviews import NO, UNSURE, VERSION, YES, Asked
from data_cards.thumbnail import Thumbnail

_BUTTONS = ((YES, "Yes", "y"), (NO, "No", "n"), (UNSURE, "Not sure", "u"))


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to be judged. `key` and `question` are of our own; every other text may be hostile."""

    key: str
    question: str
    said: tuple[tuple[str, str], ...]
    """Name and text of what is to be held against the image, the most telling first."""
    thumbnail: Thumbnail | None = None
    boxes: tuple[BoxMark, ...] = ()
    lines: tuple[LineMark, ...] = ()


def render(asked: Asked, recipe: str, of: int, items: Sequence[Item]) -> str:
    """The page; `of` is how many there are of what was sampled. The same items give the same page."""
    shows = "\n".join(_item(item, at, len(items)) for at, item in enumerate(items))
    buttons = "".join(
        f'<button type="button" class="answer" value="{answer}" aria-pressed="false">{text} <kbd>{key}</kbd></button>'
        for answer, text, key in _BUTTONS
    )
    body = f"""<h1>Review: {shown(asked.stage, 100)}</h1>
<p>Recipe {shown(recipe, 200)}; {len(items):,} of {of:,}, drawn at random with seed {asked.seed}. Mark each with
<kbd>y</kbd>, <kbd>n</kbd> or <kbd>u</kbd>, go back and forth with <kbd>←</kbd> and <kbd>→</kbd>, save the marks, and
give the file to <code>shardmill review RUN --import FILE</code>. Nothing leaves this page by itself.</p>
<div class="bar" role="group" aria-label="Answer">{buttons}
<button type="button" id="back">Back <kbd>←</kbd></button><button type="button" id="on">On <kbd>→</kbd></button>
<button type="button" id="save">Save the marks</button> <span id="state" role="status"></span></div>
<ol class="items">
{shows}
</ol>"""
    # "<" only as \\u003c: no text can end the element that holds the script
    told = json.dumps({"shardmill_review": VERSION, **asdict(asked)}).replace("<", "\\u003c")
    script = _SCRIPT.replace("ASKED", told, 1)
    return page(f"Review: {asked.stage}", body, overlays.STYLE + _STYLE, script)


def _item(item: Item, at: int, of: int) -> str:
    image = '<p class="none">no image</p>'
    if item.thumbnail is not None:
        image = overlays.picture(item.thumbnail, "The image", item.boxes, item.lines)
    said = "".join(
        f'<dt>{shown(name, 60)}</dt><dd><bdi dir="auto">{shown(text, 2000)}</bdi></dd>' for name, text in item.said
    )
    return (
        f'<li data-key="{shown(item.key, 100)}"><h2>{at + 1} of {of}: {shown(item.question, 200)}</h2>'
        f"<dl>{said}</dl>{image}</li>"
    )


_SCRIPT = """
"use strict";
const asked = ASKED;
const items = [...document.querySelectorAll(".items > li")];
const answers = [...document.querySelectorAll(".answer")];
const keys = {y: "yes", n: "no", u: "unsure"};
const marks = new Map();
let at = 0, saved = true;
function show() {
  items.forEach((item, place) => { item.hidden = place !== at; });
  const mark = items.length ? marks.get(items[at].dataset.key) : undefined;
  answers.forEach(button => {
    button.disabled = items.length === 0;
    button.setAttribute("aria-pressed", String(button.value === mark));
  });
  document.getElementById("back").disabled = at === 0;
  document.getElementById("on").disabled = at >= items.length - 1;
  document.getElementById("save").disabled = marks.size === 0;
  document.getElementById("state").textContent = `${marks.size} of ${items.length} marked`;
}
function go(step) {
  at = Math.min(Math.max(at + step, 0), Math.max(items.length - 1, 0));
  show();
}
function mark(answer) {
  if (items.length === 0) return;
  marks.set(items[at].dataset.key, answer);
  saved = false;
  go(1);
}
function save() {
  const text = JSON.stringify({...asked, marks: Object.fromEntries(marks)}, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "review.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  saved = true;
}
answers.forEach(button => button.addEventListener("click", () => mark(button.value)));
document.getElementById("back").addEventListener("click", () => go(-1));
document.getElementById("on").addEventListener("click", () => go(1));
document.getElementById("save").addEventListener("click", save);
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (Object.hasOwn(keys, event.key.toLowerCase())) mark(keys[event.key.toLowerCase()]);
  else if (event.key === "ArrowLeft") go(-1);
  else if (event.key === "ArrowRight") go(1);
});
window.addEventListener("beforeunload", event => { if (!saved) event.preventDefault(); });
show();
"""

_STYLE = """
.bar { position: sticky; top: 0; display: flex; flex-wrap: wrap; gap: 8px; align-items: center; padding: 8px 0;
  background: var(--paper); border-bottom: 1px solid var(--line); }
button { font: inherit; color: var(--ink); background: var(--tile); border: 1px solid var(--soft); border-radius: 6px;
  padding: 6px 12px; cursor: pointer; }
button:disabled { opacity: 0.5; cursor: default; }
button[aria-pressed=true] { background: var(--link); color: var(--paper); }
kbd { font: 0.87em ui-monospace, monospace; border: 1px solid currentColor; border-radius: 3px; padding: 0 4px; }
.items { list-style: none; padding: 0; }
h2 { font-size: 1.1em; margin: 12px 0 6px; }
dl { display: grid; grid-template-columns: fit-content(40%) minmax(0, 1fr); gap: 2px 12px; margin: 8px 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.items img { max-width: 100%; height: auto; display: block; background: #fff; }
.none { border: 1px dashed var(--soft); padding: 24px 12px; color: var(--soft); }
"""
