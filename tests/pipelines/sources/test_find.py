import gzip
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pytest

from pipelines.sources.files import InputError, InputFile, Unit, signature
from pipelines.sources.inputs import find, read
from pipelines.sources.spec import Columns, SourceSpec
from tests.support.tables import encode, parquet, read_all

PAIR = {"url": "u", "caption": "c"}
CSV = encode([PAIR], ".csv")


def names(inputs: list[str], spec: SourceSpec | None = None) -> list[str]:
    return [file.name for file in find(inputs, spec or SourceSpec())]


def refusal(inputs: list[str | Path], spec: SourceSpec | None = None) -> str:
    """What `find` says of inputs that it refuses."""
    with pytest.raises(InputError) as refused:
        find([str(one) for one in inputs], spec or SourceSpec())
    return str(refused.value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Input files among others that are none."""
    for name in ("b.csv", "a.csv.gz", "sub/c.CSV", "_tmp.csv", ".d.csv", "_log/e.csv", "README.md"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(CSV) if name.endswith(".gz") else CSV)
    return tmp_path / "in"


@pytest.fixture
def memory() -> Iterator[str]:
    """A folder on a file system that is not local."""
    root = "memory://intake"
    yield root
    filesystem, path = fsspec.url_to_fs(root)
    if filesystem.exists(path):
        filesystem.rm(path, recursive=True)


class TestExpanding:
    def test_a_folder_is_searched_whole_and_passes_over_hidden_and_foreign_files(self, folder: Path) -> None:
        assert names([str(folder)]) == ["a.csv.gz", "b.csv", "c.CSV"]

    @pytest.mark.parametrize(
        ("glob", "found"), [("*", ["a.csv.gz", "b.csv", "c.CSV"]), ("*.csv", ["b.csv"]), ("**/*.CSV", ["c.CSV"])]
    )
    def test_a_glob(self, folder: Path, glob: str, found: list[str]) -> None:
        assert names([f"{folder}/{glob}"]) == found

    def test_a_file_that_is_named_is_taken_even_if_hidden(self, folder: Path) -> None:
        assert names([str(folder / "_tmp.csv")]) == ["_tmp.csv"]

    def test_a_file_whose_name_looks_like_a_glob_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "t[1].csv").write_bytes(CSV)

        assert names([str(tmp_path / "t[1].csv")]) == ["t[1].csv"]

    def test_the_order_of_the_inputs_and_naming_a_file_twice_do_not_matter(self, folder: Path) -> None:
        one, two = str(folder / "b.csv"), str(folder)

        assert find([one, two, one], SourceSpec()) == find([two], SourceSpec())

    def test_a_relative_path_is_resolved(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(folder)

        assert find(["b.csv"], SourceSpec())[0].path == str(folder / "b.csv")

    def test_files_of_one_name_are_told_apart_by_their_folders(self, tmp_path: Path) -> None:
        for name in ("x/one/t.csv", "y/one/t.csv", "y/u.csv"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(CSV)

        assert names([str(tmp_path)]) == ["u.csv", "x/one/t.csv", "y/one/t.csv"]

    def test_a_format_that_is_said_outdoes_the_names(self, tmp_path: Path) -> None:
        (tmp_path / "t.txt").write_bytes(CSV)

        assert names([str(tmp_path)], SourceSpec(format="csv")) == ["t.txt"]

    @pytest.mark.parametrize("suffix", [".parquet", ".parquet.gz", ".csv", ".csv.gz", ".jsonl"])
    def test_a_file_system_that_is_not_local(self, memory: str, suffix: str) -> None:
        with fsspec.open(f"{memory}/part/t{suffix}", "wb") as file:
            file.write(encode([PAIR], suffix))

        for named in (memory, f"{memory}/*/t*", f"{memory}/part/t{suffix}"):
            (file,) = find([named], SourceSpec())
            assert file.path.startswith("memory://")
            assert [row["url"] for row in read_all(named)] == ["u"]

    def test_a_file_url(self, folder: Path) -> None:
        assert names([f"file://{folder}/b.csv"]) == ["b.csv"]


class TestRefusing:
    def test_nothing_named(self) -> None:
        assert "no input" in refusal([])

    def test_a_path_that_is_missing(self, tmp_path: Path) -> None:
        assert refusal([tmp_path / "nope.csv"]) == f"{tmp_path}/nope.csv: there is no such file or folder"

    def test_a_folder_without_input_names_what_was_ignored(self, tmp_path: Path) -> None:
        (tmp_path / "notes.md").write_text("x")

        said = refusal([tmp_path])

        assert f"{tmp_path}: no .parquet .csv .tsv .jsonl .ndjson .tar .arrow file" in said
        assert "ignored: " in said
        assert "notes.md" in said

    def test_a_glob_that_matches_nothing(self, tmp_path: Path) -> None:
        assert "no .parquet" in refusal([tmp_path / "*.csv"])

    def test_a_file_of_no_known_suffix(self, tmp_path: Path) -> None:
        (tmp_path / "t.txt").write_bytes(CSV)

        assert "--set source.format=csv" in refusal([tmp_path / "t.txt"])

    def test_a_protocol_that_nobody_speaks(self) -> None:
        assert "cannot be opened: Protocol not known: nope" in refusal(["nope://x/t.csv"])

    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("t.parquet", b"url,caption\n", "not readable as Parquet"),
            ("t.parquet", b"", "not readable as Parquet"),
            ("t.parquet.gz", gzip.compress(b"no"), "not readable as Parquet"),
            ("t.csv.gz", CSV, "is called .gz but is not gzip data"),
            ("t.csv.gz", gzip.compress(CSV)[:12], "cannot be read"),
            ("t.csv", gzip.compress(CSV), "is gzip data: give its name a .gz"),
            ("t.csv", CSV.decode().encode("utf-16"), "iconv -f UTF-16 -t UTF-8"),
            ("t.jsonl", b'[\n{"url": "u", "caption": "c"}\n]\n', "not JSON lines: the first one is ["),
            ("t.jsonl", b'[{"url": "u", "caption": "c"}]', "turn a JSON array into lines with `jq -c '.[]'`"),
            ("t.csv", b'"' + b"x" * (1 << 25), "the header line cannot be read"),
        ],
    )
    def test_a_file_that_is_not_what_its_name_says(self, tmp_path: Path, name: str, content: bytes, said: str) -> None:
        (tmp_path / name).write_bytes(content)

        assert said in refusal([tmp_path / name])

    def test_a_file_that_may_not_be_read(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        (tmp_path / "t.csv").write_bytes(CSV)
        (tmp_path / "t.csv").chmod(0)

        assert "cannot be read: [Errno 13]" in refusal([tmp_path / "t.csv"])

    def test_a_path_that_is_no_text(self, tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"\xe9.csv")).write_bytes(CSV)

        assert refusal([tmp_path]).endswith("\\udce9.csv: its path is not UTF-8: rename it")

    def test_a_folder_that_may_not_be_listed(self, tmp_path: Path) -> None:
        if os.geteuid() == 0:
            pytest.skip("root may read everything")
        (tmp_path / "in").mkdir(mode=0)

        assert "cannot be read: [Errno 13]" in refusal([tmp_path / "in"], SourceSpec(format="folder"))

    @pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
    def test_a_missing_column_names_those_there_are_and_how_to_map_one(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"t{suffix}"
        path.write_bytes(encode([{"URL": "u", "TEXT": "t", "width": 3}], suffix))

        assert refusal([path]).splitlines() == [
            f"{path}: no column `url` (did you mean `URL`?); it has URL, TEXT, width; "
            "map it with `--set source.columns.url=URL`",
            "    no column `caption` (did you mean `TEXT`?); it has URL, TEXT, width; "
            "map it with `--set source.columns.caption=TEXT`",
        ]

    def test_a_column_that_was_mistyped(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(b"url,kaption_en,n\nu,c,1\n")

        said = refusal([tmp_path], SourceSpec(columns=Columns(caption="caption_en", license="rights")))

        assert "no column `caption_en` (did you mean `kaption_en`?)" in said
        assert (
            "no column `rights`; it has url, kaption_en, n; map it with `--set source.columns.license=COLUMN`" in said
        )

    def test_a_mapped_column_that_is_there_twice(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(b"url,caption,url\nu,c,v\n")

        assert "2 columns are called `url`: rename one" in refusal([tmp_path])

    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("t.csv", b""),
            ("t.csv", b"url,caption\n\n\n"),
            ("t.jsonl", b"\n\n"),
            ("t.csv.gz", gzip.compress(b"")),
            ("t.parquet", parquet(pa.schema([("url", "string"), ("caption", "string")]).empty_table())),
        ],
    )
    def test_an_input_without_a_row(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)

        assert refusal([tmp_path]) == f"empty input: there is no row in {tmp_path / name}"

    def test_one_empty_file_among_others_is_no_mistake(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_bytes(b"")
        (tmp_path / "b.csv").write_bytes(CSV)

        assert [row["source_file"] for row in read_all(tmp_path)] == ["b.csv"]

    def test_all_problems_come_in_one_message_and_the_same_one_once(self, tmp_path: Path) -> None:
        for i in range(5):
            (tmp_path / f"{i}.csv").write_bytes(b"link,caption\nu,c\n")
        (tmp_path / "x.parquet").write_bytes(b"no")

        said = refusal([tmp_path, "/nope"]).splitlines()

        assert len(said) == 3
        assert said[1].startswith(f"{tmp_path}/0.csv, {tmp_path}/1.csv, {tmp_path}/2.csv and 2 more: no column `url`")

    def test_a_gzip_file_that_ends_early_is_told_while_it_is_read(self, tmp_path: Path) -> None:
        content = gzip.compress(b"url,caption\n" + os.urandom(200_000).hex().encode() + b",c\nu,c\n")
        (tmp_path / "t.csv.gz").write_bytes(content[:-20])
        with pytest.raises(InputError, match=r"t\.csv\.gz: "):
            read_all(tmp_path)

    def test_a_damaged_row_group_is_told_while_it_is_read(self, tmp_path: Path) -> None:
        content = bytearray(parquet(pa.table({"url": [f"u{i}" for i in range(5000)], "caption": ["c"] * 5000})))
        content[20:3000] = bytes(2980)
        (tmp_path / "t.parquet").write_bytes(content)
        (file,) = find([str(tmp_path)], SourceSpec())

        with pytest.raises(InputError, match="breaks off near row 0"):
            list(read(file, SourceSpec(), file.units[0]))


class TestSignature:
    def test_says_name_path_size_and_digest(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes(CSV)

        (signed,) = signature(find([str(tmp_path)], SourceSpec()))

        assert (signed["name"], signed["path"], signed["bytes"]) == ("t.csv", str(tmp_path / "t.csv"), len(CSV))
        assert len(signed["digest"]) == 32

    @pytest.mark.parametrize("change", ["first byte", "last byte", "size"])
    def test_tells_a_changed_file(self, tmp_path: Path, change: str) -> None:
        content = bytearray(CSV + b"u,c\n" * 1_000_000)
        (tmp_path / "t.csv").write_bytes(content)
        before = signature(find([str(tmp_path)], SourceSpec()))
        if change == "size":
            content[2_000_000:2_000_000] = b"u,c\n"
        else:
            content[-2 if change == "last byte" else len(CSV)] = ord("x")
        (tmp_path / "t.csv").write_bytes(content)

        assert signature(find([str(tmp_path)], SourceSpec()))[0]["digest"] != before[0]["digest"]

    def test_is_the_same_wherever_the_file_lies(self, tmp_path: Path, memory: str) -> None:
        (tmp_path / "t.csv").write_bytes(CSV)
        with fsspec.open(f"{memory}/t.csv", "wb") as file:
            file.write(CSV)

        here, there = (signature(find([str(root)], SourceSpec()))[0] for root in (tmp_path, memory))

        assert here["digest"] == there["digest"]


class Overloaded(http.server.BaseHTTPRequestHandler):
    """Says how large a file is, and then has no time."""

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CSV)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


def test_a_file_server_that_fails_is_told_as_any_input_that_cannot_be_read() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Overloaded) as server:
        threading.Thread(target=server.serve_forever).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/a.csv"
        said = refusal([url])
        with pytest.raises(InputError, match="breaks off near row 0: 503"):
            list(read(InputFile("a.csv", url, "csv", False, len(CSV)), SourceSpec(), Unit(0)))
        server.shutdown()
    assert said.startswith(f"{url}: cannot be read: 503")
