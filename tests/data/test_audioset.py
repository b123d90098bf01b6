"""AudioSet: the published lists decide, and a file is found by the id in its name."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avlib.data import audioset, load, missing
from avlib.errors import AvlibError
from avlib.features import RATE
from avlib.files import data_dir

LABELS = 'index,mid,display_name\n0,/m/a,"Speech"\n1,/m/b,"Male speech, man speaking"\n2,/m/c,"Siren"\n'
HEAD = "# Segments csv created\n# num_ytids=…\n# YTID, start_seconds, end_seconds, positive_labels\n"
TRAIN = [f"-train{i:05d}" for i in range(12)]
EVAL = [f"_eval-{i:05d}" for i in range(6)]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))


def tone(path: Path, pitch: float, seconds: float = 1.0, start: float = 0.0) -> None:
    """A tone of `pitch` from `start` on; before it, and behind its second, another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * RATE)) / RATE
    own = (time >= start) & (time < start + 1)
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * np.where(own, pitch, 5000.0) * time), RATE)


def segments(path: Path, ids: list[str]) -> None:
    rows = [f'{clip}, 3.000, 4.000, "{("/m/a,/m/b", "/m/c")[i % 2]}"' for i, clip in enumerate(ids)]
    path.write_text(HEAD + "\n".join(rows) + "\n")


@pytest.fixture
def lists(tmp_path):
    root = tmp_path / "audioset"
    root.mkdir()
    (root / "class_labels_indices.csv").write_text(LABELS)
    segments(root / "balanced_train_segments.csv", TRAIN)
    segments(root / "eval_segments.csv", EVAL)
    return root


def name(clip: str, i: int) -> str:
    return (f"{clip}.wav", f"Y{clip}.wav", f"deep/er/{clip}_3.000.wav", f"{clip}_3000_4000.flac")[i % 4]


@pytest.fixture
def media(lists):
    for i, clip in enumerate(TRAIN + EVAL):
        tone(lists / "media" / name(clip, i), 300 if i % 2 else 2000)
    tone(lists / "media" / "nobody.wav", 300)
    return lists / "media"


@pytest.fixture(autouse=True)
def half_validates(monkeypatch):
    monkeypatch.setattr(audioset, "VALID", 0.3)  # of twelve segments one in twenty may be none


def test_the_lists_decide_labels_and_splits_and_names_find_the_files(media):
    data = load("audioset", seconds=1.0)
    assert data.classes == ("Speech", "Male speech, man speaking", "Siren")
    assert data.implications == ()
    assert sorted(data.train.ids + data.valid.ids) == TRAIN
    assert data.eval.ids == tuple(EVAL)
    assert data.eval.labels.tolist() == [[1, 1, 0], [0, 0, 1]] * 3
    assert data.ledger == ()
    level = data.normalizer.inverse(data.eval.batch(range(6))[0]["audio"])[:, 5:35].mean(dim=1)
    pitches = [data.front_end.centres[clip.argmax()] for clip in level]
    assert pitches == [pytest.approx(pitch, rel=0.1) for pitch in (2000, 300) * 3]


def test_a_file_is_the_segment_or_the_whole_video_and_nothing_between(media):
    whole, odd = media / name(EVAL[0], 12), media / name(EVAL[1], 13)
    tone(whole, 700, seconds=9.0, start=3.0)
    tone(odd, 700, seconds=3.0)
    data = load("audioset", seconds=1.0)
    level = data.normalizer.inverse(data.eval.batch([0])[0]["audio"])[0, 5:35].mean(dim=0)
    assert data.front_end.centres[level.argmax()] == pytest.approx(700, rel=0.1)
    assert EVAL[1] not in data.eval.ids
    assert data.ledger == (
        (EVAL[1], "lasts 3.00 s: neither the part of 1.00 s nor a recording that reaches 4.00 s"),
    )  # fmt: skip


def test_segments_without_media_are_in_the_ledger_and_classes_can_be_chosen(media, capsys):
    (media / name(EVAL[2], 14)).unlink()
    data = load("audioset", seconds=1.0, classes=("Siren", "Speech"))
    assert data.ledger == ((EVAL[2], f"no media in {media}"),)
    assert "1 of 18 clips are left out" in capsys.readouterr().err
    assert data.eval.labels.tolist() == [[0, 1], [1, 0], [1, 0], [0, 1], [1, 0]]
    only = load("audioset", seconds=1.0, classes=("Siren",))
    assert len(only.eval) == 3
    assert not only.ledger


