"""Arrow schemas of what a run stores: input rows, verdicts, and the columns each hop adds.

Every column says its meaning, unit and range; `shardmill schema layers` prints them. A column that a hop adds is
null in rows that the hop did not keep.
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    """A documented Arrow column; the documentation travels in the field's metadata."""

    name: str
    type: pa.DataType
    meaning: str
    unit: str = ""
    range: str = ""

    def field(self) -> pa.Field:
        doc = {"meaning": self.meaning, "unit": self.unit, "range": self.range}
        return pa.field(self.name, self.type, metadata={key: text for key, text in doc.items() if text})


def schema(*columns: Column) -> pa.Schema:
    """The Arrow schema of documented columns, in the order given."""
    return pa.schema([column.field() for column in columns])


CAPTION = pa.struct(
    [
        pa.field("text", pa.string(), metadata={"meaning": "the caption as it came or was made, untouched"}),
        pa.field("lang", pa.string(), metadata={"meaning": "ISO 639 code, null when not known"}),
        pa.field("role", pa.string(), metadata={"meaning": "web, annotated, generated, expression, edited, …"}),
        pa.field("model", pa.string(), metadata={"meaning": "who made it; null for captions from the web"}),
        pa.field("of", pa.int32(), metadata={"meaning": "position of the caption it was made of; null for originals"}),
        pa.field("refused", pa.string(), metadata={"meaning": "reason for which a rule refused it; null while none"}),
    ]
)

REGION = pa.struct(
    [
        pa.field("caption_index", pa.int32(), metadata={"meaning": "which caption the spans point into"}),
        pa.field("phrase", pa.list_(pa.int32(), 2), metadata={"meaning": "noun chunk: start, end (exclusive)"}),
        pa.field("expression", pa.list_(pa.int32(), 2), metadata={"meaning": "referring expression: start, end"}),
        pa.field("box", pa.list_(pa.float32(), 4), metadata={"meaning": "x1 y1 x2 y2", "range": "0–1"}),
        pa.field("score", pa.float32(), metadata={"meaning": "the detector's confidence", "range": "0–1"}),
        pa.field(
            "runner_up",
            pa.float32(),
            metadata={
                "meaning": "score of the phrase's best other box, kept or not; null: unknown",
                "range": "0–1",
            },
        ),
        pa.field("source", pa.string(), metadata={"meaning": "which detector or data set"}),
    ]
)

IMAGE_AT = pa.struct(
    [
        pa.field("path", pa.string(), metadata={"meaning": "the file that holds it: absolute path or fsspec URL"}),
        pa.field("column", pa.string(), metadata={"meaning": "the column, in a table; null: bytes of the file itself"}),
        pa.field("start", pa.int64(), metadata={"meaning": "first byte, or row of the table; null: the whole file"}),
        pa.field("length", pa.int64(), metadata={"meaning": "null where `start` or its end says it", "unit": "byte"}),
    ]
)

TURN = pa.struct(
    [
        pa.field("role", pa.string(), metadata={"meaning": "system, user or assistant"}),
        pa.field("text", pa.string(), metadata={"meaning": "what is said; <image> where the image stands"}),
        pa.field("lang", pa.string(), metadata={"meaning": "ISO 639 code, null when not known"}),
    ]
)

ID = Column("id", pa.int64(), "the row's position in the plan", range="≥ 0")

INPUT = schema(
    ID,
    Column("url", pa.string(), "where the image is, or came from; null when the record holds none"),
    Column("image_at", IMAGE_AT, "where the image's bytes lie; null where they are to be fetched from `url`"),
    Column("captions", pa.list_(CAPTION), "what is said of the image; append-only, so that indices never drift"),
    Column("regions", pa.list_(REGION), "boxes that the source gives for phrases of the captions; null: it has none"),
    Column("turns", pa.list_(TURN), "a conversation about the image that the source holds; null: there is none"),
    Column("license", pa.string(), "licence as the source states it; null when it does not"),
    Column("source", pa.map_(pa.string(), pa.string()), "the source's other columns, as text"),
    Column("source_file", pa.string(), "name of the input file the record was read from"),
    Column("source_row", pa.int64(), "its position in that file", range="≥ 0"),
    Column("input_error", pa.string(), "why the record cannot be used; null when it can"),
    Column("input_reason", pa.string(), "the reason where another than invalid_record; null where not"),
)

