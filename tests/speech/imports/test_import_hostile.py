"""Sources damaged anywhere are imported as far as they go, or refused in one line; nothing hangs or crashes."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import datasets
import pyarrow as pa
import pytest
from hostile_files import damaged
from import_sources import SOURCES, clips, common_voice, imported, parquet, with_bytes, written

from raytrain.errors import InputError

MADE = clips(4)
datasets.disable_progress_bars()


def refusals(form: Callable[..., Path], folder: Path, *, seeds: range) -> list[str]:
    """What was said of copies that were damaged in ways that these seeds draw; whatever else is raised, raises."""
    said = []
    for seed in seeds:
        source = form(folder / str(seed) / "source", MADE)
        damaged(source if source.is_dir() else source.parent, random.Random(seed))
        try:
            imported(source, folder / str(seed) / "my", share=1.0)
        except InputError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize("form", SOURCES.values(), ids=SOURCES)
def test_a_damaged_source_is_read_or_refused_in_one_line(form: Callable[..., Path], tmp_path: Path) -> None:
    said = refusals(form, tmp_path, seeds=range(8))
    assert [line for line in said if "\n" in line or len(line) > 3_000] == []


@pytest.mark.soak
@pytest.mark.parametrize("form", SOURCES.values(), ids=SOURCES)
def test_a_source_damaged_in_250_ways_is_read_or_refused(form: Callable[..., Path], tmp_path: Path) -> None:
    said = refusals(form, tmp_path, seeds=range(1_000, 1_250))
    assert said
    assert [line for line in said if "\n" in line] == []


def test_offsets_that_point_anywhere_are_refused_before_they_are_followed(tmp_path: Path) -> None:
    """A mapped Arrow file is taken at its word: reading it would end the process."""
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as file:
        whole = with_bytes(MADE).data.table.combine_chunks()
        with pa.ipc.new_stream(file, whole.schema) as writer:
            writer.write_table(whole)
    raw = (tmp_path / "a.arrow").read_bytes()
    sizes = [0]
    for value in whole["sentence"].to_pylist():
        sizes.append(sizes[-1] + len(value.encode()))
    offsets = b"".join(size.to_bytes(4, "little") for size in sizes)
    assert raw.count(offsets) == 1
    (tmp_path / "a.arrow").write_bytes(raw.replace(offsets, offsets[:-4] + b"\xff\xff\xff\x7f"))
    with pytest.raises(InputError, match=r"a\.arrow: cannot be read as Arrow: "):
        imported(tmp_path / "a.arrow", tmp_path / "my")


def test_a_pipe_in_the_place_of_a_table_is_not_waited_for(tmp_path: Path) -> None:
    folder = common_voice(tmp_path / "de", MADE)
    (folder / "validated.tsv").unlink()
    os.mkfifo(folder / "validated.tsv")
    with pytest.raises(InputError, match="a pipe or a device, in the place of a file"):
        imported(folder, tmp_path / "my")


def test_half_a_letter_is_listed_and_left_out(tmp_path: Path) -> None:
    (written_clip,) = written(tmp_path, MADE[:1])
    rows = [{"path": written_clip.name, "text": text, "speaker": "c"} for text in ("hi", "\ud800")]
    (tmp_path / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (problem,) = imported(tmp_path / "list.jsonl", tmp_path / "my", share=0.5).problems
    assert (problem.line, str(problem.kind)) == (2, "bad_utf8")


def test_what_others_left_in_its_place_is_named(tmp_path: Path) -> None:
    source = parquet(tmp_path / "source", MADE)
    imported(source, tmp_path / "my")
    (tmp_path / "my" / ".import" / "000000.json").write_text("{")
    with pytest.raises(InputError, match=r"000000\.json: not JSON .*; remove the folder, and import anew"):
        imported(source, tmp_path / "my")
    (tmp_path / "my" / "import.json").write_text("[]")
    with pytest.raises(InputError, match=r"import\.json: .*; remove the folder, and import anew"):
        imported(source, tmp_path / "my")
