"""Small data sets with the layouts of published ones, written into a folder."""

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any] | list[Any]


def write(path: Path, value: Json) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False))
    return path


LLAVA: list[dict[str, Any]] = [
    {
        "id": "000000033471",
        "image": "000000033471.jpg",
        "conversations": [
            {"from": "human", "value": "<image>\nWhat are the colors of the bus?"},
            {"from": "gpt", "value": "The bus is white and red."},
            {"from": "human", "value": "What is on its back?"},
            {"from": "gpt", "value": "An advertisement."},
        ],
    },
    {
        "id": "000000052846",
        "image": "coco/000000052846.jpg",
        "conversations": [
            {"from": "human", "value": "Where is the cat?\n<image>"},
            {"from": "gpt", "value": "On the chair."},
        ],
    },
]

COCO: dict[str, Any] = {
    "licenses": [{"id": 1, "name": "Attribution", "url": "http://creativecommons.org/licenses/by/2.0/"}],
    "images": [
        {"id": 5, "file_name": "COCO_train2014_5.jpg", "width": 200, "height": 100, "license": 1},
        {
            "id": 7,
            "file_name": "COCO_train2014_7.jpg",
            "width": 100,
            "height": 100,
            "coco_url": "http://c.example/7.jpg",
        },
    ],
    "annotations": [
        {"id": 50, "image_id": 5, "bbox": [20, 10, 60, 40], "category_id": 1},
        {"id": 51, "image_id": 5, "bbox": [100.0, 0.0, 100.0, 100.0], "category_id": 1},
        {"id": 70, "image_id": 7, "bbox": [0, 0, 50, 50], "category_id": 3},
    ],
}

REFS: list[dict[str, Any]] = [
    {
        "ref_id": 1,
        "ann_id": 50,
        "image_id": 5,
        "split": "train",
        "sentences": [
            {"raw": "Left man", "sent": "left man", "sent_id": 0, "tokens": ["left", "man"]},
            {"raw": "man in hat", "sent": "man in hat", "sent_id": 1, "tokens": ["man", "in", "hat"]},
        ],
    },
    {"ref_id": 2, "ann_id": 51, "image_id": 5, "split": "train", "sentences": [{"raw": "R", "sent": "second man"}]},
    {"ref_id": 3, "ann_id": 70, "image_id": 7, "split": "testA", "sentences": [{"raw": "the dog", "sent": "dog"}]},
]

SENTENCES = """\
[/EN#283585/people A man] holds [/EN#283587/other two bags] .
[/EN#283585/people A man] with [/EN#283587/other bags] is on [/EN#283588/scene a street] , [/EN#0/notvisual it] seems .
"""

ANNOTATION = """\
<annotation>
  <filename>1000092795.jpg</filename>
  <size><width>500</width><height>400</height><depth>3</depth></size>
  <object>
    <name>283585</name>
    <bndbox><xmin>50</xmin><ymin>40</ymin><xmax>250</xmax><ymax>400</ymax></bndbox>
  </object>
  <object>
    <name>283587</name>
    <bndbox><xmin>0</xmin><ymin>0</ymin><xmax>100</xmax><ymax>100</ymax></bndbox>
  </object>
  <object>
    <name>283587</name>
    <name>283599</name>
    <bndbox><xmin>400</xmin><ymin>0</ymin><xmax>500</xmax><ymax>100</ymax></bndbox>
  </object>
  <object><name>283588</name><scene>1</scene><nobndbox>0</nobndbox></object>
</annotation>
"""


def write_refcoco(folder: Path, refs: Json = REFS, coco: Json = COCO) -> Path:
    """`refs(unc).json` and `instances.json`; the former's path."""
    write(folder / "instances.json", coco)
    return write(folder / "refs(unc).json", refs)


def write_flickr30k(folder: Path, *, sentences: str = SENTENCES, annotation: str | bytes | None = ANNOTATION) -> Path:
    """A folder of one image's sentences and boxes."""
    for name in ("Sentences", "Annotations"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "Sentences/1000092795.txt").write_text(sentences)
    if annotation is not None:
        body = annotation.encode() if isinstance(annotation, str) else annotation
        (folder / "Annotations/1000092795.xml").write_bytes(body)
    return folder
