"""Media of a person's own: replaced in place they run the pages on them, and their neighbours run nothing."""

import os

import pytest

from book.fresh import data_state, stale


@pytest.fixture
def media(copy, tmp_path):
    """The first page, which has loaded a manifest that reaches its media in three ways; those three files."""
    away, here = tmp_path / "away", tmp_path / "own" / "table"
    away.mkdir()
    here.mkdir(parents=True)
    files = [away / "linked.wav", away / "absolute.wav", here.parent / "above.wav"]
    for file in files:
        file.write_bytes(b"sound")
    (here / "link.wav").symlink_to(files[0])
    rows = ["link.wav,train", f"{files[1]},valid", "../above.wav,eval"]
    table = [f"{number},{row.split(',')[0]},a,{row.split(',')[1]}" for number, row in enumerate(rows)]
    (here / "manifest.csv").write_text("clip,media,labels,split\n" + "\n".join(table) + "\n")
    copy.pages = copy.pages[:1]
    manifest = os.path.relpath(here / "manifest.csv", copy.places.notebooks)  # as a cell would say it
    copy.settle(copy.pages[0], {"name": "folder", "manifest": manifest})
    assert copy.stale() == {}
    return files


@pytest.mark.parametrize("which", [0, 1, 2], ids=["behind a link", "absolute", "above"])
def test_media_replaced_in_place_run_their_page(copy, media, which):
    media[which].write_bytes(b"other")  # as long as before
    assert copy.own() == {"01_listening_and_looking": "set 1 changed"}


def test_files_beside_the_media_run_nothing(copy, media):
    for file in media:
        file.with_name("unrelated.wav").write_bytes(b"other")
    assert copy.stale() == {}


def test_a_build_looks_at_a_data_set_once(copy, media, monkeypatch):
    looked = []
    monkeypatch.setattr("book.fresh.key", lambda **call: looked.append(call["name"]) or "key")
    data_state.cache_clear()
    for _ in range(3):
        stale(copy.pages[0], copy.places)
    assert sorted(looked) == ["folder", "synthav"]
