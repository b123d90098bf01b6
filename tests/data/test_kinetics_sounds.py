"""Kinetics-Sounds: folders name the classes, and the splits where there are any."""

from pathlib import Path

import av
import numpy as np
import pytest

from avlib.data import kinetics_sounds, load, missing
from avlib.errors import AvlibError
from avlib.features import RATE

DRUMS, LAUGH, PEN = "playing drums", "laughing", "tapping pen"
COLOUR = {DRUMS: 0, LAUGH: 1, PEN: 2}
PITCH = {DRUMS: 300.0, LAUGH: 1000.0, PEN: 3000.0}


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    return tmp_path


def film(path: Path, label: str) -> None:
    """A second of one colour and one tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = (0.3 * np.sin(2 * np.pi * PITCH[label] * np.arange(RATE) / RATE)).astype(np.float32)
    with av.open(str(path), "w") as file:
        picture, voice = file.add_stream("mpeg4", rate=8), file.add_stream("aac", rate=RATE)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        for _ in range(8):
            pixels = np.full((64, 64, 3), 20, np.uint8)
            pixels[..., COLOUR[label]] = 230
            file.mux(picture.encode(av.VideoFrame.from_ndarray(pixels)))
        file.mux(picture.encode())
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        file.mux(voice.encode(frame))
        file.mux(voice.encode())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One film of each class, to be linked to under many names."""
    folder = tmp_path_factory.mktemp("films")
    for label in PITCH:
        film(folder / f"{label}.mp4", label)
    return folder


def link(made: Path, path: Path, label: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.hardlink_to(made / f"{label}.mp4")


@pytest.fixture
def kinetics(made, places):
    """Two films a class in each split, as Kinetics is laid out; and a class that is none of Kinetics-Sounds."""
    root = places / "kinetics_sounds"
    for split in ("train", "val", "test"):
        for label, folder in ((DRUMS, "playing_drums"), (LAUGH, "laughing"), (PEN, "tapping pen")):
            for i in range(2):
                link(made, root / split / folder / f"{split}{i}_000010_000020.mp4", label)
        link(made, root / split / "abseiling" / "x.mp4", PEN)
    return root


def test_folders_name_splits_and_classes_and_both_senses_are_read(kinetics):
    data = load("kinetics_sounds", modalities=("audio", "video"), seconds=1.0, fps=4, size=32, window=2)
    assert data.classes == kinetics_sounds.CLASSES
    for split, folder in (("train", "train"), ("valid", "val"), ("eval", "test")):
        part = getattr(data, split)
        assert part.ids[:2] == (
            f"{folder}/laughing/{folder}0_000010_000020.mp4",
            f"{folder}/laughing/{folder}1_000010_000020.mp4",
        )
        assert len(part) == 6
        assert (part.labels.sum(dim=1) == 1).all()
    batch, labels = data.eval.batch(range(6))
    assert batch["video"].shape == (6, 2, 2, 3, 32, 32)
    for i, row in enumerate(labels):
        label = data.classes[row.argmax()]
        assert int(batch["video"][i].mean(dim=(0, 1, 3, 4)).argmax()) == COLOUR[label]
        level = data.normalizer.inverse(batch["audio"][i])[10:30].mean(dim=0)
        assert data.front_end.centres[level.argmax()] == pytest.approx(PITCH[label], rel=0.1)


def test_classes_come_from_the_call_from_a_file_or_are_the_known_ones(kinetics):
    assert len(set(kinetics_sounds.CLASSES)) == 31
    assert kinetics_sounds.source(classes=(PEN, "abseiling")).sizes == {"train": 3, "valid": 3, "eval": 3}
    (kinetics / "classes.txt").write_text("tapping pen\n\nabseiling\nlaughing\n")
    assert kinetics_sounds.source().classes == (PEN, "abseiling", LAUGH)
    (kinetics / "classes.txt").write_text("laughing\nlaughing\n")
    with pytest.raises(AvlibError, match="has 2 names, 1 different"):
        kinetics_sounds.source()


def test_without_folders_of_splits_films_are_dealt_and_stay_where_they_are_dealt(made, places):
    root = places / "kinetics_sounds"
    for i in range(60):
        for label in (DRUMS, LAUGH):
            link(made, root / label / f"{label[:4]}{i}.mp4", label)
    first = kinetics_sounds.source()
    assert sum(first.sizes.values()) == 120
    assert all(
        abs(first.sizes[split] - share * 120) < 20 for split, share in (("train", 0.7), ("valid", 0.1), ("eval", 0.2))
    )

    def of(source):
        return {source.clip(split, i, ()).id: split for split, size in source.sizes.items() for i in range(size)}

    before = of(first)
    link(made, root / PEN / "new.mp4", PEN)
    assert before.items() < of(kinetics_sounds.source()).items()


def test_a_part_of_the_training_validates_where_no_folder_does(kinetics, made):
    for path in sorted((kinetics / "val").rglob("*.mp4")):
        path.unlink()
    for i in range(200):
        link(made, kinetics / "train" / "laughing" / f"more{i}.mp4", LAUGH)
    sizes = kinetics_sounds.source().sizes
    assert sizes["eval"] == 6
    assert 2 <= sizes["valid"] <= 25
    assert sizes["train"] + sizes["valid"] == 206


def test_what_is_missing_is_said_in_one_line(places, made, monkeypatch):
    def refused(**knobs) -> str:
        with pytest.raises(AvlibError) as error:
            load("kinetics_sounds", **knobs)
        assert "\n" not in str(error.value)
        return str(error.value)

    root = places / "kinetics_sounds"
    assert f"no folder of films at {root}" in refused()
    link(made, root / "train" / "abseiling" / "a.mp4", PEN)
    assert (
        "is of one of the 31 classes (blowing nose, blowing out candles, bowling, …): there are abseiling." in refused()
    )
    link(made, root / "train" / PEN / "a.mp4", PEN)
    assert "leaves the valid split empty: add films" in refused()
    assert missing("kinetics_sounds") == refused()
    monkeypatch.delenv("AVLIB_DATA")
    assert "$AVLIB_DATA/kinetics_sounds/<split>/<class>" in refused()