def test_a_film_is_read_before_a_sound_of_its_id(media):
    made = audioset.source()
    assert made.clip("eval", 0, ()).media.waveform.shape == (10 * RATE,)
    (media / "zz").mkdir()
    (media / "zz" / f"{EVAL[0]}.mp4").write_bytes(b"a film")
    (media / f"{EVAL[0]}.ogg").write_bytes(b"a sound")
    found = audioset._files(media, set(EVAL))
    assert found[EVAL[0]] == media / "zz" / f"{EVAL[0]}.mp4"
    assert len(found) == len(EVAL)


def test_the_large_list_is_read_where_it_is_asked_for(media, lists):
    other = [f"unbal-{i:05d}" for i in range(4)]
    segments(lists / "unbalanced_train_segments.csv", other)
    for clip in other:
        tone(media / f"{clip}.wav", 300)
    sizes = [audioset.source(unbalanced=asked).sizes for asked in (False, True)]
    assert [size["train"] + size["valid"] for size in sizes] == [12, 16]
    assert sizes[0]["eval"] == sizes[1]["eval"] == 6


def refused(**knobs) -> str:
    with pytest.raises(AvlibError) as error:
        load("audioset", **knobs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_missing_or_malformed_is_said_in_one_line(lists, tmp_path, monkeypatch):
    assert f"no folder of media at {lists / 'media'}" in refused()
    tone(lists / "media" / "nobody.wav", 300)
    assert "belongs to any of the 18 segments" in refused()
    assert f"such as {TRAIN[0]}.wav" in refused()
    assert "no class 'Sirens'" in refused(classes=("Sirens",))
    segments(lists / "eval_segments.csv", [])
    (lists / "eval_segments.csv").write_text(HEAD + 'abc, 3.0, 4.0, "/m/z"\n')
    assert "has the row 'abc, 3.0, 4.0, /m/z'" in refused()
    (lists / "class_labels_indices.csv").write_text("a,b\n")
    assert "begins with 'a,b'" in refused()
    (lists / "class_labels_indices.csv").unlink()
    assert "class_labels_indices.csv is missing: get it from https://" in refused()
    monkeypatch.delenv("AVLIB_DATA")
    assert "AVLIB_DATA/audioset/media" in refused()
    assert missing("audioset") == refused()


def test_few_files_are_too_few_for_a_chapter(lists):
    for i, clip in enumerate([*TRAIN, EVAL[0]]):
        tone(lists / "media" / name(clip, i), 300)
    assert "1 clips for eval, and a chapter needs at least 2: add media of more segments" in missing("audioset")


def test_the_published_lists(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "cache"))
    root = (data_dir() or Path("/nowhere")) / "audioset"
    if not (root / audioset.EVAL).exists():
        pytest.skip("the lists of AudioSet are not there: set AVLIB_DATA to a folder that holds audioset/")
    rows = {}
    for list_ in (audioset.BALANCED, audioset.EVAL):
        with (root / list_).open(newline="") as file:
            kept = [row for row in csv.reader(file, skipinitialspace=True) if not row[0].startswith("#")]
        rows[list_] = kept[:: len(kept) // 60]
        for i, (clip, *_) in enumerate(rows[list_]):
            tone(tmp_path / "media" / name(clip, i), 300 + 10 * i, seconds=2.0)
    data = load("audioset", media=tmp_path / "media", seconds=2.0)
    assert len(data.classes) == 527
    assert (data.classes[0], data.classes[526]) == ("Speech", "Field recording")
    assert data.eval.ids == tuple(row[0] for row in rows[audioset.EVAL])
    assert sorted(data.train.ids + data.valid.ids) == sorted(row[0] for row in rows[audioset.BALANCED])
    assert data.eval.labels.sum(dim=1).tolist() == [len(row[3].split(",")) for row in rows[audioset.EVAL]]
    assert len(data.ledger) == 22160 + 20371 - len(data.train) - len(data.valid) - len(data.eval)
