"""The closed list of reasons: why a row left the set.

*Rejected*: a rule said no; asking again would give the same answer. *Failed*: it could not be decided
(a timeout, a server error, a worker that died). ``retriable`` failures are tried once more in the same run.
A reason that is not in this list cannot be written: `REASONS[name]` raises, which is a bug and stops the run.
"""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a row at a hop."""

    KEPT = "kept"
    REJECTED = "rejected"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause for a row to leave the set."""

    name: str
    outcome: Outcome
    retriable: bool
    meaning: str


def _rejected(name: str, meaning: str) -> Reason:
    return Reason(name, Outcome.REJECTED, False, meaning)


def _failed(name: str, meaning: str, *, retriable: bool = True) -> Reason:
    return Reason(name, Outcome.FAILED, retriable, meaning)


_ALL = (
    # input and URL
    _rejected("invalid_record", "the input record could not be parsed"),
    _rejected("invalid_url", "the URL is missing, malformed or carries credentials"),
    _rejected("blocked_scheme", "the URL is neither http nor https"),
    _rejected("blocked_address", "the host is, or resolves to, an address that is not public"),
    # HTTP exchange
    _rejected("dns_not_found", "the host name does not exist"),
    _failed("dns_error", "the host name could not be resolved"),
    _failed("connect", "no connection, or it broke"),
    _failed("tls", "the TLS handshake or certificate failed"),
    _failed("timeout", "the URL's total deadline passed"),
    _failed("deadline", "the deadline of the row's part passed before the URL's turn was over"),
    _rejected("http_gone", "the server says there is nothing here (404, 410 and other 4xx); value: status"),
    _rejected("http_denied", "the server refuses (401, 403, 407, 451); value: status"),
    _failed("host_paused", "the host failed or refused others of its rows and was left alone; detail: its last cause"),
    _rejected("robots", "the host's robots.txt disallows the URL; detail: the rule"),
    _failed("robots_unreachable", "the host's robots.txt could not be read (5xx, 429, broken); value: status"),
    _rejected("opted_out", "the response's headers reserve it from machine use; detail: the directive"),
    _failed("http_error", "the server failed (5xx) or broke the protocol; value: status"),
    _failed("rate_limited", "the server asks to come back later (408, 425, 429); value: status"),
    _rejected("redirect_loop", "more redirects than allowed; value: how many"),
    _rejected("body_too_large", "the body is larger than the byte cap; value: bytes declared or read"),
    _failed("body_short", "the body ended before its declared length"),
    _rejected("empty_body", "the server sent no bytes"),
    # images that are not fetched
    _rejected("no_image", "the record names no image; a conversation without one is not kept"),
    _rejected("several_images", "the record has more than one image, and a row has one"),
    _rejected("other_split", "the record is of a split of its data set that the recipe does not take"),
    _rejected("file_missing", "the input names an image that is not there"),
    _failed("file_unreadable", "the image's file, or the one that holds it, could not be read"),
    # image bytes
    _rejected("not_an_image", "the bytes are not an image"),
    _rejected("unsupported_format", "an image of a format that is not read here"),
    _rejected("truncated_image", "the image data end early or do not decode"),
    _rejected("too_many_pixels", "the header announces more pixels than allowed; value: width × height"),
    _rejected("animated", "more than one frame, and the recipe refuses animations; value: frames"),
    _rejected("blocked_hash", "the image is on one of the recipe's block-lists; nothing else is kept of the row"),
    # filters
    _rejected("placeholder", "the image is on one of the recipe's lists of images that stand for others"),
    _rejected("aspect_ratio", "the longer side exceeds max_ratio × the shorter; value: the ratio"),
    _rejected("min_side", "the shorter side is below the minimum; value: pixels"),
    _rejected("min_bytes", "the file is smaller than the minimum; value: bytes"),
    _rejected("max_side", "the longer side is above the maximum; value: pixels"),
    _rejected("min_area", "width × height is below the minimum; value: pixels"),
    _rejected("max_area", "width × height is above the maximum; value: pixels"),
    _rejected("max_bytes", "the file is larger than the maximum; value: bytes"),
    _rejected("format", "served in a format that the recipe does not want; detail: the format"),
    _rejected("near_uniform", "the image looks blank; value: standard deviation of its grey values"),
    _rejected("blurred", "the image is blurred; value: variance of its Laplacian"),
    _rejected("score", "a carried score is out of bounds; value: the score, detail: its column"),
    _rejected("label", "a carried label is not one that is wanted; detail: the label"),
    _rejected("license", "the licence is not one that is wanted; detail: the licence"),
    _rejected("missing_value", "there is no value to judge, and the recipe asks for one; detail: the column"),
    _rejected("nsfw_image", "an image scorer finds it unsafe; value: its score"),
    _rejected("clip_similarity", "no caption fits the image; value: similarity of the first"),
    # captions: a row is rejected where the rule leaves none of them; the value is of the first
    _rejected("caption_characters", "too few or too many characters; value: how many"),
    _rejected("caption_words", "too few or too many words; value: how many"),
    _rejected("han_characters", "too few or too many Chinese characters; value: how many"),
    _rejected("alphanumeric_share", "share of letters and numbers out of bounds; value: the share"),
    _rejected("special_share", "share of punctuation and symbols out of bounds; value: the share"),
    _rejected("digit_share", "share of numbers out of bounds; value: the share"),
    _rejected("uppercase_share", "share of capitals among the letters out of bounds; value: the share"),
    _rejected("character_repetition", "character n-grams are repeated too much; value: their share"),
    _rejected("word_repetition", "word n-grams are repeated too much; value: their share"),
    _rejected("url_in_caption", "the caption holds a URL; value: how many"),
    _rejected("email_in_caption", "the caption holds an e-mail address; value: how many"),
    _rejected("file_name", "the caption is a file's name"),
    _rejected("emoji_in_caption", "the caption holds emoji; value: how many"),
    _rejected("other_script", "the caption holds letters of another script; value: how many"),
    _rejected("special_tag", "the caption holds a data set's placeholder; detail: which"),
    _rejected("no_noun", "the caption has no noun"),
    _rejected("boilerplate", "the caption holds a phrase of web pages' furniture; value: how many, detail: the first"),
    _rejected("profanity", "the caption holds a profane word; value: how many, detail: the first"),
    _rejected("lexicon", "the caption holds an entry of a list; value: how many, detail: the first"),
    _rejected("political", "the caption names a party, office or slogan; value: how many, detail: the first"),
    _rejected("language", "the caption is not in a language that is wanted; detail: the language"),
    _rejected("contaminated_image", "the picture is nearly that of a benchmark; value: bits apart; detail: set: item"),
    _rejected("contaminated_text", "words of a benchmark; value: share of them that it has; detail: set: item"),
    # grounding
    _rejected("no_boxes", "no phrase of its captions has a box"),
    # translation, where a row is not kept without one
    _failed("llm_timeout", "the endpoint gave no answer before the deadline"),
    _failed("llm_rate_limited", "the endpoint asks to come back later (429); detail: its words"),
    _failed("llm_unavailable", "the endpoint failed (5xx), or the connection broke; detail: how"),
    _failed("llm_bad_answer", "what the endpoint answers is no chat completion; detail: what is wrong with it"),
    _failed("llm_bad_request", "the endpoint refuses the request (400, 413, 422); detail: its words", retriable=False),
    _failed("llm_content_filter", "the endpoint's content filter refuses the text", retriable=False),
    _failed("untranslated", "no answer passed the checks; detail: those that failed", retriable=False),
    # text in the image
    _rejected("no_text", "no text was read in the image"),
    _rejected("dense_text", "more lines were read than allowed; value: how many"),
    _rejected("low_text_score", "the text was read with little confidence; value: mean score of its characters"),
    _rejected("text_script", "most of the text is in another script than the one that is wanted; detail: which"),
    _rejected("too_little_text", "too few characters are in the lines that count; value: how many"),
    # rules over the set
    _rejected("duplicate_image", "a row of lower id has the same file (SHA-256); value: that id"),
    _rejected("duplicate_pair", "a row of lower id has the same perceptual hash and caption; value: that id"),
    _rejected("duplicate_url", "a row of lower id has the same URL; value: that id"),
    _rejected("near_duplicate", "the picture is nearly that of a row of lower id; value: that id, the group's name"),
    _rejected("caption_frequency", "the caption stands in too many rows of the set; value: in how many"),
    _rejected("repeated_lines", "all of its text are lines that stand in too many images; value: how many lines"),
    _rejected(
        "shorter_caption", "another caption of the same image is longer, or as long and first; value: characters"
    ),
    _rejected("subset_share", "given up so that enough of the set has several boxes; value: the share that had"),
    # packing
    _rejected("no_caption", "no caption, conversation or line of text is left that could be trained on"),
    _rejected("unfit_for_dialect", "the model family's processor refuses an image of this shape; value: the ratio"),
    _rejected("no_task", "none of the recipe's tasks could be made of the row; value: how many refusals say why"),
    # running
    _failed("worker_died", "the worker process dies on this row", retriable=False),
    _failed("model_error", "a model fails on the row; detail: what it said"),
    _failed("engine_error", "the library that pulls lost the row, or died over it; detail: what it said"),
)

