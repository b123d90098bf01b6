"""The encoder has seen another world, stands still, and what it makes of a clip is computed once."""

import dataclasses
from functools import partial

import pytest
import torch

from avlib import profiles
from avlib.data import load
from avlib.data.source import SPLITS
from avlib.errors import AvlibError
from avlib.metrics import tagging
from avlib.models import PixelTagger, VideoTagger, WindowEncoder, sized
from avlib.training import Recipe, predict, trained, windows
from avlib.training.windows import elsewhere, pretrained, watched

WINDOW = 5
TINY = {"classes": 4, "clips": (200, 4, 80), "events": (1, 1), "agreement": 1.0, "label_noise": 0.0}


@pytest.fixture(scope="module", autouse=True)
def kept(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AVLIB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def clips():
    return load("synthav", modalities=("audio", "video"), **TINY)


@pytest.fixture(scope="module")
def encoder():
    return pretrained("smoke", WINDOW)


@pytest.fixture
def looks(monkeypatch):
    """Counts the splits that are really looked at."""
    seen, real = [], windows.observed
    monkeypatch.setattr(windows, "observed", lambda *a: seen.append(1) or real(*a))
    return seen


def test_the_world_of_pretraining_is_no_world_that_is_studied(clips):
    size, other = profiles.of("smoke"), elsewhere("smoke", WINDOW)
    assert len(other.classes) == size.kinds
    assert tuple(len(getattr(other, split)) for split in SPLITS) == size.views
    assert not set(other.classes) & set(clips.classes)
    assert other.checksums["video"] != clips.checksums["video"]
    seen = {pixels.numpy().tobytes() for pixels in other.train.features["video"]}
    assert len(seen) == len(other.train)
    assert (other.train.labels.sum(dim=1) == 1).all()
    assert not seen & {
        pixels.numpy().tobytes() for split in SPLITS for pixels in getattr(clips, split).features["video"]
    }


def test_pretraining_reads_no_clip_of_the_study_and_no_seed_of_it(monkeypatch):
    asked = []
    monkeypatch.setattr(windows, "load", lambda name, **how: asked.append(how) or load(name, **how))
    first, second = (pretrained("smoke", WINDOW) for _ in range(2))
    assert all((how["seed"], how["world"]) == (windows.ELSEWHERE, windows.ELSEWHERE) for how in asked)
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_features_take_the_place_of_pixels_and_all_else_stays(encoder, clips):
    seen = watched(encoder, clips)
    for name in SPLITS:
        before, after = getattr(clips, name), getattr(seen, name)
        assert after.features["audio"] is before.features["audio"]
        assert (after.ids, after.events) == (before.ids, before.events)
        batch, _ = before.batch([2, 1])
        with torch.no_grad():
            torch.testing.assert_close(after.batch([2, 1])[0]["video"], encoder(batch["video"]), atol=1e-4, rtol=1e-3)
    assert seen.checksums["audio"] == clips.checksums["audio"]
    assert seen.checksums["video"] != clips.checksums["video"]


def test_features_are_computed_once_for_an_encoder_and_its_clips(encoder, clips, looks):
    first = watched(encoder, clips)
    looks.clear()
    assert torch.equal(watched(encoder, clips).eval.features["video"], first.eval.features["video"])
    assert not looks
    other = WindowEncoder(WINDOW, encoder.width).eval()
    assert watched(other, clips).checksums["video"] != first.checksums["video"]
    assert len(looks) == len(SPLITS)
    watched(encoder, dataclasses.replace(clips, eval=clips.eval.subset(range(3))))
    assert len(looks) == 2 * len(SPLITS)


def test_a_damaged_file_of_features_is_made_again(encoder, clips, looks):
    first = watched(encoder, clips)
    for path in (windows.cache_dir() / "windows").glob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-9])
    looks.clear()
    assert torch.equal(watched(encoder, clips).eval.features["video"], first.eval.features["video"])
    assert len(looks) == len(SPLITS)


def test_a_view_of_some_clips_keeps_sound_and_features_of_the_same_clip(encoder, clips):
    whole = watched(encoder, clips)
    some = watched(encoder, dataclasses.replace(clips, eval=clips.eval.subset([5, 2, 9])))
    batch, wanted = some.eval.batch([0, 2])[0], whole.eval.batch([5, 9])[0]
    assert torch.equal(batch["audio"], wanted["audio"])
    torch.testing.assert_close(batch["video"], wanted["video"], atol=1e-4, rtol=1e-3)


def test_the_eye_learns_on_frozen_features_and_answers_the_same_on_pixels(encoder, clips):
    before = {name: values.clone() for name, values in encoder.state_dict().items()}
    seen = watched(encoder, clips)
    factory = partial(VideoTagger, 4, encoder.width, 32)
    eye, _ = trained(factory, seen, Recipe(epochs=20, batch_size=16, lr=5e-3))
    assert all(torch.equal(before[name], values) for name, values in encoder.state_dict().items())
    logits = predict(eye, seen.eval)
    random = torch.rand(logits.shape, generator=torch.Generator().manual_seed(0))
    assert tagging(logits, seen.eval.labels).mAP > tagging(random, seen.eval.labels).mAP + 0.2
    torch.testing.assert_close(predict(PixelTagger(encoder, eye), clips.eval), logits, atol=1e-3, rtol=1e-3)


def test_the_eye_of_smoke_is_clearly_above_chance():
    """Everything at its profile, as the book has it; measured .65 where random scores get .25."""
    clips = load("synthav", profile="smoke", modalities=("video",))
    seen = watched(pretrained("smoke", WINDOW), clips)
    recipe = dataclasses.replace(Recipe.preset("smoke"), transforms=())
    eye, _ = trained(sized("eye", "smoke", len(clips.classes)), seen, recipe)
    labels = seen.eval.labels
    chances = [
        tagging(torch.rand(labels.shape, generator=torch.Generator().manual_seed(i)), labels).mAP for i in range(20)
    ]
    assert tagging(predict(eye, seen.eval), labels).mAP > max(chances) + 0.2


def test_clips_that_cannot_be_watched_are_named(encoder, clips):
    with pytest.raises(AvlibError, match="the clips have audio, and not video"):
        watched(encoder, clips.only(["audio"]))
    with pytest.raises(AvlibError, match=r"video of shape .* does not fit"):
        watched(encoder, watched(encoder, clips))
