"""A web site under construction: the files it serves, how it behaves, and the rows that point at it."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from jobs.demo.scenes import Scene, draw
from jobs.demo.truth import Truth
from jobs.demo.web import Behaviour

CC0 = "CC0-1.0"


class Site:
    """Writes files below ``folder/www`` as they come, and collects behaviours and rows."""

    def __init__(self, folder: Path, base_url: str, seed: int) -> None:
        self.folder = folder
        self.base_url = base_url.rstrip("/")
        self.behaviours: dict[str, Behaviour] = {}
        self.rows: list[Truth] = []
        self._scenes = _distinct_scenes(seed)

    def url(self, path: str) -> str:
        """The address of a path, which starts with a slash."""
        return self.base_url + quote(path)

    def scene(self) -> Scene:
        """A scene whose caption no earlier one had, so that no two can be taken for duplicates."""
        return next(self._scenes)

    def put(self, path: str, body: bytes, behaviour: Behaviour | None = None) -> str:
        """Serve `body` at `path`; its address."""
        file = self.folder / "www" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        return self.behave(path, behaviour) if behaviour else self.url(path)

    def behave(self, path: str, behaviour: Behaviour) -> str:
        """Say how `path` answers; its address."""
        self.behaviours[path] = behaviour
        return self.url(path)

    def refer(self, name: str, image: Image.Image) -> str:
        """Keep the true pixels of an image whose bytes say them in a way of their own; where they lie."""
        file = self.folder / "reference" / f"{name}.png"
        file.parent.mkdir(exist_ok=True)
        image.save(file)
        return file.relative_to(self.folder).as_posix()

    def add(self, **truth: Any) -> None:
        """Add a row; the arguments are `Truth`'s."""
        self.rows.append(Truth(**truth))

    def add_scene(self, path: str, body: bytes, scene: Scene, behaviour: Behaviour | None = None, **truth: Any) -> None:
        """Serve a scene as `body` and add the row of it; `truth` may say more, or otherwise."""
        height, width = scene.pixels.shape[:2]
        facts = {
            "url": self.put(path, body, behaviour),
            "caption": scene.caption,
            "license": CC0,
            "width": width,
            "height": height,
            "sha256": sha256(body),
            "as_served": True,
            "objects": scene.objects,
            "phrases": scene.phrases,
        }
        self.add(**facts | truth)


def _distinct_scenes(seed: int) -> Iterator[Scene]:
    seen: set[str] = set()
    number = 0
    while True:
        scene = draw(f"{seed}:{number}")
        number += 1
        if scene.caption not in seen:
            seen.add(scene.caption)
            yield scene


def sha256(body: bytes) -> str:
    """SHA-256, hex."""
    return hashlib.sha256(body).hexdigest()


def picture(scene: Scene) -> Image.Image:
    """A scene as Pillow's image."""
    return Image.fromarray(scene.pixels)


def png(image: Image.Image, compress_level: int = 3) -> bytes:
    """`image` as PNG; compressed so lightly that the plainest drawing still has the two kilobytes of a real picture."""
    return _saved(image, "PNG", compress_level=compress_level)


def jpeg(image: Image.Image, quality: int = 95, **options: Any) -> bytes:
    """`image` as JPEG."""
    return _saved(image, "JPEG", quality=quality, **options)


def webp(image: Image.Image, **options: Any) -> bytes:
    """`image` as WebP, by its fastest method."""
    return _saved(image, "WEBP", method=0, **options)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