VERDICT = schema(
    ID,
    Column("outcome", pa.string(), "kept, rejected or failed"),
    Column("stage", pa.string(), "the stage that refused the row; null when kept"),
    Column("reason", pa.string(), "from the closed list in schemas/reasons.py; null when kept"),
    Column("value", pa.float64(), "the measured value the reason speaks of, in its unit; null where there is none"),
    Column("detail", pa.string(), "an error's own words, for people; null when there are none"),
)

PULLED = schema(
    Column("image", pa.large_binary(), "the image file with canonical pixels; the served bytes where they were so"),
    Column("format", pa.string(), "format of `image`", range="jpeg, png, webp"),
    Column("image_bytes", pa.int64(), "size of `image`", "byte", "≥ 1"),
    Column("width", pa.int32(), "of the canonical pixels", "pixel", "≥ 1"),
    Column("height", pa.int32(), "of the canonical pixels", "pixel", "≥ 1"),
    Column("n_bytes", pa.int64(), "size of the body as served", "byte", "≥ 1"),
    Column("sha256", pa.binary(32), "SHA-256 of the body as served"),
    Column("image_sha256", pa.binary(32), "SHA-256 of `image`: another where the pixels were made canonical"),
    Column("phash", pa.uint64(), "perceptual hash of the canonical pixels: lowest 8×8 DCT terms well over the median"),
    Column("frames", pa.int32(), "frames in the served file", range="≥ 1"),
    Column("sharpness", pa.float32(), "variance of the Laplacian of the grey image at working size", range="≥ 0"),
    Column("uniformity", pa.float32(), "standard deviation of the grey image at working size", range="0–128"),
    Column("served_format", pa.string(), "format of the body as served, judged by its bytes"),
    Column("canonical", pa.string(), "what was done to make the pixels canonical, comma separated; empty for nothing"),
    Column("final_url", pa.string(), "where the redirects ended"),
    Column("status", pa.int16(), "HTTP status", range="100–599"),
    Column("content_type", pa.string(), "what the server called it; judged by nobody"),
    Column("attempts", pa.int32(), "exchanges over the URL, redirects and repeated tries included", range="≥ 1"),
    Column("ms", pa.int32(), "time from request to last byte", "ms", "≥ 0"),
)

SET_EVIDENCE = schema(
    Column("duplicate_of", pa.int64(), "the surviving row this one repeats: the name of its group; null: it survives"),
)

NSFW_SCORED = schema(
    Column("nsfw_score", pa.float32(), "how sure the image scorer is that the image is unsafe", range="0–1"),
)

SIMILARITY = schema(
    Column(
        "clip_similarity",
        pa.list_(pa.float32()),
        "cosine of the image's embedding and each caption's, in order; null for captions that do not count",
        range="-1–1",
    ),
)

PLANNED_SAMPLE = pa.struct(
    [
        pa.field("task", pa.string(), metadata={"meaning": "what the sample trains"}),
        pa.field("language", pa.string(), metadata={"meaning": "of its texts, ISO 639 code; null when not known"}),
        pa.field(
            "caption_index", pa.int32(), metadata={"meaning": "which of the row's captions; null: its turns or lines"}
        ),
        pa.field("regions", pa.list_(pa.int32()), metadata={"meaning": "which of its regions, in the order of use"}),
        pa.field("lines", pa.list_(pa.int32()), metadata={"meaning": "which of its lines of text, in reading order"}),
        pa.field("bytes", pa.int64(), metadata={"meaning": "what it adds to its shard", "unit": "byte"}),
    ]
)

REFUSED_TASK = pa.struct(
    [
        pa.field("task", pa.string(), metadata={"meaning": "the task that was not made, or not of this region"}),
        pa.field(
            "caption_index", pa.int32(), metadata={"meaning": "which of the row's captions; null: its turns or lines"}
        ),
        pa.field("region", pa.int32(), metadata={"meaning": "which of its regions; null for the task as a whole"}),
        pa.field("reason", pa.string(), metadata={"meaning": "from the closed list of refusals in schemas/reasons.py"}),
        pa.field("value", pa.float64(), metadata={"meaning": "what was measured; null where nothing was"}),
        pa.field("line", pa.int32(), metadata={"meaning": "which of its lines; null for the task as a whole"}),
    ]
)

