"""What models say instead of a translation, or around it, in English and in Chinese."""

import re

_NOT = r"(?:can(?:['’]t|not)|won['’]t|unable to|(?:['’]m|am|is) (?:unable|not able) to|do not|don['’]t)"

_INTRODUCTIONS = (
    r"(?:sure|certainly|of course|absolutely|okay|ok|got it)\s*[,!.:—–-]",
    r"here(?:'s|’s| is| are)\b[^\n]{0,80}?(?:translat|version|correct|caption|text)[^\n]{0,80}?[:：\n]",
    r"(?:the\s+)?(?:(?:simplified\s+)?chinese|english|corrected|revised|final|translated|improved)?\s*"
    r"(?:translation|version|text)(?:\s+(?:is|in\s+\w+|of\s+[^\n:：]{1,40}))?\s*[:：]",
    r"(?:in\s+)?(?:simplified\s+)?(?:chinese|english|source|text|output|answer|result)\s*[:：]",
    r"(?:好的|当然|没问题|可以|明白了?|收到)\s*[，,！!。：:]",
    r"(?:以下|下面|这)(?:就?是)[^\n]{0,30}?(?:翻译|译文|译本|版本|结果|文本)",
    r"(?:这(?:句话|段话|段文字)|该(?:文本|句))?的?(?:中文|英文)?(?:翻译|译文)(?:是|为)\s*[：:]",
    r"(?:译文|翻译|中文|英文|中文翻译|英文翻译|翻译结果|修改后|修改后的译文|校对后|答案|原文|译)\s*(?:如下)?\s*[：:]",
)
_REMARKS = (
    r"\n\s*[(（*_]*\s*(?:note|notes|explanation|translator['’]s note)\b[^\n]{0,3}[:：]",
    r"[(（]\s*(?:note|translator['’]s note|注|译注|译者注|说明)\s*[:：]",
    r"\n\s*(?:注意?|说明|备注|解释|译者注)\s*[:：]",
    r"\b(?:let me know if|i hope this helps|feel free to)\b",
    r"希望(?:这|对)[^\n]{0,6}(?:帮助|有用)",
    r"如果?(?:您|你)(?:还)?(?:需要|有)[^\n]{0,20}(?:告诉我|问题)",
)
_REFUSALS = (
    r"^\W*(?:i['’]?m|i am)\s+(?:really |very |so )?(?:sorry|afraid|unable|not able|not comfortable)\b",
    rf"^\W*(?:sorry|unfortunately|apologies|i apologi[sz]e)\b[^\n]{{0,80}}\b{_NOT}\b",
    r"\bas an? (?:ai|artificial intelligence|large language model|language model)\b",
    rf"\bi\s*{_NOT}\s+(?:translate|assist|help with|provide|comply|fulfil|complete|process|create|generate|see any"
    r"|have any text)",
    r"\bplease (?:provide|share|enter|send)\b[^\n]{0,40}\b(?:text|caption|sentence|message)\b",
    r"(?:抱歉|对不起|很遗憾|不好意思)[，,。！!]?[^\n]{0,20}(?:无法|不能|不可以|不便|没有办法)",
    r"作为(?:一个|一名|一款)?(?:AI|人工智能|语言模型|大型?语言模型|智能助手)",
    r"我(?:无法|不能|不会|没法)(?:为[您你])?(?:翻译|提供|协助|帮助|完成|满足|处理|回答|生成|继续)",
    r"请(?:您)?(?:提供|输入|发送|给出)[^\n]{0,12}(?:文本|内容|句子|原文|文字)",
)

PREAMBLE = re.compile("|".join([rf"^\W*(?:{'|'.join(_INTRODUCTIONS)})", *_REMARKS]), re.IGNORECASE)
"""An introduction before a translation, or a remark after it."""
REFUSAL = re.compile("|".join(_REFUSALS), re.IGNORECASE)
"""A refusal to translate, or a request for something to translate."""
