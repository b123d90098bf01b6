"""`synthav` clip by clip: the same bits however it is made, labels that follow from events, sound with its picture."""

import csv
import itertools

import joblib
import numpy as np
import pytest
import torch

from avlib import profiles
from avlib.data import load
from avlib.data.synthav import Scenery, named, plan, render, source, true_events
from avlib.errors import AvlibError
from avlib.files import data_dir

WORLD = named()


def bits(scenery, split, i):
    media, labels, events = render(scenery, split, i)
    return media.waveform.numpy().tobytes(), media.frames.numpy().tobytes(), labels.tobytes(), events


def test_clips_do_not_depend_on_order_or_workers():
    scenery = Scenery(WORLD)
    forwards = [bits(scenery, "train", i) for i in range(6)]
    backwards = [bits(scenery, "train", i) for i in reversed(range(6))][::-1]
    elsewhere = joblib.Parallel(2)(joblib.delayed(bits)(scenery, "train", i) for i in range(6))
    assert forwards == backwards == elsewhere
    assert len({sound for sound, *_ in forwards}) == 6


def test_clip_does_not_depend_on_how_many_there_are(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path))
    few, many = load("synthav", clips=(3, 1, 2)), load("synthav", clips=(7, 2, 4))
    for i in range(3):
        assert torch.equal(few.train.media(i).waveform, many.train.media(i).waveform)
    assert torch.equal(few.eval.labels, many.eval.labels[:2])
    assert few.eval.events == many.eval.events[:2]


def test_splits_and_seeds_differ():
    clips = [bits(Scenery(WORLD, seed=seed), split, 0)[0] for seed in (0, 1) for split in ("train", "valid", "eval")]
    assert len(set(clips)) == 6


def test_one_modality_is_the_same_without_the_other():
    scenery = Scenery(WORLD)
    both, sound, picture = (
        render(scenery, "eval", 5, names)[0] for names in (("audio", "video"), ("audio",), ("video",))
    )
    assert torch.equal(both.waveform, sound.waveform)
    assert torch.equal(both.frames, picture.frames)
    assert not sound.frames.numel()
    assert not picture.waveform.numel()


@pytest.mark.parametrize("seconds", [2.5, 10.0])
def test_shapes_and_ranges(seconds):
    for i in range(3):
        media, labels, events = render(Scenery(WORLD, seconds), "eval", i)
        assert media.waveform.shape == (round(16_000 * seconds),)
        assert media.waveform.abs().max() <= 1
        assert media.frames.shape == (round(10 * seconds), 3, 32, 32)
        assert torch.equal((media.frames * 255).round() / 255, media.frames)
        assert 1 <= len(events) <= 3
        assert labels.shape == (32,)
        for event in events:
            assert 0 <= event.onset < event.offset <= seconds
            assert event.offset - event.onset >= 0.4 * seconds
            assert event.heard or event.seen


def test_level_tells_nothing_of_what_sounds():
    levels, sounding = [], []
    for i in range(60):
        media, _, events = render(Scenery(WORLD, agreement=1.0), "eval", i, ("audio",))
        levels.append(20 * media.waveform.square().mean().sqrt().log10().item())
        sounding.append(len(events))
    assert abs(np.mean(levels) + 34) < 1.5
    assert 2 < np.std(levels) < 4
    assert abs(np.corrcoef(levels, sounding)[0, 1]) < 0.4  # 3 standard errors of 60 independent pairs


def test_labels_are_those_of_the_events_and_what_they_imply():
    index = {name: c for c, name in enumerate(WORLD.classes)}
    for split in ("train", "eval"):
        for i in range(200):
            plans, labels = plan(Scenery(WORLD, label_noise=0.0), split, i)
            expected = {p.label for p in plans if p.label is not None}
            assert labels[list(expected)].all()
            for child, parent in WORLD.implications * 3:
                if index[child] in expected:
                    expected.add(index[parent])
            assert set(np.flatnonzero(labels)) == expected


def test_number_of_events_is_what_was_asked_for():
    for asked in ((1, 1), (2, 4)):
        counts = [
            sum(p.label is not None for p in plan(Scenery(WORLD, events=asked), "train", i)[0]) for i in range(60)
        ]
        assert set(counts) == set(range(asked[0], asked[1] + 1))


def test_noisy_labels_still_keep_the_implications():
    index = {name: c for c, name in enumerate(WORLD.classes)}
    labels = np.stack([plan(Scenery(WORLD, label_noise=0.5), "train", i)[1] for i in range(300)])
    for child, parent in WORLD.implications:
        assert (labels[:, index[parent]] >= labels[:, index[child]]).all()


def test_training_has_a_long_tail_and_eval_is_balanced():
    scenery = Scenery(WORLD)
    counts = {}
    for split, clips in {"train": 1500, "eval": 900}.items():
        labels = [p.label for i in range(clips) for p in plan(scenery, split, i)[0] if p.label is not None]
        counts[split] = np.bincount(labels, minlength=32)
    assert counts["train"][:3].mean() > 6 * counts["train"][-6:].mean()
    assert counts["train"].min() >= 20
    assert abs(counts["eval"].mean() - 56) < 4
    assert 30 <= counts["eval"].min() <= counts["eval"].max() <= 85


