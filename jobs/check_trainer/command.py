"""The command itself: take a sample, ask the trainer, compare, draw, and say what to set."""

import json
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from rich.console import Console
from rich.text import Text

from jobs.check_trainer.comparison import Problem, SeenRow, problems, seen_rows
from jobs.check_trainer.environment import Answer, ProbeError, TrainerName, ask, interpreter
from jobs.check_trainer.mistake import CheckMistakeError
from jobs.check_trainer.pictures import overlay
from jobs.check_trainer.sample import Sample, take

_PADS = re.compile(r"(?:<\|image_pad\|>)+")
_PAD = "<|image_pad|>"


@dataclass(frozen=True)
class CheckOptions:
    """What `check-trainer` was asked for."""

    folder: Path
    trainer: str
    model: str
    python: str | None = None
    rows: int = 8
    out: Path | None = None


def check_trainer(options: CheckOptions, *, as_json: bool = False) -> int:
    """Show what the trainer makes of the shards: 0 when it is what they mean, 1 when not, 2 for a user's mistake."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        trainer = _trainer(options.trainer)
        sample = take(options.folder, options.rows)
        python = interpreter(trainer, options.python)
        with tempfile.TemporaryDirectory(prefix="shardmill-check-") as name:
            folder = Path(name)
            dataset = folder / "dataset"
            dataset.mkdir()
            sample.write(dataset)
            answer = ask(trainer, python, options.model, dataset, folder)
    except CheckMistakeError as error:
        errors.print(Text(str(error)))
        return 2
    except ProbeError as error:
        errors.print(Text(str(error)))
        return 1
    rows = seen_rows(sample, answer)
    wrong = problems(sample, answer, rows, trainer)
    out = options.out or Path(f"check-{trainer}")
    paths = _draw(rows, out)
    found = _facts(sample, answer, rows, wrong, paths, trainer)
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        _show(found, Console(highlight=False, soft_wrap=True))
    return 1 if wrong else 0


def _trainer(name: str) -> TrainerName:
    known: tuple[TrainerName, ...] = get_args(TrainerName)
    for trainer in known:
        if trainer == name:
            return trainer
    raise CheckMistakeError(f"--trainer {name!r} is none of {', '.join(known)}")


def _draw(rows: Sequence[SeenRow], out: Path) -> list[list[Path]]:
    """Write one PNG an image, boxes drawn on it; the paths, row by row."""
    out.mkdir(parents=True, exist_ok=True)
    paths: list[list[Path]] = []
    for number, row in enumerate(rows):
        paths.append([])
        for which, image in enumerate(row.images):
            path = out / f"row-{number:02d}-image-{which}.png"
            overlay(image.pixels, image.boxes).save(path)
            paths[-1].append(path)
    return paths


def _facts(
    sample: Sample,
    answer: Answer,
    rows: Sequence[SeenRow],
    wrong: Sequence[Problem],
    paths: Sequence[Sequence[Path]],
    trainer: TrainerName,
) -> dict[str, Any]:
    return {
        "trainer": trainer,
        "versions": answer.facts["versions"],
        "dialect": sample.dialect.name,
        "pinned": {"max_pixels": sample.budget.max_pixels},
        "in_force": answer.facts["budget"],
        "rows": [
            {
                "id": row.id,
                "task": row.task,
                "text": _PADS.sub(_count, row.text),
                "loss": row.loss,
                "images": [
                    {
                        "stored": image.stored,
                        "seen": image.seen,
                        "pinned": image.pinned,
                        "tokens": image.tokens,
                        "boxes": [
                            {"label": label, "box": [round(side, 1) for side in box]} for box, label in image.boxes
                        ],
                        "drawn": str(path),
                    }
                    for image, path in zip(row.images, drawn, strict=True)
                ],
            }
            for row, drawn in zip(rows, paths, strict=True)
        ],
        "problems": [problem._asdict() for problem in wrong],
    }


def _count(pads: re.Match[str]) -> str:
    return f"{_PAD}×{len(pads[0]) // len(_PAD)}"


def _show(found: dict[str, Any], console: Console) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    in_force = found["in_force"]
    console.print(
        Text(
            f"{versions}; dialect {found['dialect']}, pinned at {found['pinned']['max_pixels']:,} pixels, "
            f"in force {in_force['min_pixels']:,} to {in_force['max_pixels']:,}"
        )
    )
    for row in found["rows"]:
        console.print(Text(f"\n{row['id']}  {row['task']}", "bold"))
        console.print(Text(_indented(row["text"])))
        for piece in row["loss"]:
            console.print(Text(f"  loss   {piece!r}"))
        for image in row["images"]:
            stored, seen, pinned = (" × ".join(map(str, image[size])) for size in ("stored", "seen", "pinned"))
            verdict = "as pinned" if seen == pinned else f"NOT the pinned {pinned}"
            console.print(
                Text(
                    f"  image  {stored} stored, {seen} seen, {image['tokens']} tokens: {verdict}; "
                    f"{_counted(len(image['boxes']), 'box', 'boxes')}: {image['drawn']}"
                )
            )
    images = sum(len(row["images"]) for row in found["rows"])
    rows = _counted(len(found["rows"]), "row", "rows")
    if not found["problems"]:
        console.print(Text(f"\n{rows} with {_counted(images, 'image', 'images')}: what the shards mean", "bold"))
    for problem in found["problems"]:
        console.print(Text(f"\n{problem['kind']}: {problem['say']}", "bold"))


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.removesuffix("\n").split("\n"))


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
