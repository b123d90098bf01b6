"""A reader's own media, on the whole path: every chapter is executed and published, whatever the folder holds."""

import re
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from avlib.files import CHECKOUT
from book.build import main
from book.places import Places

RATE, SECONDS = 16000, 1.0
PITCH = {"hum": 120.0, "beep": 700.0, "whistle": 1800.0}


def _sound(labels: list[str], draw: np.random.Generator) -> np.ndarray:
    time = np.arange(int(SECONDS * RATE)) / RATE
    tones = [np.sin(2 * np.pi * PITCH.get(label, 3000.0) * draw.normal(1, 0.02) * time) for label in labels]
    return (0.2 * sum(tones) + 0.02 * draw.normal(size=len(time))).astype(np.float32)


def _film(path: Path, sound: np.ndarray, labels: list[str]) -> None:
    with av.open(str(path), "w") as file:
        picture, voice = file.add_stream("mpeg4", rate=10), file.add_stream("aac", rate=RATE)
        picture.width = picture.height = 64
        picture.pix_fmt = "yuv420p"
        for number in range(int(SECONDS * 10)):
            pixels = np.full((64, 64, 3), 30, np.uint8)
            for place, name in enumerate(PITCH):
                if name in labels:
                    pixels[8 + 16 * place : 20 + 16 * place, 3 * number % 50 :][:, :12, place] = 220
            file.mux(picture.encode(av.VideoFrame.from_ndarray(pixels)))
        file.mux(picture.encode())
        frame = av.AudioFrame.from_ndarray(sound[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        file.mux(voice.encode(frame))
        file.mux(voice.encode())


def _folder(root: Path, clips: int, filmed: bool) -> None:
    """`clips` media and the table of them; one label is carried by a single clip of eval, one by none."""
    draw, rows = np.random.default_rng(0), ["clip,media,labels,start,end,split"]
    (root / "folder").mkdir(parents=True)
    for number in range(clips):
        split = "train" if number < 0.6 * clips else "valid" if number < 0.7 * clips else "eval"
        labels = [name for name in PITCH if draw.random() < 0.45] or ["hum"]
        labels += ["rare"] if number in (0, clips - 1) else ["never scored"] if number == 1 else []
        name, sound = f"{number}.{'mp4' if filmed else 'wav'}", _sound(labels, draw)
        if filmed:
            _film(root / "folder" / name, sound, labels)
        else:
            soundfile.write(root / "folder" / name, sound, RATE)
        rows.append(f"c{number},{name},{';'.join(labels)},0,{SECONDS},{split}")
    (root / "folder" / "manifest.csv").write_text("\n".join(rows))


@pytest.fixture
def places(tmp_path, monkeypatch) -> Places:
    """This checkout with a build folder and media of its own; the cache is shared, as a reader's data sets share it."""
    root = tmp_path / "checkout"
    root.mkdir()
    for name in ("avlib", "book", "notebooks", "data", "_config.yml", "constraints.txt"):
        (root / name).symlink_to(CHECKOUT / name)
    for name in ("AVLIB_OUT", "AVLIB_VARIANT", "AVLIB_INPUTS"):  # a worker sets them; to be gone after the test
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path / "media"))
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    return Places(root)


SEEN = [  # need pictures
    "02b_first_eye", "07_where_senses_meet", "10_two_senses", "12_mixing_as_defence", "13_when_the_eye_dominates",
]  # fmt: skip
SOUNDS = [
    "01_listening_and_looking", "02_models_that_tag", "03_breaking_a_model", "04_one_noise", "05_trust_the_attack",
    "06_which_frequencies", "08_which_architecture", "09_class_by_class", "11_dense_and_convex",
    "14_what_holds",
]  # fmt: skip


@pytest.mark.parametrize(
    ("clips", "filmed", "only", "pages"),
    [(10, False, "", SOUNDS), (24, True, "01 02b 07 10 12 13", ["01_listening_and_looking", *SEEN])],
    ids=["ten sounds", "films"],
)
def test_every_chapter_runs_on_a_folder_of_media(clips, filmed, only, pages, places, tmp_path, capsys):
    _folder(tmp_path / "media", clips, filmed)
    short = "steps=5 passes=2"  # what an attack finds on so few clips is nothing; that it runs and is told is all
    asked = ["--dataset", "folder", "--only", only, "--params", short]
    failed = main(["--profile", "smoke", "--jobs", "1", *asked], places)
    assert not failed, capsys.readouterr().err
    records = {path.name.partition("@folder")[0] for path in places.build.glob("results/smoke/*@folder*.json")}
    assert records == set(pages)
    for page in pages:
        html = (places.html / "notebooks" / f"{page}.html").read_text()
        seen = re.sub(r"(?s)<pre>.*?</pre>|<script.*?</script>|<[^>]*>", " ", html)
        shown = [seen[max(0, found.start() - 60) : found.end()] for found in re.finditer(r"\bnan\b", seen)]
        assert not shown, f"{page} shows what is no number, and no reason"
