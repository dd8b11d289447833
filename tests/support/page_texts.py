"""What rendered pages say: sentences of common English words and of common Chinese phrases."""

import random

_WORDS = {
    "en": (
        ("The old library", "My sister", "A quiet river", "The evening train", "Our new teacher", "The small bakery"),
        ("Every visitor", "A famous painter", "The city council", "This wooden bridge", "Her grandfather"),
        ("opens", "follows", "remembers", "describes", "crosses", "protects", "changes", "visits", "prepares"),
        ("the market square", "a narrow street", "several good books", "the first lesson", "a simple question"),
        ("fresh bread", "the northern coast", "many young people", "the winter garden", "two public holidays"),
        ("in the spring", "before noon", "without delay", "near the station", "after the rain", "for ten years"),
        ("at 7:30", "with great care", "on Sunday", "since 1998", "behind the hill", "every week"),
    ),
    "zh": (
        ("我们的老师", "这座城市", "北方的冬天", "新开的商店", "图书馆", "一位年轻的画家", "公园里的孩子"),
        ("早晨的火车", "附近的居民", "传统的节日", "天气预报", "我家门前的小河"),
        ("介绍了", "改变了", "欢迎", "保护着", "影响了", "经过", "记录了", "准备了", "带来了", "需要"),
        ("许多有趣的故事", "古老的建筑", "各地的客人", "美丽的风景", "重要的问题", "新鲜的水果"),
        ("大家的生活", "人们的健康", "自然环境", "现代科学技术", "热闹的市场"),
        ("在春天的时候", "从去年开始", "为了更好的明天", "并且越来越受关注", "每天上午九点"),
        ("已经有三十年历史", "让人难以忘记", "值得我们学习", "因为时间不多"),
    ),
}
"""Subjects, verbs, objects and ends of sentences; of all but the verbs there are two lists."""


def sentence(rng: random.Random, language: str) -> str:
    """One sentence, ``en`` or ``zh``."""
    *subjects, verbs, things, more_things, ends, more_ends = _WORDS[language]
    subject = rng.choice([word for words in subjects for word in words])
    verb, thing, end = rng.choice(verbs), rng.choice(things + more_things), rng.choice(ends + more_ends)
    return f"{subject}{verb}{thing}，{end}。" if language == "zh" else f"{subject} {verb} {thing} {end}."


def lines(rng: random.Random, language: str, count: int, characters: int) -> list[str]:
    """Text broken into `count` lines of about so many characters, words left whole."""
    joint = "" if language == "zh" else " "
    text = joint.join(sentence(rng, language) for _ in range(2 + count * (characters + 12) // 16))
    found = []
    for _ in range(count):
        end = characters if language == "zh" else text.rindex(" ", 0, characters + 1)
        end += text[end] in "，。"
        found.append(text[:end])
        text = text[end:].strip()
    return found
