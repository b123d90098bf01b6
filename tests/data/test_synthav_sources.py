"""A record's attributes, each heard in the sound or seen in the picture as what it says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal.windows import hann

from avlib.data.synthav import Scenery, World, named, plan, render, scene
from avlib.data.synthav.records import Band, Look, Movement, Pitch, Record, Rhythm, Sound, Timbre, Tremolo
from avlib.data.synthav.sound import source
from avlib.data.synthav.timeline import CONTROL, path, timeline, tremolo

HZ = 400.0
PLAIN = Sound(Timbre("harmonic"), Pitch(HZ, HZ), Movement("steady"), Rhythm(0), Band(1000, 4))
FACE = Look("ring", 0.0, "still")


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def partials(timbre: Timbre) -> dict[float, float]:
    """Power in dB below the largest, at 1/2, 1, … 5 times the pitch."""
    sound = replace(PLAIN, timbre=timbre)
    wave = source(sound, timeline(sound.rhythm, 1000, 2.5, generator(3)), 2.5, generator(4))[8000:24000]
    power = np.abs(np.fft.rfft(wave * hann(len(wave)))) ** 2
    base = 2 ** (np.log2(HZ) + 0.25 * np.clip(_transposed(sound), -2, 2))
    near = {
        h: 10 * np.log10(power[round(h * base * 0.97) : round(h * base * 1.03) + 1].sum() + 1e-9)
        for h in (0.5, 1, 2, 3, 4, 5)
    }
    return {h: value - max(near.values()) for h, value in near.items()}


def _transposed(sound: Sound) -> float:
    """The normal number by which `source` transposes, from the same draws in the same order."""
    draws = generator(4)
    path(sound.movement, timeline(sound.rhythm, 1000, 2.5, generator(3)), 1000, 2.5, draws)
    draws.random()
    return float(draws.normal())


@pytest.mark.parametrize(
    ("kind", "there", "missing"),
    [
        ("harmonic", (1, 2, 3, 4, 5), (0.5,)),
        ("pulse", (1, 2, 3, 4, 5), (0.5,)),
        ("odd", (1, 3, 5), (0.5, 2, 4)),
        ("tone", (1, 2), (0.5, 3, 4, 5)),
        ("drone", (0.5, 1, 2, 3), ()),
        ("bell", (0.5, 1, 2), (3, 4, 5)),
    ],
)
def test_a_kind_of_source_has_its_partials_and_no_others(kind, there, missing):
    found = partials(Timbre(kind))
    assert all(found[h] > -25 for h in there), found
    assert all(found[h] < -30 for h in missing), found


def test_partials_fall_with_the_rolloff():
    found = partials(Timbre("harmonic", rolloff=2.0))
    for h in (2, 3, 4, 5):
        assert found[h] - found[1] == pytest.approx(-40 * np.log10(h), abs=1)


def test_no_partial_folds_back():
    sound = replace(PLAIN, timbre=Timbre("pulse", 0.0, 0.0), pitch=Pitch(1500, 1500))
    wave = source(sound, timeline(sound.rhythm, 1000, 2.5, generator(1)), 2.5, generator(2))
    power = np.abs(np.fft.rfft(wave[8000:24000] * hann(16000))) ** 2
    base = power[1000:3000].argmax() + 1000
    near = np.abs((np.arange(len(power)) + base / 2) % base - base / 2) < 0.03 * np.arange(len(power)) + 50
    assert power[~near].sum() < 0.01 * power.sum()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_noise_is_its_share_of_the_source(share):
    sound = replace(PLAIN, timbre=Timbre("tone", share, 4.0))
    wave = source(sound, timeline(sound.rhythm, 1000, 2.5, generator(1)), 2.5, generator(2))[8000:24000]
    power = np.abs(np.fft.rfft(wave)) ** 2
    expected = share**2 / (share**2 + (1 - share) ** 2)  # of two sources at unit level, half of the noise above 4 kHz
    assert power[4000:].sum() / power.sum() == pytest.approx(expected / 2, abs=0.03)


def test_tempo_and_strokes_vary_as_much_as_the_record_says():
    even, uneven = (
        [timeline(Rhythm(8, irregular=spread), 1000, 2.5, generator(seed)) for seed in range(100)]
        for spread in (0.0, 0.2)
    )
    assert np.std([np.log(played.bar) for played in even]) == pytest.approx(0.15, abs=0.035)  # three standard errors
    assert all(np.allclose(np.diff(played.strokes), played.bar) for played in even)
    late = np.concatenate(
        [played.strokes[1:] / played.bar - np.round(played.strokes[1:] / played.bar) for played in uneven]
    )
    assert np.std(late) == pytest.approx(0.19, abs=0.02)  # .2, clipped at two deviations and at half a bar
    assert np.mean([len(played.strokes) for played in uneven]) < 0.97 * np.mean(
        [len(played.strokes) for played in even]
    )
    for played in (*even, *uneven):
        assert played.strokes[0] == 0
        assert played.envelope[-1] == 0  # no click where the event ends


def test_tremolo_modulates_at_its_rate_to_its_depth():
    rates = []
    for seed in range(50):
        gain = tremolo(Tremolo(20, 0.6), 1000, 2.5, generator(seed))
        assert gain.max() == pytest.approx(1, abs=0.01)
        assert gain.min() == pytest.approx(0.4, abs=0.01)
        rates.append(np.abs(np.fft.rfft(gain[:-1] - gain[:-1].mean())).argmax())
    assert np.exp(np.mean(np.log(rates))) == pytest.approx(20, rel=0.07)


@pytest.mark.parametrize(
    ("name", "depth", "rising"),
    [("sweep", 1.0, True), ("arc", 1.0, True), ("chirp", 1.0, True), ("chirp", -1.0, False)],
)
def test_pitch_moves_the_way_that_its_name_says(name, depth, rising):
    rhythm = Rhythm(1, irregular=0.0)
    moved = []
    for seed in range(40):
        played = timeline(rhythm, 1000, 2.5, generator(seed))
        octaves = path(Movement(name, 2, depth), played, 1000, 2.5, generator(seed + 1))
        moved.append(np.median(np.diff(octaves[: int(0.4 * played.bar * CONTROL)])))
    assert np.mean(np.array(moved) > 0) == (1 if rising else 0)


@pytest.mark.parametrize(
    "change",
    [
        {"timbre": Timbre("odd")},
        {"pitch": Pitch(900, 900)},
        {"movement": Movement("wail", 4, 0.7)},
        {"rhythm": Rhythm(5)},
        {"band": Band(3000, 1.0)},
        {"tremolo": Tremolo(9, 0.8)},
        {"tail": 0.3},
    ],
    ids=str,
)
def test_every_attribute_of_a_sound_is_heard(change):
    clips = [clip(replace(PLAIN, **each), FACE, ("audio",)).waveform for each in ({}, change)]
    assert (clips[0] - clips[1]).norm() > 0.1 * clips[0].norm()


@pytest.mark.parametrize(
    "change",
    [{"shape": "square"}, {"shape": "disc"}, {"hue": 0.5}, {"motion": "sway"}, {"motion": "grow"}, {"size": 0.5}],
    ids=str,
)
def test_every_attribute_of_a_look_is_seen(change):
    clips = [clip(PLAIN, replace(FACE, **each), ("video",)).frames for each in ({}, change)]
    assert (clips[0] - clips[1]).abs().max() > 0.2


def clip(sound: Sound, look: Look, modalities: tuple[str, ...]):
    """A clip of one heard and seen event of this sound and look."""
    world = World((Record("it", (), sound, look), Record("same", (), sound, look)))
    return render(Scenery(world, agreement=1.0, events=(1, 1)), "eval", 2, modalities)[0]


def test_the_tail_of_a_sound_lasts_beyond_its_event():
    scenery = Scenery(World((Record("it", (), PLAIN, FACE), Record("same", (), PLAIN, FACE))), events=(1, 1))
    i = next(i for i in range(99) if (p := plan(scenery, "eval", i)[0])[-1].heard and p[-1].onset + p[-1].points < 700)
    event = plan(scenery, "eval", i)[0][-1]
    after = slice((event.onset + event.points + 20) * 40, (event.onset + event.points + 120) * 40)
    energy = []
    for tail in (0.0, 0.4):
        record = Record("it", (), replace(PLAIN, tail=tail), FACE)
        wave = render(Scenery(World((record, replace(record, name="same"))), events=(1, 1)), "eval", i, ("audio",))[
            0
        ].waveform
        energy.append(float(wave[after].square().sum() / wave.square().sum()))
    assert energy[1] > 3 * energy[0]


def test_a_distractor_is_heard_or_seen_below_every_event_and_has_no_label(monkeypatch):
    scenery = Scenery(named(8))
    unlabelled = {i: p for i in range(200) for p in plan(scenery, "train", i)[0] if p.label is None}
    assert 60 <= len(unlabelled) <= 100  # .4 ± 3 standard errors
    for i, distractor in unlabelled.items():
        assert distractor.heard or distractor.seen
        assert distractor.gain < min(p.gain for p in plan(scenery, "train", i)[0] if p.label is not None)
    clips = [render(scenery, "train", i) for i in range(12)]
    monkeypatch.setattr(scene, "DISTRACTED", 0.0)
    for i, (media, labels, events) in enumerate(clips):
        without, same, still = render(scenery, "train", i)
        assert (labels == same).all()
        assert events == still
        assert bool((media.waveform != without.waveform).any()) == (i in unlabelled and unlabelled[i].heard)
        assert bool((media.frames != without.frames).any()) == (i in unlabelled and unlabelled[i].seen)


def test_a_distractor_has_no_class_of_its_own():
    looks = [FACE, replace(FACE, hue=0.5, shape="bar", motion="orbit", size=0.5)]
    sounds = [PLAIN, replace(PLAIN, timbre=Timbre("noise"), rhythm=Rhythm(9), band=Band(300, 1), tail=0.3)]
    others = tuple(Record(f"{i}", (), PLAIN, FACE) for i in range(60))
    sceneries = [Scenery(World((Record("first", (), s, f), *others))) for s, f in zip(sounds, looks, strict=True)]
    same = []
    for i in range(300):
        plans, labels = plan(sceneries[0], "eval", i)
        if plans[0].label is None and not labels[0]:
            (one, *_), (two, *_) = (render(scenery, "eval", i) for scenery in sceneries)
            same.append(bool((one.waveform == two.waveform).all() and (one.frames == two.frames).all()))
        if len(same) == 10:
            break
    assert np.mean(same) > 0.4  # the first record gives an attribute to one distractor in four, not to each
