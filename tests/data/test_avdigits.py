"""Digits: labels that are true, splits that share nothing, real recordings where they are."""

import re
import shutil
import wave

import numpy as np
import pytest
import scipy.signal
import soundfile
import torch
from sklearn.datasets import load_digits
from torch.nn import functional as F

from avlib._torchaudio import torchaudio
from avlib.data import avdigits, load
from avlib.errors import AvlibError
from avlib.files import data_dir

TINY = (24, 4, 6)
real = pytest.mark.skipif(
    data_dir() is None or not (data_dir() / "fsdd" / "recordings").is_dir(),
    reason="the Free Spoken Digit Dataset is not there: set AVLIB_DATA to the folder that holds fsdd/recordings",
)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLIB_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def tones(tmp_path, monkeypatch):
    """Stand-ins for the recordings: digit d of each speaker is a tone of 300 + 300 d Hz."""
    folder = tmp_path / "sets" / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    time = np.arange(3200) / 8000
    for names in avdigits.SPEAKERS.values():
        for name in names:
            for digit in range(10):
                for take in range(2):
                    tone = 0.2 * np.sin(2 * np.pi * (300 + 300 * digit) * time)
                    soundfile.write(folder / f"{digit}_{name}_{take}.wav", tone, 8000)
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path / "sets"))
    return folder


def test_sound_carries_the_labelled_digits_at_their_onsets(tones):
    data = load("avdigits", clips=TINY)
    centres = data.front_end.centres
    for i in range(6):
        (batch, labels), events = data.eval.batch([i]), data.eval.events[i]
        assert {event.label for event in events} == set(labels[0].nonzero().flatten().tolist())
        level = data.normalizer.inverse(batch["audio"][0])
        for event in events:
            inside = level[int(event.onset * 40) + 3 : int(event.offset * 40) - 3].mean(dim=0)
            bin_of_tone = (centres - (300 + 300 * event.label)).abs().argmin()
            assert inside[bin_of_tone] > inside.median() + 4
    assert centres.max() < 4000


def test_pictures_show_the_labelled_digits(tones):
    data = load("avdigits", clips=TINY, digits=(1, 1), modalities=("audio", "video"))
    video = data.train.batch(range(24))[0]["video"]
    assert video.shape == (24, 5, 4, 3, 32, 32)
    assert 0 <= video.min() < video.max() <= 1
    assert (video.flatten(1).amax(dim=1) > 0.4).all()  # strokes stand out of the ground, which stays below .15


def test_number_of_digits(tones):
    assert set(load("avdigits", clips=TINY).train.labels.sum(dim=1).tolist()) == {1, 2, 3}
    assert set(load("avdigits", clips=TINY, digits=(1, 1)).train.labels.sum(dim=1).tolist()) == {1}


def test_clip_depends_on_seed_split_and_number_alone(tones):
    more, fewer = load("avdigits", clips=(24, 4, 6)), load("avdigits", clips=(8, 2, 6))
    assert torch.equal(more.train.media(5).waveform, fewer.train.media(5).waveform)
    assert more.train.ids[5] == fewer.train.ids[5]
    other = load("avdigits", clips=(8, 2, 6), seed=1)
    assert not torch.equal(more.train.media(5).waveform, other.train.media(5).waveform)
    assert not torch.equal(more.train.media(5).waveform, more.eval.media(5).waveform)
    sound = avdigits.source(clips=TINY).clip("train", 5, ("audio",)).media
    assert torch.equal(sound.waveform, more.train.media(5).waveform)
    assert not sound.frames.numel()


@pytest.fixture(params=["made", pytest.param("real", marks=real)])
def voices(request, tmp_path, monkeypatch):
    """Folder of recordings of which no two are alike: bursts of noise, or the real ones."""
    if request.param == "real":
        return data_dir() / "fsdd" / "recordings"
    folder = tmp_path / "sets" / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name in ("george", "jackson", "theo", "yweweler", "lucas", "nicolas"):
        for digit in range(10):
            for take in range(2):
                burst = 0.1 * draw.standard_normal(draw.integers(2000, 4000))
                soundfile.write(folder / f"{digit}_{name}_{take}.wav", burst, 8000)
    monkeypatch.setenv("AVLIB_DATA", str(tmp_path / "sets"))
    return folder