REASONS: dict[str, Reason] = {reason.name: reason for reason in _ALL}


REFUSALS: dict[str, str] = {
    "said_before": "the row says the same in another language already, as a name does that is not translated",
    "no_region": "the caption has no grounded phrase that can be used",
    "blank_phrase": "the phrase or line is white space and control characters",
    "contained_span": "the phrase lies in, or overlaps, a longer one that is used",
    "other_language": "whether a phrase is ambiguous is judged in English and Chinese alone",
    "ambiguous_text": "the caption speaks of more than one such thing",
    "second_box": "the phrase has more than one box; value: how many",
    "unscored": "the box has no positive score; value: what it has",
    "runner_up": "another box scored nearly as well; value: its score over the best",
    "box_too_small": "the box has no extent on the dialect's grid",
    "not_a_description": "an expression refers to one thing; it does not describe the image",
    "second_expression": "another expression is asked about the same box",
    "second_conversation": "the row has one of the task in this language already, made of a caption",
    "no_turns": "the source holds no conversation about the image",
    "no_user_turn": "nobody asks in the source's conversation",
    "no_answer": "nobody answers in the source's conversation",
    "system_turn": "the conversation has a system turn, which not every trainer reads from typed messages",
    "out_of_turn": "the turns of the source's conversation are not question and answer by turns",
    "blank_turn": "a turn of the source's conversation says nothing",
    "person_placeholder": "a turn of it has a placeholder, such as <PERSON>, where a person's name was",
    "second_image": "the source's conversation has more than one place for an image",
    "late_image": "the image's place is not in the first question",
    "no_line": "the image has no line of text that can be used",
    "illegible": "the line is too low to be read in the image as the dialect resizes it; value: pixels",
    "repeated_text": "other lines of the image say the same, or hold it; value: how many",
    "crowded_box": "the middle of other lines lies in the box around the line; value: how many",
    "over_max_turns": "the conversation asks as many questions as it may; value: how many",
}
"""The closed list of refusals: why a task was not made of a row, or of a region or line of it. The row itself stays."""


