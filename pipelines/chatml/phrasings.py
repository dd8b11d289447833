"""How each task is asked for: wordings of ours, several a task and language, one chosen by the row's id.

`{}` stands for the phrase or the box that is asked about.
"""

from typing import Literal

import xxhash

AskedTask = Literal["caption", "grounded_caption", "rec", "reg", "read_text", "spot_text", "read_region", "find_text"]
"""Tasks whose questions are ours."""
TaskName = AskedTask | Literal["conversation", "translated_conversation"]

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
    "read_text": (
        "Read all the text in this image.",
        "What is written here?",
        "Write down all text that can be read in the picture.",
        "Transcribe the text of this image.",
        "Which words stand in this picture? Give them in reading order.",
        "Copy out the text that the image shows.",
    ),
    "spot_text": (
        "Read all the text in this image and give the place of each line.",
        "Find every line of text in the picture; answer with the lines and where they are.",
        "Which text stands where in this image?",
        "Transcribe the image line by line, with the position of each line.",
        "Locate all text in the picture and write down what it says.",
        "List the lines of text that can be read here together with their places.",
    ),
    "read_region": (
        "What text stands at {}?",
        "Read the text in the region {}.",
        "What is written inside {}?",
        "Transcribe the line of text at {}.",
        "Which words does the region {} show?",
        "Give the text that can be read in {}.",
    ),
    "find_text": (
        "Where in the image does it say “{}”?",
        "Locate the text “{}”.",
        "Find the line “{}” in the picture.",
        "In which place of the image can “{}” be read?",
        "Point out where “{}” is written.",
        "Give the position of the text “{}”.",
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
    "read_text": (
        "请读出图片中的所有文字。",
        "图中写了什么？",
        "把这张图片里能看清的文字都写出来。",
        "请转写图中的文字。",
        "这张图片上有哪些文字？请按阅读顺序给出。",
        "请抄录图片所示的文字内容。",
    ),
    "spot_text": (
        "读出图片中的所有文字，并给出每一行的位置。",
        "请找出图中的每一行文字，写出内容和位置。",
        "图中哪里写着什么文字？",
        "逐行转写这张图片，并标明各行所在的位置。",
        "请定位图中的全部文字，并写出其内容。",
        "列出图中能读到的各行文字及其位置。",
    ),
    "read_region": (
        "位于{}的文字是什么？",
        "请读出区域{}里的文字。",
        "{}内写着什么？",
        "请转写{}处的这一行文字。",
        "区域{}显示了哪些字？",
        "写出在{}中能读到的文字。",
    ),
    "find_text": (
        "图中哪里写着“{}”？",
        "请定位文字“{}”。",
        "请在图片中找到“{}”这一行。",
        "“{}”出现在图中的什么位置？",
        "指出写有“{}”的地方。",
        "给出文字“{}”的位置。",
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
