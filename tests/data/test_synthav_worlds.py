"""Records, worlds and the parts of a sound."""

import numpy as np
import pytest

from avlib.data.synthav.records import EVEN, PATHS, Band, Movement, Rhythm
from avlib.data.synthav.sound import response, room, source
from avlib.data.synthav.timeline import CONTROL, path, timeline, upsampled
from avlib.data.synthav.worlds import blurred, drawn, named


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def test_drawn_worlds_have_distinct_classes_that_share_parts():
    world = drawn(3, 100)
    sounds = [record.sound for record in world.records]
    assert len(set(world.classes)) == len(set(sounds)) == 100
    assert world.implications == ()
    for attribute in ("timbre", "pitch", "movement", "rhythm", "band"):
        assert 5 <= len({getattr(sound, attribute) for sound in sounds}) <= 13


def test_drawn_attributes_are_independent():
    records = drawn(5, 600).records
    values = np.array([
        [np.log(r.sound.band.centroid), np.log(r.sound.pitch.low), r.sound.onset_density, r.sound.noisiness, r.look.hue]
        for r in records
    ])  # fmt: skip
    assert np.abs(np.corrcoef(values.T) - np.eye(5)).max() < 0.15


def test_blurring_keeps_all_some_or_nothing():
    sounds = tuple(record.sound for record in drawn(1, 50).records)
    assert blurred(sounds[0], sounds, 1.0, generator()) == sounds[0]
    centroids = [[blurred(sounds[c], sounds, 0.0, generator(seed)).band.centroid for seed in range(50)] for c in (0, 1)]
    assert centroids[0] == centroids[1]  # the class has no say


@pytest.mark.parametrize("seconds", [2.5, 10.0])
@pytest.mark.parametrize("bars", [3, 12])
def test_periods_scale_with_the_clip(bars, seconds):
    rhythm = Rhythm(bars, irregular=0.0)
    played = timeline(rhythm, round(seconds * CONTROL), seconds, generator(4))
    same = timeline(rhythm, round(2.5 * CONTROL), 2.5, generator(4))
    assert len(played.strokes) == len(same.strokes)
    np.testing.assert_allclose(played.strokes / seconds, same.strokes / 2.5, rtol=1e-12)
    assert played.strokes[0] == 0
    assert 0 <= played.envelope.min() <= played.envelope.max() <= 1


@pytest.mark.parametrize("name", PATHS)
def test_pitch_paths_are_finite_and_stay_near_their_depth(name):
    played = timeline(Rhythm(6), 1000, 2.5, generator(1))
    octaves = path(Movement(name, 4, 0.5), played, 1000, 2.5, generator(2))
    assert octaves.shape == (1001,)
    assert np.abs(octaves).max() < 2
    assert (np.ptp(octaves) > 0.1) == (name != "steady")


@pytest.mark.parametrize("record", named().records, ids=lambda record: record.name)
def test_every_record_sounds_at_one_level(record):
    played = timeline(record.sound.rhythm, 600, 2.5, generator(7))
    wave = source(record.sound, played, 2.5, generator(8))
    assert wave.shape == (24_000,)
    assert wave.dtype == np.float32
    assert np.isfinite(wave).all()
    depth = 0 if record.sound.tremolo == EVEN else record.sound.tremolo.depth
    loudest = np.sqrt(np.mean(wave[upsampled(played.envelope) > 0.5] ** 2))
    assert (1 - depth) * 0.3 < loudest < 2


def test_response_lets_its_band_through_without_colour():
    size = 60_000
    gain = response(Band(1000, 1.0), size, 0.0, generator())
    hertz = np.arange(len(gain)) * 16_000 / size
    assert abs(hertz[gain.argmax()] / 1000 - 1) < 0.1
    at = gain[np.searchsorted(hertz, [500, 1000, 2000])]
    np.testing.assert_allclose(20 * np.log10(at / at[1]), [-6, 0, -6], atol=0.7)


def test_room_is_the_direct_sound_and_a_falling_tail():
    echo = np.fft.irfft(room(0.5, 32_000, generator()), 32_000)
    assert echo.argmax() == 0
    early, late = np.mean(echo[1:2000] ** 2), np.mean(echo[6000:8000] ** 2)
    assert early > 1e4 * late
    np.testing.assert_allclose(echo[8001:], 0, atol=1e-6)