def spoken(waveform, event, folder):
    """Speaker of the recording that sounds most like the digit in a clip, where it begins (samples), how alike."""
    sound = torchaudio.functional.resample(waveform, 16000, 8000).numpy().astype(float)
    power = np.cumsum([0.0, *sound**2])
    found = []
    for path in folder.glob(f"{event.label}_*.wav"):
        length = soundfile.info(path).frames
        if length == round((event.offset - event.onset) * 8000):
            take = soundfile.read(path)[0]
            match = scipy.signal.correlate(sound, take / np.linalg.norm(take), "valid")
            match /= np.sqrt(power[length:] - power[:-length])
            found.append((match.max(), int(match.argmax()), path.stem.split("_")[1]))
    likeness, start, speaker = max(found)
    return speaker, start, likeness


def test_each_digit_is_a_recording_that_begins_at_its_onset_by_a_speaker_of_no_other_split(voices):
    source = avdigits.source(clips=(12, 6, 12), digits=(1, 1))
    speakers = {}
    for split, size in source.sizes.items():
        for i in range(size):
            clip = source.clip(split, i, ("audio",))
            (event,) = clip.events
            assert clip.labels.nonzero().tolist() == [[event.label]]
            speaker, start, likeness = spoken(clip.media.waveform, event, voices)
            assert likeness > 0.9  # 12 dB above the noise at least: 1 / √(1 + 10^−1.2) = .97 over a whole digit
            assert start == round(8000 * event.onset)
            speakers.setdefault(split, set()).add(speaker)
    assert {split: len(names) for split, names in speakers.items()} == {"train": 3, "valid": 1, "eval": 2}
    assert len(set.union(*speakers.values())) == 6


def test_noise_lies_12_to_24_db_below_a_digit_at_full_level_and_digits_up_to_6_db_below_that(tones):
    source = avdigits.source(clips=(60, 1, 1), digits=(1, 1))
    ratios = []
    for i in range(60):
        clip = source.clip("train", i, ("audio",))
        ((event,), sound) = clip.events, clip.media.waveform
        first, last = round(16000 * event.onset), round(16000 * event.offset)
        noise = torch.cat([sound[: max(0, first - 200)], sound[last + 200 :]]).square().mean()
        ratios.append(10 * (sound[first:last].square().mean() / noise - 1).log10().item())
    assert 6 - 0.5 < min(ratios) < 9
    assert 21 < max(ratios) < 24 + 0.5


def drawn(source, split, images):
    """Which of `images` (n, 8, 8) is seen in each clip of one digit, by the place that looks most like one."""
    shape = F.interpolate(images[:, None], size=(14, 14), mode="bilinear", align_corners=False).flatten(1)
    shape = F.normalize(shape - shape.mean(dim=1, keepdim=True), dim=1)
    for i in range(source.sizes[split]):
        clip = source.clip(split, i, ("video",))
        frames = clip.media.frames.amax(dim=1)  # (M, H, W)
        brightest = frames[frames.flatten(1).amax(dim=1).argmax()]
        places = F.unfold(brightest[None, None], 14)[0].T
        likeness = F.normalize(places - places.mean(dim=1, keepdim=True), dim=1) @ shape.T
        assert likeness.max() > 0.95
        yield clip.events[0].label, int(likeness.amax(dim=0).argmax())


def test_each_picture_is_handwriting_of_its_digit_that_no_other_split_shows(tones):
    source = avdigits.source(clips=(150, 50, 100), digits=(1, 1))
    pixels, digits = load_digits(return_X_y=True)
    images = torch.from_numpy(pixels).float().reshape(-1, 8, 8)
    seen = {}
    for split in source.sizes:
        found = list(drawn(source, split, images))
        assert [digits[image] for _, image in found] == [digit for digit, _ in found]
        seen[split] = {image for _, image in found}
    # Of 1,797 images some 8 would be met twice by chance, were those of two splits the same.
    assert len(set.union(*seen.values())) == sum(map(len, seen.values()))
    assert len(seen["train"]) > 100
    assert len(seen["eval"]) > 70


