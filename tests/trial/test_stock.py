"""What nodes train on is put in the storage once and fetched once a node, with every byte looked at."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from moto_server import s3_at_hand
from small_corpora import settings, spoken, write

from raytrain.errors import InputError
from raytrain.files.s3 import RemoteFolder
from raytrain.trial import stock as stock_module
from raytrain.trial.inputs import Inputs, inputs_of
from raytrain.trial.stock import Stock, node_cache, put_in_storage

HOME = "s3://runs/inputs"


@pytest.fixture(scope="module")
def asked() -> Iterator[list[str]]:
    with s3_at_hand("runs") as requests:
        yield requests


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inputs:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("RAYTRAIN_NODE_CACHE", str(tmp_path / "node"))
    return inputs_of(settings(write(tmp_path / "manifest.jsonl", spoken(tmp_path, "abcdef"))))


@pytest.fixture(params=["s3", "folder"])
def stock(asked: list[str], inputs: Inputs, tmp_path: Path, request: pytest.FixtureRequest) -> Stock:
    home = HOME if request.param == "s3" else str(tmp_path / "shared")
    return put_in_storage(home, where=inputs.whereabouts, pretrained=[])


def test_a_node_opens_the_same_corpus_from_its_own_disk(stock: Stock, inputs: Inputs) -> None:
    here = stock.corpora_at_hand(inputs.whereabouts)
    assert all(folder.is_relative_to(node_cache()) for folder in here.corpora.values())
    assert Inputs.opened(here).listing == inputs.listing


def test_what_is_in_the_storage_is_not_sent_again(asked: list[str], inputs: Inputs) -> None:
    first = put_in_storage(HOME, where=inputs.whereabouts, pretrained=[])
    asked.clear()
    assert put_in_storage(HOME, where=inputs.whereabouts, pretrained=[]) == first
    assert not [one for one in asked if one.startswith("PUT")]


def test_a_node_fetches_it_once_however_many_ask_at_once(
    stock: Stock, inputs: Inputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    fetch = stock_module._fetch

    def counted(storage: Any, name: str, folder: Path) -> None:
        fetched.append(name)
        fetch(storage, name, folder)

    monkeypatch.setattr(stock_module, "_fetch", counted)
    with ThreadPoolExecutor(8) as trials:
        found = list(trials.map(lambda _: stock.corpora_at_hand(inputs.whereabouts), range(8)))
    assert fetched == list(stock.folders.values())
    assert all(one == found[0] for one in found)


def test_bytes_that_are_not_those_that_were_put_are_refused_and_nothing_stays(asked: list[str], inputs: Inputs) -> None:
    stock = put_in_storage("s3://runs/garbled", where=inputs.whereabouts, pretrained=[])
    (name,) = stock.folders.values()
    there = RemoteFolder("s3://runs/garbled")
    first = min(json.loads(there.read(f"{name}/contents.json") or b""))
    there.write(f"{name}/{first}", b"other")
    with pytest.raises(InputError, match="its bytes in the storage are not those that were put there"):
        stock.corpora_at_hand(inputs.whereabouts)
    assert [one.name for one in node_cache().iterdir()] == [f"{name}.lock"]
