"""Each modality of a clip is the same to the bit whether it is made alone or with the others, in every data set."""

import numpy as np
import pytest
import soundfile
import torch

from avlib.data import avdigits, folder, synthav
from avlib.data.modality import MODALITIES
from avlib.data.source import SPLITS
from avlib.data.store import stored
from tests.data.test_media import film


def generated(path, monkeypatch):
    return synthav.source(clips=(3, 2, 2))


def digits(path, monkeypatch):
    """Tones in place of the recordings."""
    recordings = path / "fsdd" / "recordings"
    recordings.mkdir(parents=True)
    for name in sum(avdigits.SPEAKERS.values(), ()):
        for digit in range(10):
            tone = np.sin(2 * np.pi * (300 + 300 * digit) * np.arange(3200) / 8000)
            soundfile.write(recordings / f"{digit}_{name}_0.wav", 0.2 * tone, 8000)
    monkeypatch.setenv("AVLIB_DATA", str(path))
    return avdigits.source(clips=(3, 2, 2))


def films(path, monkeypatch):
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'avlib[media]'")
    lines = ["clip,media,labels,split"]
    for i, split in enumerate(("train", "train", "valid", "eval")):
        film(path / f"{i}.mp4")
        lines.append(f"c{i},{i}.mp4,{'xy'[i % 2]},{split}")
    (path / "manifest.csv").write_text("\n".join(lines))
    return folder.source(manifest=path / "manifest.csv", seconds=2.0, size=16)


@pytest.fixture(params=[generated, digits, films])
def source(request, tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "cache"))
    return request.param(tmp_path, monkeypatch)


def test_a_clip_is_made_the_same_in_one_modality_as_in_all(source):
    for split in SPLITS:
        for i in range(source.sizes[split]):
            whole = source.clip(split, i, tuple(MODALITIES))
            for name, modality in MODALITIES.items():
                alone = source.clip(split, i, (name,))
                features = modality.features(source, alone.media)
                assert features.numel()
                assert torch.equal(features, modality.features(source, whole.media))
                assert (alone.id, alone.events) == (whole.id, whole.events)
                assert torch.equal(alone.labels, whole.labels)


def test_a_clip_is_made_the_same_whatever_was_made_before_it(source):
    last = source.sizes["train"] - 1
    first = {name: source.clip("train", last, (name,)).media for name in MODALITIES}
    source.clip("eval", 0, tuple(MODALITIES))
    for name, modality in MODALITIES.items():
        again = source.clip("train", last, (name,)).media
        assert torch.equal(modality.features(source, again), modality.features(source, first[name]))


def test_pictures_are_stored_without_a_look_at_the_sound(source, monkeypatch):
    monkeypatch.setattr(type(source.front_end), "forward", None)
    data = stored(source, ("video",))
    whole = source.clip("eval", 0, tuple(MODALITIES)).media
    pixels = MODALITIES["video"].features(source, whole).float() / 255
    assert torch.equal(data.eval.batch([0])[0]["video"][0], pixels)
