"""The key of a store: everything that decides what is rendered, and nothing else."""

import dataclasses
import sys

import pytest
import torch

from avlib import provenance
from avlib.data import store, synthav, write
from avlib.data.source import Clip
from avlib.data.store import stored
from avlib.features import LogMel
from avlib.files import cache_dir
from tests.data.store.toy import SIZES, clip, source


def test_content_decides_key_and_checksum():
    first = stored(source())
    second = stored(source(key="v2"))
    third = stored(source(front_end=LogMel(8000, n_fft=512, window=256, hop=200, mels=12, f_max=3000)))
    assert first.checksums == second.checksums
    assert first.checksums["audio"] != third.checksums["audio"]
    assert first.checksums["labels"] == third.checksums["labels"]
    assert len(list((cache_dir() / "data").glob("*.h5"))) == 3


def relabelled(split: str, i: int, modalities: tuple[str, ...]) -> Clip:
    return dataclasses.replace(clip(split, i, modalities), labels=torch.tensor([1.0, float(i == 3)]))


def test_labels_have_a_checksum_of_their_own():
    first, second = stored(source()), stored(source(key="v2", clip=relabelled))
    assert first.checksums["audio"] == second.checksums["audio"]
    assert first.checksums["labels"] != second.checksums["labels"]


CHANGES = {
    "key": ({"key": "v2"}, {"audio", "video"}),
    "sizes": ({"sizes": SIZES | {"valid": 6}}, {"audio", "video"}),
    "front end": ({"front_end": LogMel(8000, n_fft=512, window=256, hop=100, mels=12)}, {"audio"}),
    "window": ({"window": 3}, {"video"}),
}


def keys(toy):
    return {"all": store.source_key(toy), **{name: store._key(toy, name) for name in ("audio", "video")}}


@pytest.mark.parametrize("what", CHANGES)
def test_a_key_holds_what_touches_its_modality(what):
    change, touched = CHANGES[what]
    before, after = keys(source()), keys(source(**change))
    assert {name for name in before if before[name] != after[name]} == touched | {"all"}


@pytest.mark.parametrize(
    "package", ["numpy", "scipy", "scikit-learn", "soundfile", "av", "torch", "torchaudio", "h5py"]
)
def test_a_key_holds_the_libraries_that_render(package, monkeypatch):
    before, real = keys(source()), store.versions
    monkeypatch.setattr(
        store, "versions", lambda *names: real(*names) | {name: "0" for name in names if name == package}
    )
    after = keys(source())
    assert all(before[name] != after[name] for name in before)


def entered(toy, modality):
    """Modules of avlib whose functions run while `modality` of `toy` is rendered and written."""
    found = set()

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_name != "<module>":
            found.add(frame.f_globals.get("__name__", ""))

    sys.setprofile(profile)
    try:
        write.write(cache_dir() / "data" / f"{modality}.h5", toy, modality)
    finally:
        sys.setprofile(None)
    return {name for name in found if name.startswith("avlib.")}


def test_a_key_holds_the_source_of_every_module_that_renders(monkeypatch):
    """Found by running: whatever module a function was called from while a file was made."""
    toy = synthav.source(clips=(3, 2, 2))
    modules = {name: entered(toy, name) for name in ("audio", "video")}
    assert "avlib.features" in modules["audio"] - modules["video"]
    real = provenance._text

    def key(edited, text="\nEDITED = 1"):
        store._code.cache_clear()
        with monkeypatch.context() as patch:
            patch.setattr(provenance, "_text", lambda name: real(name) + text * (name in edited))
            return [store._key(toy, name) for name in modules]

    plain, everything = key([]), modules["audio"] | modules["video"]
    assert {"avlib.data.render", "avlib.data.write", "avlib.data.synthav.scene"} <= everything
    for edited in sorted(everything):
        assert not set(key([edited])) & set(plain), edited
    assert key(everything, "\n# a remark") == plain
    store._code.cache_clear()
