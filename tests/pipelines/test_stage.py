"""What of a spec is fingerprinted."""

from pathlib import Path
from typing import Annotated

import pytest
from pydantic.dataclasses import dataclass

from pipelines.stage import MODEL_FILE, SPEC, Operational, lacks_files, semantic_fields


@dataclass(frozen=True, kw_only=True, config=SPEC)
class Modelled:
    weights: Annotated[str | None, MODEL_FILE] = None
    device: Operational[str] = "cpu"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    (made / "onnx").mkdir(parents=True)
    (made / "config.json").write_text("{}")
    (made / "onnx/model.onnx").write_bytes(b"weights")
    return made


def weights(path: Path) -> str:
    found: str = semantic_fields(Modelled(weights=str(path)))["weights"]
    return found


def test_a_model_is_what_its_files_hold_and_not_where_they_lie(folder: Path, tmp_path: Path) -> None:
    before = weights(folder)
    folder.rename(tmp_path / "elsewhere")
    assert weights(tmp_path / "elsewhere") == before


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_every_change_within_a_models_folder_is_another_model(folder: Path, change: str) -> None:
    before = weights(folder)
    if change == "content":
        (folder / "onnx/model.onnx").write_bytes(b"other weights")
    elif change == "name":
        (folder / "onnx").rename(folder / "onyx")
    else:
        (folder / "onnx/more").touch()
    assert weights(folder) != before


def test_a_models_card_is_no_part_of_it(folder: Path) -> None:
    before = weights(folder)
    (folder / "README.md").write_text("a card")
    assert weights(folder) == before


def test_a_file_is_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    (tmp_path / "c").write_bytes(b"other")
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


def test_how_it_runs_is_left_out_and_what_is_gone_is_noticed(tmp_path: Path) -> None:
    assert semantic_fields(Modelled(device="cuda")) == {"weights": None}
    assert lacks_files(Modelled(weights=str(tmp_path / "gone")))
    assert not lacks_files(Modelled())