def pairs(lacking, modality, count=15):
    """Clips of one event each, rendered with it and without what is `lacking` of it, and the event's plan."""
    with_, without = (Scenery(named(8), agreement=dial, events=(1, 1)) for dial in (1.0, 0.0))
    found = 0
    for i in itertools.count():
        *distractors, event = plan(without, "train", i)[0]
        if not distractors and not getattr(event, lacking) and event.onset > 80:
            found += 1
            yield *(render(scenery, "train", i, (modality,))[0] for scenery in (with_, without)), event
        if found == count:
            return


def test_sound_begins_at_its_onset_to_the_frame():
    hop, frames, floors = 400, 0, []
    for with_, without, event in pairs("heard", "audio", 30):
        loud, still = with_.waveform.double(), without.waveform.double()
        start = event.onset * 40  # samples
        quiet = slice(0, start - 1600)
        alone = loud - still * (loud[quiet] @ still[quiet]) / (still[quiet] @ still[quiet])  # clips have one level
        energy = alone[start - 2 * hop : start + 6 * hop].unflatten(0, (8, hop)).square().sum(dim=1)
        assert energy[:2].max() < 0.002 * energy.max()
        if WORLD.records[event.label].sound.rhythm.bars:  # strokes rise at once, sustained sounds in 50 ms
            assert energy[2] > 0.1 * energy.max()
            frames += 1
        else:
            there = alone[start + 1600 : start + event.points * 40 - 1600]
            floors.append(10 * (there.square().mean() / loud[quiet].square().mean()).log10().item() - event.gain)
        assert energy[2] > 0.01 * energy.max()
    assert frames > 10
    assert 22 - 4 < min(floors) < max(floors) < 36 + 4  # dB from the floor up to a sustained event at full gain


def test_picture_is_there_from_onset_to_offset_to_the_picture():
    for with_, without, event in pairs("seen", "video"):
        shown = (with_.frames - without.frames).abs().amax(dim=(1, 2, 3)).nonzero().flatten()
        assert shown[0] == event.onset // 40
        assert shown[-1] == (event.onset + event.points - 1) // 40
        assert len(shown) == shown[-1] - shown[0] + 1


def test_events_say_when_and_what_the_plan_says():
    source_ = source(clips=(30, 1, 1))
    for i in range(30):
        clip = source_.clip("train", i, ())
        plans, labels = plan(Scenery(named(8), profiles.of("smoke").seconds, events=(1, 2)), "train", i)
        planned = [(p.label, p.onset / 400, p.points / 400) for p in plans if p.label is not None]
        said = [(event.label, event.onset, event.offset - event.onset) for event in clip.events]
        np.testing.assert_allclose(said, planned)
        assert clip.labels.tolist() == labels.tolist()


def test_picture_pulses_with_the_strokes_inside_an_event():
    scenery, together = Scenery(WORLD, agreement=1.0, events=(1, 1)), []
    for i in range(150):
        (event,) = true_events(plan(scenery, "eval", i)[0])
        first, last = int(np.ceil(10 * event.onset)) + 1, int(10 * event.offset) - 1
        if WORLD.records[event.label].sound.rhythm.bars and last - first > 4:
            media, *_ = render(scenery, "eval", i)
            energy = media.waveform.unflatten(0, (25, -1)).square().mean(1).add(1e-7).log()
            light = media.frames.mean((1, 2, 3))[first:last]
            if light.std() > 1e-4:  # a stroke that lasts may stand quite still
                together.append(np.corrcoef(energy[first:last], light)[0, 1])
    assert np.mean(together) > 0.45  # .65 ± .04; .18 when the picture has strokes of its own


def test_nothing_moves_before_the_background_but_what_is_there():
    """What stands still costs no room on disk, and no event hides in the grain."""
    empty = Scenery(WORLD, agreement=0.0, events=(1, 1))
    unseen = [i for i in range(60) if not any(p.seen for p in plan(empty, "eval", i)[0])]
    assert len(unseen) > 5
    for i in unseen:
        frames = render(empty, "eval", i, ("video",))[0].frames
        assert torch.equal(frames, frames[:1].expand_as(frames))
        assert 0.01 < frames[0].diff(dim=-1).std() < 0.06  # the grain, and the slope of the background


def test_names_and_implications_are_audiosets():
    folder = data_dir()
    table = folder and folder / "audioset" / "class_labels_indices.csv"
    if not table or not table.exists():
        pytest.skip("AVLIB_DATA has no audioset/class_labels_indices.csv")
    with table.open() as file:
        known = {row["display_name"] for row in csv.DictReader(file)}
    assert set(WORLD.classes) <= known


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"classes": 40}, "classes=40"),
        ({"classes": 1, "world": 2}, "classes=1"),
        ({"clips": (10, 0, 5)}, "clips=(10, 0, 5)"),
        ({"events": (2, 1)}, "events=(2, 1)"),
        ({"agreement": 1.5}, "agreement=1.5"),
        ({"label_noise": -0.1}, "label_noise=-0.1"),
        ({"class_frequency": 9}, "class_frequency=9"),
        ({"seconds": 2.53}, "seconds=2.53"),
        ({"seed": -1}, "seed=-1"),
        ({"world": -1}, "world=-1"),
        ({"profile": "huge"}, "profile='huge'"),
    ],
)
def test_wrong_knobs_are_named(knobs, said):
    with pytest.raises(AvlibError) as error:
        source(**knobs)
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)
