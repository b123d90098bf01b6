"""A user's own media: the table decides, bad clips are listed, mistakes are named."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from avlib import text
from avlib.data import folder, key, listing, load, missing
from avlib.data.media import frames
from avlib.data.source import SPLITS
from avlib.errors import AvlibError
from avlib.files import cache_dir, data_dir

RATE = 16000
PITCH = {"low": 300.0, "high": 3000.0}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "cache"))


def write(path, pitch, seconds=1.0, rate=RATE):
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate), rate)


@pytest.fixture
def table(tmp_path):
    """Twelve tones, the even ones high, and the manifest that lists them."""
    lines = ["clip,media,labels,split"]
    for i in range(12):
        label = "high" if i % 2 == 0 else "low"
        write(tmp_path / f"{i}.{('wav', 'flac')[i % 2]}", PITCH[label], rate=(RATE, 22050)[i // 2 % 2])
        lines.append(f"c{i},{i}.{('wav', 'flac')[i % 2]},{label},{('train', 'valid', 'eval')[max(0, i // 2 - 3)]}")
    path = tmp_path / "manifest.csv"
    path.write_text("\n".join(lines))
    return path


def listed(tmp_path, lines):
    path = tmp_path / "manifest.csv"
    path.write_text(lines)
    return path


def test_clips_labels_and_splits_follow_the_table(table):
    data = load("folder", manifest=table, seconds=1.0)
    assert data.classes == ("high", "low")
    assert data.train.ids == tuple(f"c{i}" for i in range(8))
    assert data.eval.ids == ("c10", "c11")
    batch, labels = data.train.batch(range(8))
    assert batch["audio"].shape == (8, 40, 64)
    assert labels.tolist() == [[1, 0], [0, 1]] * 4
    level = data.normalizer.inverse(batch["audio"])[:, 5:35].mean(dim=1)
    for clip, row in zip(level, labels, strict=True):
        pitch = PITCH["high" if row[0] else "low"]
        assert data.front_end.centres[clip.argmax()] == pytest.approx(pitch, rel=0.1)


def test_paths_are_relative_to_the_table_and_the_default_is_in_avlib_data(table, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    for path in [table, *tmp_path.glob("*.wav"), *tmp_path.glob("*.flac")]:
        path.rename(tmp_path / "folder" / path.name)
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    assert len(load("folder", seconds=1.0).train) == 8


def test_short_clips_end_in_silence_and_long_ones_are_cut(table):
    data = load("folder", manifest=table, seconds=1.5)
    waveform = data.train.media(0).waveform
    assert len(waveform) == 1.5 * RATE
    assert waveform[: RATE - 200].abs().max() > 0.2
    assert waveform[RATE + 200 :].abs().max() == 0
    assert len(load("folder", manifest=table, seconds=0.5).train.media(0).waveform) == RATE / 2


def test_start_and_end(tmp_path):
    rate = RATE
    melody = np.concatenate([np.sin(2 * np.pi * pitch * np.arange(rate) / rate) for pitch in (300, 900, 2700)])
    soundfile.write(tmp_path / "a.wav", 0.3 * melody, rate)
    text = "clip,media,start,end,labels,split\n" + "\n".join(
        f"c{i},a.wav,{i},{i + 1},x,{split}" for i, split in enumerate(("train", "valid", "eval"))
    )
    data = load("folder", manifest=listed(tmp_path, text), seconds=1.0)
    for i, split in enumerate((data.train, data.valid, data.eval)):
        torch.testing.assert_close(
            split.media(0).waveform,
            torch.from_numpy(0.3 * melody[i * rate : (i + 1) * rate]).float(),
            atol=1e-4,
            rtol=0,
        )


def test_a_part_shorter_than_its_clip_ends_in_silence(tmp_path):
    write(tmp_path / "a.wav", 700, 3)
    ends = {"train": 3, "valid": 3, "eval": 1.5}
    lines = ["clip,media,start,end,labels,split", *(f"{s},a.wav,1,{ends[s]},x,{s}" for s in SPLITS)]
    waveform = (
        folder.source(manifest=listed(tmp_path, "\n".join(lines)), seconds=1.0)
        .clip("eval", 0, ("audio",))
        .media.waveform
    )
    assert waveform[: RATE // 2 - 10].abs().max() > 0.2
    assert waveform[RATE // 2 :].abs().max() == 0


@pytest.mark.parametrize(("ends", "seconds"), [((2, 2.5, 1.5), 1.5), ((2, "", 1.5), 10.0)])
def test_clips_last_no_longer_than_the_longest_part_where_every_part_has_an_end(ends, seconds, tmp_path):
    write(tmp_path / "a.wav", 700, 3)
    rows = [f"{split},a.wav,1,{end},x,{split}" for split, end in zip(SPLITS, ends, strict=True)]
    source = folder.source(manifest=listed(tmp_path, "\n".join(["clip,media,start,end,labels,split", *rows])))
    assert len(source.clip("eval", 0, ("audio",)).media.waveform) == seconds * RATE


def test_undeclared_split_is_dealt_by_file_the_same_every_time(tmp_path):
    lines = ["clip,media,labels,start,end"]
    for i in range(20):
        write(tmp_path / f"f{i}.wav", 300 + 100 * i)
        lines += [f"f{i}-a,f{i}.wav,x,0,0.5", f'f{i}-b,f{i}.wav,"xy, with a comma; z",0.5,1']
    path = listed(tmp_path, "\n".join(lines))
    data = load("folder", manifest=path, seconds=0.5)
    assert [len(split) for split in (data.train, data.valid, data.eval)] == [28, 4, 8]
    files = [{name.split("-")[0] for name in split.ids} for split in (data.train, data.valid, data.eval)]
    assert len(set.union(*files)) == sum(map(len, files)) == 20
    path.write_text("\n".join([lines[0], *reversed(lines[1:])]))
    assert set(load("folder", manifest=path, seconds=0.5).eval.ids) == set(data.eval.ids)
    assert data.classes == ("x", "xy, with a comma", "z")
    expected = [[1.0, 0, 0] if name.endswith("-a") else [0, 1, 1] for name in data.train.ids]
    assert data.train.labels.tolist() == expected


DEALT = """
import sys
from avlib.data import folder
source = folder.source(manifest=sys.argv[1])
print([(split, source.clip(split, i, ()).id) for split, size in source.sizes.items() for i in range(size)])
"""


def test_files_of_one_name_in_many_folders_are_dealt_alike_by_every_process(tmp_path):
    path = listed(tmp_path, "\n".join(["clip,media,labels", *(f"c{i},{i}/take.wav,x" for i in range(12))]))
    source = folder.source(manifest=path)
    here = [(split, source.clip(split, i, ()).id) for split, size in source.sizes.items() for i in range(size)]
    run = subprocess.run(
        [sys.executable, "-c", DEALT, path],
        env={**os.environ, "PYTHONHASHSEED": "271828"},
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == str(here), run.stderr


def dealt(path: Path, media: list[str]) -> list[set[str]]:
    """Clips of each split, for a table of `media`; clip i belongs to file i."""
    path.write_text("\n".join(["clip,media,labels", *(f'c{i},"{name}",x' for i, name in enumerate(media))]))
    source = folder.source(manifest=path)
    lines = source.clip.args[0]
    return [{line.clip for line in lines[split]} for split in SPLITS]


def test_dealing_follows_the_folder_and_not_where_it_lies_or_how_a_path_is_spelt(tmp_path):
    here, there = tmp_path / "here" / "tables", tmp_path / "there" / "deep" / "tables"
    for place in (here, there):
        place.mkdir(parents=True)
    names = [*(f"{i}/take.wav" for i in range(10)), *(f"../media/{i}.wav" for i in range(10))]
    first = dealt(here / "a.csv", names)
    assert [len(clips) for clips in first] == [14, 2, 4]
    assert dealt(there / "b.csv", names) == first
    spelt = [f"./{name}" if i % 2 else str(here / name) for i, name in enumerate(names[:10])]
    assert dealt(here / "a.csv", [*spelt, *names[10:]]) == first
    outside = [f"/somewhere/{i}/take.wav" for i in range(20)]
    assert dealt(here / "a.csv", outside) == dealt(there / "a.csv", outside)


def test_a_recording_under_two_spellings_stays_in_one_split(tmp_path):
    names = [spelling for i in range(20) for spelling in (f"{i}.wav", f"./{i}.wav", str(tmp_path / f"x/../{i}.wav"))]
    for clips in dealt(tmp_path / "manifest.csv", names):
        assert len(clips) == 3 * len({int(clip[1:]) // 3 for clip in clips})


def test_bad_media_are_listed_and_never_stop_the_rest(table, tmp_path, capsys):
    (tmp_path / "0.wav").unlink()
    (tmp_path / "2.wav").write_bytes((tmp_path / "2.wav").read_bytes()[:4000])
    soundfile.write(tmp_path / "4.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "1.flac", np.zeros(0), RATE)
    soundfile.write(tmp_path / "8.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    data = load("folder", manifest=table, seconds=1.0)
    assert dict(data.ledger).keys() == {"c0", "c2", "c4", "c1", "c8"}
    assert dict(data.ledger)["c0"] == "file missing"
    assert data.train.ids == ("c3", "c5", "c6", "c7")
    assert data.train.media(2).waveform.shape == (RATE,)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "5 of 12 clips are left out" in said
    (ledger,) = (cache_dir() / "data").glob("*.ledger.csv")
    assert "c0,file missing" in ledger.read_text().splitlines()


def test_a_mended_file_is_read_again(table, tmp_path):
    whole = (tmp_path / "0.wav").read_bytes()
    (tmp_path / "0.wav").unlink()
    assert len(load("folder", manifest=table, seconds=1.0).train) == 7
    (tmp_path / "0.wav").write_bytes(whole)
    mended = load("folder", manifest=table, seconds=1.0)
    assert len(mended.train) == 8
    write(tmp_path / "0.wav", 700)
    assert len((tmp_path / "0.wav").read_bytes()) == len(whole)
    assert load("folder", manifest=table, seconds=1.0).checksum != mended.checksum


def test_label_outside_the_class_list_names_clip_label_and_nearest(table):
    with pytest.raises(AvlibError) as error:
        load("folder", manifest=table, classes=("highest", "low"))
    assert "'c0'" in str(error.value)
    assert "'high'" in str(error.value)
    assert "nearest: 'highest'" in str(error.value)
    assert load("folder", manifest=table, classes=("low", "mid", "high"), seconds=1.0).train.labels[0].tolist() == [
        0,
        0,
        1,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,labels\na,x", "lacks the column 'media'"),
        ("clip,media,labels\n", "has no row"),
        ("", "has no row"),
        ('clip,media,labels\na,"f.wav,x', "not a CSV table in UTF-8: unexpected end of data"),
        ("clip,media\na,f.wav", "lacks the column 'labels'"),
        ("clip,media,labels,media\na,f.wav,x,g.wav", "has the column 'media' 2 times"),
        ("clip,media,labels, labels\na,f.wav,x,y", "has the column 'labels' 2 times"),
        ("clip,media,labels\n,f.wav,x", "has no row: .*; line 2 no clip id"),
        ("clip,media,labels\na,f.wav,x\na,g.wav,x", "clip 'a' more than once"),
        ("clip,media,labels\na,f.wav,", "has no label at all"),
        ("clip,media,labels,split\na,f.wav,x,test", "split='test': choose one of train, valid, eval"),
        ("clip,media,labels,split\na,f.wav,x,train", "leaves the valid split empty"),
        ("clip,media,labels,start\na,f.wav,x,soon", "start='soon'"),
        ("clip,media,labels,start,end\na,f.wav,x,3,2", "end='2': need seconds, 0 ≤ start < end"),
        ("clip,media,labels,start\na,f.wav,x,-1", "start='-1'"),
    ],
)
def test_mistakes_in_the_table_are_one_line(tmp_path, text, message):
    with pytest.raises(AvlibError, match=message) as error:
        load("folder", manifest=listed(tmp_path, text))
    assert "\n" not in str(error.value)


def test_odd_rows_are_listed_and_never_stop_the_rest(table, tmp_path):
    table.write_text(
        table.read_text().replace("clip,media,labels", " clip , media,labels ").replace("c0,0.wav,", "c0 , 0.wav ,")
        + "\n" + "\n".join([
            "clip,media,labels,split", ",1.flac,low,train", "short,1.flac", "long,1.flac,low,train,more", "",
            f"far,{'x' * 5000}.wav,low,train", "nul,a\0b.wav,low,train", "nowhere,,low,train",
        ])
    )  # fmt: skip
    data = load("folder", manifest=table, seconds=1.0)
    assert data.train.ids == tuple(f"c{i}" for i in range(8))
    ledger = dict(data.ledger)
    assert ledger.pop("far").startswith("unreadable: ")
    assert ledger == {
        "line 14": "repeats the header",
        "line 15": "no clip id",
        "line 16": "has 2 cells, and the header 4",
        "line 17": "has 5 cells, and the header 4",
        "nul": "file missing",
        "nowhere": "file missing",
    }


def test_faults_of_a_file_have_reasons_of_their_own(table, tmp_path):
    tone = 0.3 * np.sin(np.arange(RATE) / 3)
    (tmp_path / "1.flac").write_bytes((tmp_path / "1.flac").read_bytes()[:5000])
    soundfile.write(tmp_path / "2.wav", 32768 * tone, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "4.wav", np.stack([tone, -tone], axis=1), RATE)
    told = dict(load("folder", manifest=table, seconds=1.0).ledger)
    assert told.keys() == {"c1", "c2", "c4"}
    for clip, reason in {"c1": "truncated", "c2": "beyond full scale", "c4": "antiphase"}.items():
        assert told[clip].startswith(reason)


def test_names_are_kept_as_they_are_and_control_characters_shown(table):
    odd = ["<script>alert(1)</script>", "![x](y.png)", r"$\frac{$", "a\0b"]
    table.write_text("".join(["clip,media,labels,split\n", *(
        f"{odd[i % 4]} {i},{i}.{('wav', 'flac')[i % 2]},{odd[i % 4]},{('train', 'valid', 'eval')[max(0, i // 2 - 3)]}\n"
        for i in range(12)
    )]))  # fmt: skip
    data = load("folder", manifest=table, seconds=1.0)
    assert set(data.classes) == {*odd[:3], "a␀b"}
    assert text.markdown(f"**{odd[1]}** and {odd[1]} 1") == "**&#33;&#91;x&#93;(y.png)** and &#33;&#91;x&#93;(y.png) 1"
    assert data.train.ids[:4] == (*(f"{name} {i}" for i, name in enumerate(odd[:3])), "a␀b 3")


def test_the_key_follows_the_media_wherever_they_lie(tmp_path, monkeypatch):
    """Behind a link to a file or to a folder, at an absolute path, above the table; and nothing else."""
    away, here = tmp_path / "away", tmp_path / "data" / "folder"
    (away / "takes").mkdir(parents=True)
    here.mkdir(parents=True)
    files = [away / "linked.wav", away / "takes" / "in.wav", away / "absolute.wav", here.parent / "above.wav"]
    for file in files:
        write(file, 300)
    (here / "link.wav").symlink_to(files[0])
    (here / "takes").symlink_to(away / "takes")
    media = ["link.wav", "takes/in.wav", str(files[2]), "../above.wav"]
    lines = [f"c{i},{name},x,{split}" for i, (name, split) in enumerate(zip(media, [*SPLITS, "eval"], strict=True))]
    (here / "manifest.csv").write_text("\n".join(["clip,media,labels,split", *lines]))
    monkeypatch.setenv("AVLIB_DATA", str(here.parent))
    before = key("folder")
    for place in (here, here.parent, away, away / "takes"):
        write(place / "unrelated.wav", 300)
    assert key("folder") == before
    for file in files:
        before, old = key("folder"), file.stat()
        file.write_bytes(file.read_bytes()[::-1])
        assert key("folder") != before, file
        os.utime(file, ns=(old.st_atime_ns, old.st_mtime_ns))
        before, other = key("folder"), file.with_name("other.wav")
        write(other, 700)  # of the same length and time, as takes are that come out of one archive
        os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
        os.replace(other, file)
        assert key("folder") != before, file
    before = key("folder")
    files[0].unlink()
    assert key("folder") != before


def test_missing_manifest_says_where_it_belongs(tmp_path, monkeypatch):
    with pytest.raises(AvlibError, match="no manifest at"):
        load("folder", manifest=tmp_path / "none.csv")
    monkeypatch.delenv("AVLIB_DATA", raising=False)
    with pytest.raises(AvlibError, match="set AVLIB_DATA"):
        load("folder")


def test_nothing_readable_is_an_error_that_gives_the_first_reason(tmp_path):
    text = "clip,media,labels,split\n" + "\n".join(f"{s},{s}.wav,x,{s}" for s in ("train", "valid", "eval"))
    with pytest.raises(AvlibError, match=r"no readable clip in the train split; 3 could not be read, .*file missing"):
        load("folder", manifest=listed(tmp_path, text))


@pytest.mark.skipif(
    data_dir() is None or not (data_dir() / "media" / "nasa_13013.mp4").is_file(),
    reason="no real film: set AVLIB_DATA to a folder that holds media/nasa_13013.mp4",
)
def test_real_film_with_sound_and_frames(tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'avlib[media]'")
    film = data_dir() / "media" / "nasa_13013.mp4"
    write(tmp_path / "a.wav", 500, 3)
    rows = [f"{split},{film},{3 * i},{3 * i + 2},x,{split}" for i, split in enumerate(("train", "valid", "eval"))]
    path = listed(tmp_path, "\n".join(["clip,media,start,end,labels,split", *rows, "sound,a.wav,0,3,x,eval"]))
    both = load("folder", manifest=path, seconds=3.0, size=16, modalities=("audio", "video"))
    assert both.train.batch([0])[0]["video"].shape == (1, 3, 4, 3, 16, 16)
    assert both.ledger == (("sound", "no video track"),)
    for i, split in enumerate((both.train, both.valid, both.eval)):
        shown = frames(film, 4.0, 16, start=3.0 * i, end=3.0 * i + 2)
        assert torch.equal(split.media(0).frames, torch.cat([shown, shown[-1:].expand(4, -1, -1, -1)]))
    heard = load("folder", manifest=path, seconds=3.0, size=16)
    assert heard.eval.media(1).frames.numel() == 0
    assert len(heard.eval.media(0).frames) == 12


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        ("tttv ee", "has 3 clips for train, and a chapter needs at least 4"),
        ("ttttve", "has 1 clips for eval, and a chapter needs at least 2"),
        ("ttttvee", "no class is in some clips of eval and not in all"),
    ],
)
def test_a_table_that_is_too_small_for_a_chapter_is_refused_before_any_file_is_opened(splits, told, tmp_path):
    names = {"t": "train", "v": "valid", "e": "eval"}
    rows = [f"c{i},none.wav,hum,{names[letter]}" for i, letter in enumerate(splits.replace(" ", ""))]
    path = listed(tmp_path, "\n".join(["clip,media,labels,split", *rows]))
    assert told in folder.source(manifest=path).lacks([])


def test_the_least_table_is_enough_and_one_that_is_refused_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    (tmp_path / "folder").mkdir()
    rows = [
        f"c{i},none.wav,{'hum' if i % 2 else ''},{split}"
        for i, split in enumerate(["train"] * 4 + ["valid", "eval", "eval"])
    ]
    listed(tmp_path / "folder", "\n".join(["clip,media,labels,split", *rows]))
    assert missing("folder") is None
    listed(tmp_path / "folder", "\n".join(["clip,media,labels,split", *rows[1:]]))
    assert "has 3 clips for train" in missing("folder")


def test_what_has_no_pictures_lacks_video_and_a_few_files_tell(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path))
    (tmp_path / "folder").mkdir()
    splits = ["train"] * 200 + ["valid", "eval", "eval"]
    rows = [f"c{i},{i}.{'wav' if i % 2 else 'mp4'},{'hum' if i % 2 else ''},{s}" for i, s in enumerate(splits)]
    listed(tmp_path / "folder", "\n".join(["clip,media,labels,split", *rows]))
    looked, seen = [], {"train", "valid", "eval"}

    def carries(path, modality):
        looked.append((splits[int(path.stem)], modality))
        return looked[-1][0] in seen

    monkeypatch.setattr(listing, "carries", carries)
    assert missing("folder") is None
    assert not looked  # nobody asked
    assert missing("folder", ["video"]) is None
    assert looked == [(split, "video") for split in SPLITS]  # the first of each says yes
    for split in SPLITS:
        seen = {*SPLITS} - {split}
        assert missing("folder", ["video"]).startswith("video is needed, and there is none in the ")
        assert f"files of the {split} split of {tmp_path}" in missing("folder", ["video"])
    looked.clear()
    seen = set()
    assert "none in the 50 files of the train split" in missing("folder", ["video"])
    assert len(looked) == 50 <= listing.LOOKED
