"""The stage `ocr` beside plain loops over PaddleOCR and RapidOCR, on the same images, weights and settings.

    python -m benchmarks.ocr --rounds 5

Each contender is a process of one thread that loads its models, reads all images once to warm up, and once more in
each round. Rounds go through the contenders in turn, so that whoever else uses the machine disturbs all alike. Images
are of two kinds: *pages* of sentences, and *signs* with a few short texts each. *models alone* runs the two networks on
exactly what the stage gives them. Time is CPU time of the process, decoding included. At the end two processes of the
stage read at once. It needs the extra `paddle`, and the fonts of the tests.
"""

import argparse
import io
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
from PIL import Image, ImageDraw, ImageFont

from pipelines.ocr.detection import DbFinder
from pipelines.ocr.paddle_models import cache_folder, detector_folder, name_of, recogniser_folder
from pipelines.ocr.reader import Reader
from pipelines.ocr.recognition import CtcRecogniser
from pipelines.ocr.sessions import session
from pipelines.ocr.settings import OcrSettings
from pipelines.ocr.stage import Ocr
from tests.support.page_texts import sentence
from tests.support.pages import page
from tests.support.reading import edits
from tests.support.written import CHINESE, LATIN

Texts = list[list[str]]
Read = Callable[[list[bytes]], Texts]
CONTENDERS = ("stage, rapid", "stage, paddle", "PaddleOCR", "RapidOCR", "models alone")
KINDS = ("pages", "signs")