PACKED = schema(
    Column("samples", pa.list_(PLANNED_SAMPLE), "the training samples that the row becomes; at least one"),
    Column("refusals", pa.list_(REFUSED_TASK), "tasks that were not made of the row, or of a region or line of it"),
)

UNASKED = pa.struct(
    [
        pa.field("caption_index", pa.int32(), metadata={"meaning": "which of the row's captions"}),
        pa.field("phrase", pa.list_(pa.int32(), 2), metadata={"meaning": "noun chunk; null: the caption as a whole"}),
        pa.field("reason", pa.string(), metadata={"meaning": "from the closed list UNGROUNDED in schemas/reasons.py"}),
    ]
)

GROUNDED = schema(
    Column("regions", pa.list_(REGION), "phrases of the captions and their boxes; append-only, so indices never drift"),
    Column("ungrounded", pa.list_(UNASKED), "phrases that no box was asked for; any other without a region has none"),
)

LINE = pa.struct(
    [
        pa.field("text", pa.string(), metadata={"meaning": "as it was read"}),
        pa.field(
            "quad",
            pa.list_(pa.float32(), 8),
            metadata={"meaning": "x1 y1 … x4 y4, clockwise as one reads, from the text's own top left", "range": "0–1"},
        ),
        pa.field("score", pa.float32(), metadata={"meaning": "the recogniser's confidence", "range": "0–1"}),
        pa.field("script", pa.string(), metadata={"meaning": "ISO 15924 code of most letters; null: it has none"}),
        pa.field("block", pa.int32(), metadata={"meaning": "the column or paragraph it belongs to, in reading order"}),
        pa.field("dropped", pa.string(), metadata={"meaning": "why a rule leaves it out, of UNREAD; null: it counts"}),
    ]
)

READ = schema(
    Column("lines", pa.list_(LINE), "lines of text in the image, in reading order, dropped ones included"),
    Column("text", pa.string(), "the lines that count, joined: a line feed between blocks that are apart"),
)

TRANSLATION = pa.struct(
    [
        pa.field(
            "caption_index", pa.int32(), metadata={"meaning": "the caption that came of it; null: none, or turns"}
        ),
        pa.field("of", pa.int32(), metadata={"meaning": "the caption that was translated; null: the row's turns"}),
        pa.field("to", pa.string(), metadata={"meaning": "ISO 639 code of the language asked for"}),
        pa.field("pass", pa.string(), metadata={"meaning": "translate, correct or back"}),
        pa.field("outcome", pa.string(), metadata={"meaning": "translated, kept_source or failed"}),
        pa.field("checks", pa.list_(pa.string()), metadata={"meaning": "checks that answers failed, of UNTRANSLATED"}),
        pa.field("requests", pa.int32(), metadata={"meaning": "answers it took, those from the cache included"}),
        pa.field("cached", pa.int32(), metadata={"meaning": "how many of them came from the cache"}),
        pa.field("tokens_in", pa.int64(), metadata={"meaning": "prompt tokens as the endpoint counts them"}),
        pa.field("tokens_out", pa.int64(), metadata={"meaning": "answer tokens as the endpoint counts them"}),
        pa.field("chrf", pa.float32(), metadata={"meaning": "chrF of original and back-translation", "range": "0–100"}),
        pa.field("model", pa.string(), metadata={"meaning": "as the endpoint names it"}),
        pa.field("prompt", pa.string(), metadata={"meaning": "name and version of the prompt"}),
    ]
)

TRANSLATED = schema(
    Column("captions", pa.list_(CAPTION), "with the translations appended (roles translated, corrected, back)"),
    Column("regions", pa.list_(REGION), "with the regions of translated captions appended"),
    Column("translated_turns", pa.list_(TURN), "the row's conversation in the other language; null: there is none"),
    Column("translations", pa.list_(TRANSLATION), "what was asked of the model, and what became of it"),
)
