"""What caption rules cost: four rules over generated captions, beside their bare functions and beside data-juicer.

    python -m benchmarks.captions [--rows N] [--rounds N] [--without-peer]

prints a line of JSON a measurement and the table of medians. Bare: the rules' functions over the texts as Arrow arrays.
shardmill: the stages over tables of rows, as a run calls them, verdicts and captions column included. Both see parts of
512 rows, and the whole table at once for comparison. data-juicer: its four operators of the same kind and bounds over
the same texts in its own environment, one process. CPU seconds of the work alone, after imports and one warm-up; rounds
alternate, and which rows each keeps is compared.
"""

import argparse
import json
import os
import random
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa

from benchmarks.peers import peer, version_of
from pipelines.captions import original_captions
from pipelines.filters.captions.length import CaptionCharacters, CaptionWords
from pipelines.filters.captions.repetition import CharacterRepetition
from pipelines.filters.captions.shares import AlphanumericShare

_DATA = Path(__file__).parent / ".data"
_PART = 512
RULES = (
    CaptionCharacters(at_least=6, at_most=1000),
    CaptionWords(at_least=3, at_most=256),
    AlphanumericShare(at_least=0.5),
    CharacterRepetition(n=10, at_most=0.5),
)

_WORDS = """\
a the of on in with and at by from red old small blue white black wooden dog cat house street view photo woman man
children market river bridge mountain sunset portrait vintage table kitchen garden flowers summer winter city night
lights beautiful handmade ceramic leather stock image illustration background vector two three 2019 1080p 50mm"""
_HAN = "一只小狗在草地上奔跑夕阳下的古老石桥桌上放着杯热咖啡和本书穿红裙子女孩雨中撑伞城市夜景高楼灯火通明"


def make_captions(rows: int, seed: int = 0) -> list[str]:
    """Captions of which four fifths are English, a tenth Chinese, a tenth too short, of marks or of repetition."""
    rng = random.Random(seed)
    words = _WORDS.split()
    captions = []
    for _ in range(rows):
        kind = rng.random()
        if kind < 0.8:
            text = " ".join(rng.choices(words, k=rng.randint(5, 20))).capitalize() + rng.choice([".", "", "", "!"])
        elif kind < 0.9:
            text = "".join(rng.choices(_HAN, k=rng.randint(6, 30)))
        elif kind < 0.93:
            text = rng.choice(words)
        elif kind < 0.96:
            text = " ".join(rng.choices(["***", "---", "$$", "sale", "№1", "!!!"], k=rng.randint(4, 12)))
        else:
            text = (rng.choice(words) + " " + rng.choice(words) + " ") * rng.randint(8, 20)
        captions.append(text.strip())
    return captions


def _bare(parts: list[pa.StringArray]) -> tuple[float, list[bool]]:
    started = time.process_time()
    found = [[rule.judge(texts) for rule in RULES] for texts in parts]
    cpu_s = time.process_time() - started
    return cpu_s, [not any(row) for part in found for row in zip(*(one.refused.tolist() for one in part), strict=True)]


def _shardmill(parts: list[pa.Table]) -> tuple[float, list[bool]]:
    started = time.process_time()
    found = [[rule.process(rows) for rule in RULES] for rows in parts]
    cpu_s = time.process_time() - started
    reasons = [[one.verdicts.reason.to_pylist() for one in part] for part in found]
    return cpu_s, [row == (None,) * len(RULES) for part in reasons for row in zip(*part, strict=True)]


def _data_juicer(python: Path, texts: Path) -> tuple[float, list[bool]]:
    """Run the peer once; it times itself."""
    script = Path(__file__).parent / "captions_data_juicer.py"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(_DATA / "hf"), "PYTHONPATH": ""}
    bounds = json.dumps([6, 1000, 3, 256, 0.5, 10, 0.5])
    done = subprocess.run(
        [python, script, texts, bounds], capture_output=True, text=True, env=environment, cwd=_DATA, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-4000:])
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["cpu_s"], answer["kept"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-peer", action="store_true")
    arguments = parser.parse_args()
    _DATA.mkdir(exist_ok=True)
    captions = make_captions(arguments.rows)
    file = _DATA / "captions.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in captions))
    texts = pa.array(captions)
    table = pa.table({"captions": pa.chunked_array([original_captions(texts, "en")])})
    # as a run reads them: each part in memory of its own
    starts = range(0, len(texts), _PART)
    text_parts = [pa.concat_arrays([texts.slice(at, _PART), texts[:0]]) for at in starts]
    row_parts = [pa.table({"captions": table["captions"].slice(at, _PART).combine_chunks()}) for at in starts]
    works: dict[str, Any] = {
        "bare, parts": lambda: _bare(text_parts),
        "shardmill, parts": lambda: _shardmill(row_parts),
        "bare, whole": lambda: _bare([texts]),
        "shardmill, whole": lambda: _shardmill([table]),
    }
    if not arguments.without_peer:
        python = peer("data-juicer") / "python"
        works[f"data-juicer {version_of('data-juicer', 'py-data-juicer')}"] = lambda: _data_juicer(python, file)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    kept: dict[str, list[bool]] = {}
    for round_ in range(arguments.rounds + 1):
        for name, work in works.items():
            cpu_s, kept[name] = work()
            if round_:  # the first warms up
                seconds[name].append(cpu_s)
                print(
                    json.dumps({"what": name, "rows": len(texts), "cpu_s": round(cpu_s, 3), "load": os.getloadavg()[0]})
                )
    reference = kept["shardmill, parts"]
    for name, found in seconds.items():
        same = sum(map(bool.__eq__, kept[name], reference))
        rate = len(texts) / median(found)
        print(
            f"{name:24} {median(found):8.3f} s {rate:12,.0f} rows/s  {sum(kept[name]):,} kept, {same:,} decided alike"
        )
    for how in ("parts", "whole"):
        ratios = [
            ours / bare - 1 for ours, bare in zip(seconds[f"shardmill, {how}"], seconds[f"bare, {how}"], strict=True)
        ]
        print(f"overhead, {how}: {median(ratios):.1%}")


if __name__ == "__main__":
    main()