def images(kind: str, many: int) -> list[bytes]:
    """JPEGs of 640 × 480 with text of 16 to 32 pixels, Chinese and English in turn; every fourth has none."""
    noise = np.random.default_rng(0)
    files = []
    for number in range(many):
        ground = noise.integers(90, 200, (6, 8, 3), np.uint8)
        canvas = Image.fromarray(ground).resize((640, 480), Image.Resampling.BICUBIC)
        if number % 4:
            language, size = ("en", "zh")[number % 2], (16, 20, 24, 32)[number // 2 % 4]
            (_page if kind == "pages" else _signs)(canvas, language, size, number)
        out = io.BytesIO()
        canvas.save(out, "JPEG", quality=90)
        files.append(out.getvalue())
    return files


def _page(canvas: Image.Image, language: str, size: int, seed: int) -> None:
    """Three to six lines of a sentence's length."""
    drawn = Image.fromarray(page("plain", language, size, seed).pixels)
    canvas.paste(drawn, (max(0, 320 - drawn.width // 2), max(0, 240 - drawn.height // 2)))


def _signs(canvas: Image.Image, language: str, size: int, seed: int) -> None:
    """Eight texts of two to six Chinese characters, or one English word or two, far from each other."""
    rng = random.Random(seed)
    font = ImageFont.truetype(CHINESE if language == "zh" else LATIN, size)
    words = sentence(rng, language), sentence(rng, language), sentence(rng, language)
    pieces = " ".join(words).split() if language == "en" else ["".join(words)[at : at + 5] for at in range(0, 60, 5)]
    for number, piece in enumerate(pieces[:8]):
        at = (40 + 300 * (number % 2) + rng.randint(0, 60), 30 + 110 * (number // 2) + rng.randint(0, 30))
        ImageDraw.Draw(canvas).text(at, piece, font=font, fill=(250, 250, 245))


def stage(engine: Any, settings: OcrSettings) -> Read:
    loaded = Ocr(engine=engine, settings=settings, without_text="keep").load()

    def read(files: list[bytes]) -> Texts:
        rows = {
            "image": pa.array(files, pa.large_binary()),
            "width": pa.array([640] * len(files), pa.int32()),
            "height": pa.array([480] * len(files), pa.int32()),
        }
        done = loaded.process(pa.table(rows))
        assert done.columns is not None
        return [[line["text"] for line in lines] for lines in done.columns["lines"].to_pylist()]

    return read


def plain_paddle(settings: OcrSettings) -> Read:
    Ocr(engine="paddle", settings=settings).load()  # for its preparations: where paddlex may look, and for what
    import paddleocr

    cache = cache_folder(settings.cache)
    detector, recogniser = (
        detector_folder(settings.det_path, settings, cache),
        recogniser_folder(settings.rec_path, cache),
    )
    library = paddleocr.PaddleOCR(
        text_detection_model_name=name_of(detector),
        text_detection_model_dir=str(detector),
        text_recognition_model_name=name_of(recogniser),
        text_recognition_model_dir=_with_its_own_width(recogniser),
        text_det_limit_side_len=settings.det_side,
        text_det_limit_type=settings.det_side_type,
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
        engine="onnxruntime",
        device="cpu",
        engine_config={"intra_op_num_threads": 1},
    )
    return lambda files: [list(library.predict(_bgr(file))[0]["rec_texts"]) for file in files]


def _with_its_own_width(recogniser: Any) -> str:
    """The same model with the width that PaddleOCR describes it with."""
    folder = recogniser.with_name(recogniser.name + "-320")
    folder.mkdir(exist_ok=True)
    described = (recogniser / "inference.yml").read_text("utf-8")
    (folder / "inference.yml").write_text(described.replace("- 48\n      - 48", "- 48\n      - 320"), "utf-8")
    if not (folder / "inference.onnx").exists():
        (folder / "inference.onnx").symlink_to(recogniser / "inference.onnx")
    return str(folder)


def plain_rapid(settings: OcrSettings) -> Read:
    from rapidocr import RapidOCR

    library = RapidOCR(
        params={
            "Global.use_cls": False,
            "Global.text_score": 0.0,
            "Global.max_side_len": settings.det_max_side,
            "Global.log_level": "error",
            "Det.limit_side_len": settings.det_side,
            "Det.limit_type": settings.det_side_type,
            "Det.mean": [0.485, 0.456, 0.406],
            "Det.std": [0.229, 0.224, 0.225],
            "Det.thresh": settings.det_threshold,
            "Det.box_thresh": settings.box_threshold,
            "Det.unclip_ratio": settings.unclip,
            "Det.use_dilation": False,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    return lambda files: [list(library(_bgr(file)).txts or ()) for file in files]


class _Recording:
    """A session that remembers what it was given."""

    def __init__(self, inner: Any) -> None:
        self.inner, self.given = inner, []

    def run(self, outputs: Any, inputs: dict[str, Any]) -> Any:
        self.given.append(inputs)
        return self.inner.run(outputs, inputs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def models_alone(settings: OcrSettings) -> Read:
    sessions = [_Recording(session(path, "cpu")) for path in (settings.det_path, settings.rec_path)]
    parts = DbFinder(sessions[0], settings, 1), CtcRecogniser(sessions[1], 1, settings.width_step)
    reader = Reader(*parts, settings.turn_below)
    known: dict[bytes, list[list[Any]]] = {}

    def read(files: list[bytes]) -> Texts:
        for file in files:
            if file not in known:
                reader.read([Image.open(io.BytesIO(file)).convert("RGB")])
                known[file] = [one.given for one in sessions]
                for one in sessions:
                    one.given = []
                continue
            for one, given in zip(sessions, known[file], strict=True):
                for inputs in given:
                    one.inner.run(None, inputs)
        return []

    return read


def _bgr(file: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(file, np.uint8), cv2.IMREAD_COLOR)


def work(contender: str, many: int, settings: OcrSettings) -> None:
    """Be one of the contenders: each line of standard input names a kind of images, and is answered with its time."""
    cv2.setNumThreads(1)
    load: dict[str, Callable[[], Read]] = {
        "stage, rapid": lambda: stage("rapid", settings),
        "stage, paddle": lambda: stage("paddle", settings),
        "PaddleOCR": lambda: plain_paddle(settings),
        "RapidOCR": lambda: plain_rapid(settings),
        "models alone": lambda: models_alone(settings),
    }
    read = load[contender]()
    files = {kind: images(kind, many) for kind in KINDS}
    print("READY", json.dumps({kind: read(files[kind]) for kind in KINDS}), flush=True)
    for line in sys.stdin:
        began = time.process_time()
        read(files[line.strip()])
        took = time.process_time() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
        print("ROUND", json.dumps([took, peak]), flush=True)


class _Worker:
    def __init__(self, contender: str, many: int, side: int) -> None:
        command = [sys.executable, "-m", "benchmarks.ocr", "--worker", contender, "--images", str(many)]
        self._process = subprocess.Popen(
            [*command, "--side", str(side)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.texts: dict[str, Texts] = self._answer("READY")

    def begin(self, kind: str) -> None:
        assert self._process.stdin
        print(kind, file=self._process.stdin, flush=True)

    def end(self) -> tuple[float, float]:
        took, peak = self._answer("ROUND")
        return took, peak

    def close(self) -> None:
        self._process.communicate()

    def _answer(self, word: str) -> Any:
        assert self._process.stdout
        for line in self._process.stdout:
            if line.startswith(word + " "):
                return json.loads(line.removeprefix(word))
        raise RuntimeError(f"a contender ended: {self._process.args}")


def alike(ours: Texts, theirs: Texts) -> str:
    """How much of two readings is the same: lines, and characters."""
    lines = same = characters = wrong = 0
    for one, other in zip(ours, theirs, strict=True):
        lines += max(len(one), len(other))
        same += sum(text in other for text in one)
        wrong += edits(" ".join(sorted(one)), " ".join(sorted(other)))
        characters += sum(map(len, other))
    return f"{same} of {lines} lines equal, {wrong} edits in {characters} characters"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=64, help="det_side")
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=CONTENDERS)
    parser.add_argument("--worker", choices=CONTENDERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.images, OcrSettings(det_side=arguments.side))
        return
    workers = {name: _Worker(name, arguments.images, arguments.side) for name in arguments.only}
    for kind in KINDS:
        compare(kind, workers, arguments.images, arguments.rounds)
    name = arguments.only[0]
    first, second = workers[name], _Worker(name, arguments.images, arguments.side)
    scales = []
    for _ in range(arguments.rounds):
        first.begin(KINDS[0])
        alone, _ = first.end()
        for worker in (first, second):
            worker.begin(KINDS[0])
        scales.append(4 * alone / sum(worker.end()[0] for worker in (first, second)))
    print(f"two of {name}: {median(scales):.2f} × one, by CPU time")
    for worker in [*workers.values(), second]:
        worker.close()


def compare(kind: str, workers: dict[str, _Worker], many: int, rounds: int) -> None:
    """Print how much text is the same, and how long each takes."""
    taken: dict[str, list[float]] = {name: [] for name in workers}
    peaks: dict[str, float] = {}
    for _ in range(rounds):
        for name, worker in workers.items():
            worker.begin(kind)
            took, peaks[name] = worker.end()
            taken[name].append(took)
        told = {name: round(times[-1], 2) for name, times in taken.items()}
        print(json.dumps({"kind": kind, **told, "load": round(os.getloadavg()[0], 1)}), flush=True)
    first = next(iter(workers))
    for name, times in taken.items():
        ratio = median(one / mine for mine, one in zip(taken[first], times, strict=True))
        same = alike(workers[first].texts[kind], workers[name].texts[kind]) if name != CONTENDERS[-1] else ""
        print(
            f"{kind} {name:14} {many / median(times):6.2f} images a CPU second; {ratio:5.3f} × the time of {first}; "
            f"peak {peaks[name]:.0f} MB; {same}",
            flush=True,
        )


if __name__ == "__main__":
    main()
