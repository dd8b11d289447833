"""Images that lie in files: a file each, a byte range, a cell of a table."""

import asyncio
import http.server
import io
import tarfile
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.pull.local import ImageAt, LocalImages
from pipelines.pull.stage import Pull
from pipelines.stage import Verdict
from tests.pipelines.pull.pictures import file, scene
from tests.support.tables import to_pull

PICTURES = [file(scene(seed=seed), "JPEG") for seed in range(5)]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def read(*places: ImageAt, max_bytes: int = 1 << 20) -> list[bytes | Verdict]:
    images = LocalImages(max_bytes)
    try:
        return [images.read(at) for at in places]
    finally:
        images.close()


def reason(found: bytes | Verdict) -> str:
    assert isinstance(found, Verdict)
    return found.reason


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PICTURES[0])
    assert read(ImageAt(str(tmp_path / "a.jpg"))) == [PICTURES[0]]


def test_a_name_that_reads_as_a_chain_of_file_systems_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PICTURES[0])
    (tmp_path / "a::b.jpg").write_bytes(PICTURES[1])
    assert read(ImageAt(str(tmp_path / "a::b.jpg"))) == [PICTURES[1]]
    (found,) = read(ImageAt(str(tmp_path / "a::memory://b.jpg")))
    assert reason(found) == "file_missing"


def test_members_of_a_tar_are_read_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for number, picture in enumerate(PICTURES):
            info = tarfile.TarInfo(f"{number}.jpg")
            info.size = len(picture)
            tar.addfile(info, io.BytesIO(picture))
    with tarfile.open(path) as tar:
        places = [ImageAt(str(path), start=member.offset_data, length=member.size) for member in tar]
    assert read(*places) == PICTURES
    assert read(*reversed(places)) == PICTURES[::-1]


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), IMAGE])
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_cells_are_read_in_any_order(tmp_path: Path, kind: pa.DataType, suffix: str) -> None:
    many = [PICTURES[0] + bytes([n]) for n in range(100)]
    cells = many if kind != IMAGE else [{"bytes": one, "path": None} for one in many]
    table = pa.table({"image": pa.array(cells, kind)})
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, path, row_group_size=40)
    else:
        with pa.ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=40)
    order = [0, 1, 2, 39, 40, 41, 99, 7, 6, 80]
    assert read(*(ImageAt(str(path), "image", n) for n in order)) == [many[n] for n in order]


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": pa.array([b"x", None])}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": pa.array([{"bytes": None, "path": "x.jpg"}], IMAGE)}), tmp_path / "b.parquet")
    places = [
        ImageAt(str(tmp_path / "none.jpg")),
        ImageAt(str(tmp_path)),
        ImageAt(str(tmp_path / "none.tar"), start=0, length=4),
        ImageAt(str(tmp_path / "a.parquet"), "picture", 0),
        ImageAt(str(tmp_path / "a.parquet"), "image", 1),
        ImageAt(str(tmp_path / "a.parquet"), "image", 2),
        ImageAt(str(tmp_path / "b.parquet"), "image", 0),
    ]
    assert [reason(found) for found in read(*places)] == ["file_missing"] * 7


def test_a_cut_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(b"x" * 100)
    whole = io.BytesIO()
    pq.write_table(pa.table({"image": pa.array(PICTURES)}), whole)
    (tmp_path / "a.parquet").write_bytes(whole.getvalue()[:-100])
    places = [ImageAt(str(tmp_path / "a.tar"), start=90, length=20), ImageAt(str(tmp_path / "a.parquet"), "image", 0)]
    assert [reason(found) for found in read(*places)] == ["file_unreadable"] * 2


def test_sizes_are_bounded_before_a_range_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1000)
    places = [
        ImageAt(str(path)),
        ImageAt(str(path), start=0, length=1 << 40),
        ImageAt(str(path), start=0, length=100),
        ImageAt(str(path), start=0, length=0),
    ]
    whole, long, exact, empty = read(*places, max_bytes=100)
    assert [reason(whole), reason(long), reason(empty)] == ["body_too_large", "body_too_large", "empty_body"]
    assert exact == b"x" * 100


class Failing(http.server.BaseHTTPRequestHandler):
    """Answers with the status that the path names, and with half of the body that was announced."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", "10")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(b"x" * 5)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None: ...


def test_a_file_server_that_fails_does_not_say_that_a_file_is_not_there() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Failing) as server:
        threading.Thread(target=server.serve_forever).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        places = [ImageAt(f"{base}/{status}/a.jpg") for status in (200, 404, 403, 500)]
        found = read(*places, ImageAt(f"{base}/500/a.tar", start=0, length=5))
        server.shutdown()
    (down,) = read(ImageAt(f"{base}/200/a.jpg"))
    assert [reason(one) for one in (*found, down)] == [
        "file_unreadable",
        "file_missing",
        "file_unreadable",
        "file_unreadable",
        "file_unreadable",
        "file_unreadable",
    ]


def pull(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    async def go() -> list[dict[str, Any]]:
        engine = Pull().load()
        try:
            done = await engine.process(to_pull(rows))
        finally:
            await engine.close()
        assert done.columns is not None
        return [
            {"reason": reason, "detail": detail, **columns}
            for reason, detail, columns in zip(
                done.verdicts.reason.to_pylist(),
                done.verdicts.detail.to_pylist(),
                done.columns.to_pylist(),
                strict=True,
            )
        ]

    return asyncio.run(go())


def at(path: Path) -> dict[str, Any]:
    return {"path": str(path), "column": None, "start": None, "length": None}


def test_an_image_from_a_file_is_judged_like_any_other_and_its_url_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PICTURES[0])
    (tmp_path / "b.jpg").write_bytes(b"<html>")
    rows = pull([{"url": "http://127.0.0.1:9/", "image_at": at(tmp_path / name)} for name in ("a.jpg", "b.jpg", "c")])
    assert [row["reason"] for row in rows] == [None, "not_an_image", "file_missing"]
    assert (rows[0]["image"], rows[0]["width"], rows[0]["final_url"]) == (PICTURES[0], scene().shape[1], None)


def test_a_row_may_come_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PICTURES[0])
    rows = pull(
        [
            {"image_at": at(tmp_path / "a.jpg"), "input_error": "no comma"},
            {"url": "http://example.org/", "input_error": "HTTP Error 404", "input_reason": "http_gone"},
        ]
    )
    assert [(row["reason"], row["detail"]) for row in rows] == [
        ("invalid_record", "no comma"),
        ("http_gone", "HTTP Error 404"),
    ]


def test_a_list_of_urls_reads_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(PICTURES[0])
    (row,) = pull([{"url": (tmp_path / "a.jpg").as_uri()}])
    assert row["reason"] == "blocked_scheme"