def test_missing_recordings_say_from_where_to_get_them_and_where_to_put_them(tmp_path, monkeypatch):
    for folder in (None, tmp_path):
        monkeypatch.delenv("AVLIB_DATA", raising=False)
        if folder is not None:
            monkeypatch.setenv("AVLIB_DATA", str(folder))
        with pytest.raises(AvlibError) as error:
            load("avdigits")
        assert "github.com/Jakobovski/free-spoken-digit-dataset" in str(error.value)
        assert "$AVLIB_DATA/fsdd/recordings" in str(error.value)
        assert "\n" not in str(error.value)


def test_bad_recordings_are_listed_and_left_out(tones, capsys):
    (tones / "0_george_0.wav").write_bytes((tones / "0_george_0.wav").read_bytes()[:500])
    soundfile.write(tones / "1_george_0.wav", np.zeros(800), 8000)
    soundfile.write(tones / "2_george_0.wav", np.full(800, np.nan), 8000, subtype="FLOAT")
    soundfile.write(tones / "3_george_0.wav", np.random.default_rng(0).random(24000), 8000)
    with wave.open(str(tones / "4_george_0.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
    soundfile.write(tones / "readme.wav", np.ones(800), 8000)
    reasons = dict(load("avdigits", clips=TINY).ledger)
    assert reasons.keys() == {f"{digit}_george_0.wav" for digit in range(5)} | {"readme.wav"}
    expected = ("truncated", "silence", "NaN", "longer", "truncated")
    assert all(word in reasons[f"{digit}_george_0.wav"] for digit, word in enumerate(expected))
    assert capsys.readouterr().err.count("\n") == 1


def test_a_digit_without_any_recording_is_an_error(tones):
    for path in tones.glob("7_lucas_*.wav"):
        path.unlink()
    with pytest.raises(AvlibError, match="no readable recording of digit 7 by lucas"):
        load("avdigits", clips=TINY)


def test_changed_recordings_are_rendered_again(tones):
    before = load("avdigits", clips=TINY)
    for path in tones.glob("*_george_*.wav"):
        shutil.copy(tones / re.sub("george", "jackson", path.name), path)
        soundfile.write(path, np.random.default_rng(0).standard_normal(3000) * 0.1, 8000)
    assert load("avdigits", clips=TINY).checksum != before.checksum


@pytest.mark.parametrize("knobs", [{"digits": (0, 2)}, {"digits": (3, 2)}, {"digits": (1, 11)}, {"clips": (5, 0, 5)}])
def test_knobs_out_of_range(tones, knobs):
    (name,) = knobs
    with pytest.raises(AvlibError, match=f"{name}="):
        load("avdigits", **knobs)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            {"name": "avdigit"},
            "choose one of synthav, avkinetics, avdigits, audioset, kinetics_sounds, folder .did you mean 'avdigits'",
        ),
        ({"name": "avdigits", "profile": "big"}, "smoke, laptop, full, paper"),
        ({"name": "avdigits", "digit": 3}, "did you mean 'digits'"),
    ],
)
def test_unknown_set_profile_or_knob_names_what_is_allowed(call, message):
    with pytest.raises(AvlibError, match=message):
        load(**call)


@real
def test_real_recordings_are_all_usable_and_tell_digits_apart():
    data = load("avdigits", clips=(300, 4, 100), digits=(1, 1))
    assert data.ledger == ()
    sounds, digits = [], []
    for split in (data.train, data.eval):
        audio, labels = split.batch(range(len(split)))
        thirds = []
        for clip, (event,) in zip(audio["audio"], split.events, strict=True):
            said = clip[int(event.onset * 40) : int(event.offset * 40) + 1]
            thirds.append(torch.cat([part.mean(dim=0) for part in said.tensor_split(3)]))
        sounds.append(torch.stack(thirds))
        digits.append(labels.argmax(dim=1))
    # Nearest class centre of the spectrum at start, middle and end, on speakers never heard; chance is .1.
    centres = torch.stack([sounds[0][digits[0] == digit].mean(dim=0) for digit in range(10)])
    assert (torch.cdist(sounds[1], centres).argmin(dim=1) == digits[1]).float().mean() > 0.3
