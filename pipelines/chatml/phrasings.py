"""How each task is asked for: wordings of ours, several a task and language, one chosen by the row's id.

`{}` stands for the phrase or the box that is asked about.
"""

from typing import Literal

import xxhash

AskedTask = Literal["caption", "grounded_caption", "rec", "reg"]
"""Tasks whose questions are ours."""
TaskName = Literal["caption", "grounded_caption", "rec", "reg", "conversation"]

_EN: dict[AskedTask, tuple[str, ...]] = {
    "caption": (
        "Describe this image.",
        "Write a caption for this picture.",
        "What does this image show?",
        "Give a short description of the picture.",
        "What can be seen here?",
        "Caption this photo.",
        "Tell me what is in this image.",
        "How would you describe this picture to someone who cannot see it?",
    ),
    "grounded_caption": (
        "Describe this image and give the place of each thing you name.",
        "Write a caption for this picture with a bounding box for every object in it.",
        "What does this image show, and where? Mark each object with its box.",
        "Caption this photo, grounding every phrase in the image.",
        "Say what can be seen here; put the box of each thing with it.",
        "Give a description of the picture that locates what it mentions.",
    ),
    "rec": (
        "Where is {} in this image?",
        "Locate {}.",
        "Give the bounding box of {}.",
        "Find {} in the picture and answer with its box.",
        "Which region of the image shows {}?",
        "Point out {} with a bounding box.",
    ),
    "reg": (
        "What is in the region {}?",
        "Describe what the box {} shows.",
        "Name the thing at {}.",
        "What can be seen inside {}?",
        "Give a phrase that refers to the region {}.",
        "Which object does the box {} mark?",
    ),
}
_ZH: dict[AskedTask, tuple[str, ...]] = {
    "caption": (
        "描述一下这张图片。",
        "请为这张图片写一句说明。",
        "这张图片里有什么？",
        "请简要说明图中的内容。",
        "从图中可以看到什么？",
        "给这张照片配一句文字说明。",
        "请告诉我这张图展示了什么。",
        "如果对方看不到这张图，你会怎样描述它？",
    ),
    "grounded_caption": (
        "描述这张图片，并给出提到的每样东西的位置。",
        "请为图片写一句说明，并为其中的物体标出边界框。",
        "图里有什么，分别在哪里？请用框标出。",
        "给这张照片写说明，每个短语都要对应到图中的区域。",
        "说说从图中能看到什么，并附上各自的框。",
        "请描述画面，并定位你提到的内容。",
    ),
    "rec": (
        "图中的{}在哪里？",
        "请定位{}。",
        "给出{}的边界框。",
        "请在图片中找到{}，用框回答。",
        "图中哪个区域是{}？",
        "用边界框指出{}。",
    ),
    "reg": (
        "区域{}里是什么？",
        "请描述框{}中的内容。",
        "说出位于{}的东西。",
        "在{}内能看到什么？",
        "用一个短语指称区域{}。",
        "框{}标出的是什么物体？",
    ),
}


def phrasing(task: AskedTask, row: int, turn: int = 0, *, chinese: bool) -> str:
    """The wording for one question of a row: the same on every machine, and when packed again."""
    wordings = (_ZH if chinese else _EN)[task]
    return wordings[xxhash.xxh64_intdigest(f"{task}:{row}:{turn}".encode()) % len(wordings)]


def is_chinese(text: str, lang: str | None) -> bool:
    """Whether a caption is asked for in Chinese: `lang` is zh, zh-Hans, …, or null and most letters are Han."""
    if lang is not None:
        return lang.lower().replace("_", "-").split("-")[0] == "zh"
    if text.isascii():
        return False
    han = sum("\u4e00" <= character <= "\u9fff" for character in text)
    return 2 * han > sum(map(str.isalpha, text))