UNGROUNDED: dict[str, str] = {
    "pronoun": "the phrase is a pronoun",
    "photo_word": "it names the image itself",
    "relational": "it names a place in the image or a part of something, and no thing",
    "time": "it names a time",
    "measure": "it names a measure",
    "colour": "it names a colour alone",
    "abstract": "it names what cannot be seen",
    "no_letters": "it has no letter",
    "negated": "the caption says that it is not there",
    "other_language": "phrases are found in English captions alone",
    "too_long": "the phrase is longer than the detector reads",
    "no_token": "the detector's tokenizer leaves nothing of it",
    "unknown_to_detector": "the detector knows a few kinds of things, and it is none of them",
}
"""The closed list of reasons why no box was asked for a phrase. The row stays, with the boxes of its other phrases."""


UNREAD: dict[str, str] = {
    "blank": "nothing but white space was read",
    "no_extent": "its quadrilateral is not one, is less than a pixel thin, or lies outside of the image",
    "low_score": "it was read with less confidence than the rule asks for",
    "other_script": "most of its letters are of a script that is not wanted",
    "too_little_text": "its image has less text than is asked for, and stays as one without",
    "repeated": "it stands in too many images of the set, as a watermark does",
}
"""The closed list of reasons why a line of text does not count. It stays among the lines of its image."""


UNTRANSLATED: dict[str, str] = {
    "empty": "the answer says nothing",
    "copied_source": "the answer is the text again, which is no name",
    "wrong_language": "the answer is not, or not all, in the language that was asked for",
    "placeholder_lost": "a protected part of the text is not in the answer, or not as often",
    "placeholder_added": "the answer has a protected part that the text has not, or has it more often",
    "placeholder_order": "a protected part that opens something, as <ref>, stands behind what closes it",
    "span_lost": "a phrase that has regions cannot be told in the answer",
    "length_ratio": "the answer is too short or too long for the text",
    "repetition": "the answer says something over and over",
    "refusal": "the model refuses, or asks for a text",
    "preamble": "the answer has an introduction or a remark beside the translation",
    "truncated": "the answer was cut off at the most tokens that it may have",
    "markup_added": "the answer has markup, special tokens, quotation marks, lines or control characters of its own",
    "number_mismatch": "a number of the text is not in the answer, or the answer has another",
    "too_long": "the text is longer than texts may be; nothing was asked",
}
"""The closed list of checks that answers of a translating model fail. A failed answer is asked for again."""
