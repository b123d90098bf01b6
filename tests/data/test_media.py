"""Sound and frames out of files that this test writes, and out of files that it spoils."""

import math
import re

import numpy as np
import pytest
import soundfile
import torch

from avlib.data.media import BadMedia, carries, frames, sound
from avlib.files import data_dir

av = pytest.importorskip("av", reason="PyAV is not installed: pip install 'avlib[media]'")
RATE = 16000
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))


def tone(seconds: float, rate: int, pitch: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def film(path, seconds=2.0, *, rate=22050, picture=True, audio=True, codec="mpeg4", voice="aac", fps=20):
    """A film whose colour changes every half second, with a 440 Hz tone on the left channel alone."""
    with av.open(str(path), "w") as out:
        if picture:
            shown = out.add_stream(codec, rate=fps, width=48, height=32, pix_fmt="yuv420p")
        if audio:
            heard = out.add_stream(voice, rate=rate, layout="stereo")
            samples = np.stack([tone(seconds, rate), np.zeros(round(seconds * rate), np.float32)])
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
            frame.rate, frame.pts = rate, 0
            fit = av.AudioResampler(
                format=heard.codec_context.format, layout="stereo", rate=rate, frame_size=heard.frame_size or 1152
            )
            for piece in [*fit.resample(frame), *fit.resample(None)]:
                out.mux(heard.encode(piece))
            out.mux(heard.encode(None))
        if picture:
            for j in range(round(seconds * fps)):
                colour = COLOURS[2 * j // fps % 4]
                still = av.VideoFrame.from_ndarray(np.full((32, 48, 3), colour, np.uint8), format="rgb24")
                still.pts = j
                out.mux(shown.encode(still))
            out.mux(shown.encode(None))
    return path


FILMS = {
    "a.mp4": {},
    "a.mkv": {"codec": "mpeg4", "voice": "flac"},
    "a.mpg": {"codec": "mpeg1video", "voice": "mp2", "rate": 44100, "fps": 25},
}


VOICES = {  # how each container is heard and seen, and at which rate
    "a.mp4": ("mpeg4", "aac", 44100),
    "a.mkv": ("mpeg4", "aac", 44100),
    "b.mkv": ("mpeg4", "flac", 44100),
    "a.webm": ("libvpx", "libopus", 48000),
    "a.mpg": ("mpeg1video", "mp2", 44100),
    "b.mpg": ("mpeg2video", "ac3", 48000),
}


def sweep(seconds: float, rate: int) -> np.ndarray:
    """A tone that never repeats: whoever is late by a sample is wrong by more than a hundredth of it."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * (200 * time + 60 * time**2))).astype(np.float32)


@pytest.fixture(scope="module", params=VOICES)
def rising(request, tmp_path_factory):
    """A film of 5 s with a sweep for its sound, every frame of which has a grey of its own."""
    path, (codec, voice, rate) = tmp_path_factory.mktemp("rising") / request.param, VOICES[request.param]
    with av.open(str(path), "w") as out:
        shown = out.add_stream(codec, rate=25, width=48, height=32, pix_fmt="yuv420p")
        heard = out.add_stream(voice, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(sweep(5, rate)[None], format="fltp", layout="mono")
        frame.rate, frame.pts = rate, 0
        kind, length = heard.codec_context.format, heard.frame_size or 1152
        fit = av.AudioResampler(format=kind, layout="mono", rate=rate, frame_size=length)
        packets = [
            packet for piece in [*fit.resample(frame), *fit.resample(None), None] for packet in heard.encode(piece)
        ]
        for j in range(5 * 25):
            packets += shown.encode(_grey(j))
        packets += shown.encode(None)
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    return path


def pitch_of(waveform: torch.Tensor) -> float:
    return float(torch.fft.rfft(waveform).abs().argmax()) * RATE / len(waveform)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg"])
@pytest.mark.parametrize("rate", [8000, 44100])
def test_sound_files_are_resampled_and_mixed_down(tmp_path, name, rate):
    soundfile.write(tmp_path / name, np.stack([tone(2, rate), np.zeros(2 * rate)], axis=1), rate)
    waveform = sound(tmp_path / name, RATE)
    assert waveform.dtype == torch.float32
    assert len(waveform) == pytest.approx(2 * RATE, abs=0.1 * RATE)
    assert pitch_of(waveform) == pytest.approx(440, abs=2)
    assert waveform[RATE // 2 : RATE].abs().max() == pytest.approx(0.25, abs=0.03)  # mean of a tone and of nothing


@pytest.mark.parametrize("name", FILMS)
def test_films_give_sound_and_frames(tmp_path, name):
    path = film(tmp_path / name, **FILMS[name])
    waveform = sound(path, RATE)
    assert len(waveform) == pytest.approx(2 * RATE, abs=0.15 * RATE)
    assert pitch_of(waveform) == pytest.approx(440, abs=3)
    assert waveform[RATE // 2 : RATE].abs().max() == pytest.approx(0.25, abs=0.05)
    shown = frames(path, 4.0, 24, start=0.0, end=2.0)
    assert shown.shape == (8, 3, 24, 24)
    # Sampled on the edge of a colour and in its middle: the middle ones tell.
    for j, colour in zip((1, 3, 5, 7), COLOURS, strict=True):
        torch.testing.assert_close(shown[j].mean(dim=(1, 2)), torch.tensor(colour) / 255, atol=0.06, rtol=0)


def test_start_and_end_select_the_same_sound_in_every_container(tmp_path):
    rate = 16000
    melody = np.concatenate([tone(1, rate, pitch) for pitch in (300, 600, 1200)])
    soundfile.write(tmp_path / "a.wav", melody, rate)
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        heard = out.add_stream("flac", rate=rate, layout="mono", format="s16")
        frame = av.AudioFrame.from_ndarray((melody[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.rate, frame.pts = rate, 0
        fit = av.AudioResampler(format="s16", layout="mono", rate=rate, frame_size=heard.frame_size or 1152)
        for piece in [*fit.resample(frame), *fit.resample(None), None]:
            out.mux(heard.encode(piece))
    for name in ("a.wav", "a.mkv"):
        part = sound(tmp_path / name, rate, start=1.25, end=1.75)
        assert len(part) == pytest.approx(8000, abs=16)
        torch.testing.assert_close(part[:7900], torch.from_numpy(melody[20000:27900]), atol=2e-3, rtol=0)
        assert len(sound(tmp_path / name, rate, start=1.0, at_most=0.5)) == pytest.approx(8000, abs=16)


def test_sound_from_a_start_on_is_a_slice_of_all_of_it(rising):
    whole = sound(rising, RATE)
    for start in (0.02, 0.7, 3.123):
        part, own = sound(rising, RATE, start=start, end=start + 1), whole[round(start * RATE) :][:RATE]
        assert len(part) == RATE
        assert (part - own).abs().max() < 0.02 * own.abs().max()


def test_pictures_from_a_start_on_are_a_slice_of_all_of_them(rising):
    whole = frames(rising, 25.0, 16, start=0.02, end=4.82)  # asked for in the middle of each frame
    for skipped in (18, 80):
        part = frames(rising, 25.0, 16, start=0.02 + skipped / 25, end=1.02 + skipped / 25)
        assert torch.equal(part, whole[skipped:][:25])


@pytest.mark.parametrize("rate", [44100, 22040])  # the second meets 16 kHz every 551 samples
@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_a_part_of_a_sound_file_is_a_slice_of_all_of_it(tmp_path, name, rate):
    if name == "a.mp3" and rate == 22040:
        pytest.skip("mp3 has no such rate")
    soundfile.write(tmp_path / name, sweep(6, rate), rate)
    whole = sound(tmp_path / name, RATE)
    for start in (0.02, 0.7, 3.3):
        part = sound(tmp_path / name, RATE, start=start, end=start + 1)
        assert len(part) == RATE
        assert (part - whole[round(start * RATE) :][:RATE]).abs().max() < 0.02 * 0.4


def test_sound_that_begins_after_its_film_is_in_its_place_from_every_start(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        shown = out.add_stream("mpeg4", rate=25, width=48, height=32, pix_fmt="yuv420p")
        heard = out.add_stream("flac", rate=RATE, layout="mono", format="s16")
        packets = [p for j in range(150) for p in shown.encode(_grey(j))] + shown.encode(None)
        samples = (sweep(2, RATE)[None] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.rate, frame.pts = RATE, 4 * RATE
        fit = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=heard.frame_size or 1152)
        packets += [p for piece in [*fit.resample(frame), *fit.resample(None), None] for p in heard.encode(piece)]
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            out.mux(packet)
    whole = sound(tmp_path / "a.mkv", RATE)
    assert whole[: 4 * RATE - 20].abs().max() == 0
    for start in (3.5, 4.5):
        torch.testing.assert_close(
            sound(tmp_path / "a.mkv", RATE, start=start, end=start + 1), whole[round(start * RATE) :][:RATE],
            atol=1e-3, rtol=0,
        )  # fmt: skip
    with pytest.raises(BadMedia, match="silence"):
        sound(tmp_path / "a.mkv", RATE, start=1.0, end=2.0)


def _grey(j: int):
    still = av.VideoFrame.from_ndarray(np.full((32, 48, 3), j * 37 % 256, np.uint8), format="rgb24")
    still.pts = j
    return still


def test_a_frame_is_shown_until_the_next_one_comes(tmp_path):
    path = film(tmp_path / "a.mp4", fps=4)  # colours change every second frame
    for j, shown in enumerate(frames(path, 8.8, 16, end=2.0)):  # one of them is asked for just before each edge
        colour = torch.tensor(COLOURS[int(2 * j / 8.8)]) / 255
        torch.testing.assert_close(shown.mean(dim=(1, 2)), colour, atol=0.06, rtol=0)


def test_quiet_sound_is_no_silence(tmp_path):
    soundfile.write(tmp_path / "a.wav", 0.002 * tone(1, RATE), RATE)  # 60 dB below full scale
    assert sound(tmp_path / "a.wav", RATE).abs().max() == pytest.approx(0.001, rel=0.05)


def test_a_whole_film_with_something_behind_it_is_whole(tmp_path):
    path = film(tmp_path / "a.mp4")
    whole = sound(path, RATE)
    for tail in (b"\0" * 40, b"\0\1\2\3 no box at all"):
        path.write_bytes(path.read_bytes() + tail)
        assert torch.equal(sound(path, RATE), whole)


def test_sound_on_one_side_and_overshoots_are_no_faults(tmp_path):
    voices = np.random.default_rng(0).normal(0, 0.3, (RATE, 2))
    for name, samples in {"side": voices * [1, 0], "wide": voices @ [[1, -0.7], [-0.7, 1]], "hot": 6 * voices}.items():
        soundfile.write(tmp_path / f"{name}.wav", samples, RATE, subtype="FLOAT")
        assert len(sound(tmp_path / f"{name}.wav", RATE)) == RATE


def test_the_middle_square_of_a_wide_picture_is_kept(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        shown = out.add_stream("ffv1", rate=5, width=96, height=32, pix_fmt="bgr0")
        picture = np.zeros((32, 96, 3), np.uint8)
        picture[:, 32:64, 1] = 255  # a green square in the middle
        for j in range(5):
            still = av.VideoFrame.from_ndarray(picture, format="rgb24")
            still.pts = j
            out.mux(shown.encode(still))
        out.mux(shown.encode(None))
    seen = frames(tmp_path / "a.mkv", 5.0, 32, end=1.0)
    torch.testing.assert_close(seen[:, 1, :, 1:-1], torch.ones(5, 32, 30), atol=0.02, rtol=0)
    assert seen[:, [0, 2]].max() < 0.02


def test_a_film_that_ends_a_little_early_repeats_its_last_frame(tmp_path):
    path = film(tmp_path / "a.mp4", seconds=1.8)
    shown = frames(path, 5.0, 16, end=2.0)
    assert len(shown) == 10
    assert torch.equal(shown[9], shown[8])


def spoiled(tmp_path, how):
    path = tmp_path / f"{how}.wav"
    if how == "empty file":
        path.write_bytes(b"")
    elif how == "not sound":
        path.write_text("no sound at all " * 50)
    elif how == "cut wav":
        soundfile.write(path, tone(1, RATE), RATE)
        path.write_bytes(path.read_bytes()[:9000])
    elif how == "cut flac":
        path = path.with_suffix(".flac")
        soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, RATE * 2), RATE)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    elif how == "cut ogg":
        path = path.with_suffix(".ogg")
        soundfile.write(path, tone(4, RATE), RATE)
        path.write_bytes(path.read_bytes()[: -path.stat().st_size // 20])
    elif how == "integers":
        soundfile.write(path, 32767 * tone(1, RATE), RATE, subtype="FLOAT")
    elif how == "antiphase":
        path = path.with_suffix(".ogg")  # a coder leaves more than silence of it
        soundfile.write(path, np.stack([tone(1, RATE), -tone(1, RATE)], axis=1), RATE)
    elif how == "cut mp4":
        path = film(path.with_suffix(".mp4"))
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "cut mkv":
        path = film(path.with_suffix(".mkv"), voice="flac")
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "no sound track":
        path = film(path.with_suffix(".mp4"), audio=False)
    elif how == "silence":
        soundfile.write(path, np.zeros(RATE), RATE)
    elif how == "NaN":
        soundfile.write(path, np.where(np.arange(RATE) == 7, np.nan, tone(1, RATE)), RATE, subtype="FLOAT")
    elif how == "rate":
        soundfile.write(path, tone(1, RATE), 11)
    elif how == "no samples":
        soundfile.write(path, np.zeros(0), RATE)
    return path


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("gone", "file missing"),
        ("empty file", "unreadable"),
        ("not sound", "unreadable"),
        ("cut wav", "truncated"),
        ("cut flac", "truncated or damaged"),
        ("cut ogg", "truncated: without its last page"),
        ("cut mp4", "truncated: .* bytes"),
        ("cut mkv", "truncated"),
        ("no sound track", "no audio track"),
        ("silence", "silence"),
        ("integers", "beyond full scale: a peak of 1.64e.04"),
        ("antiphase", "antiphase"),
        ("NaN", "NaN"),
        ("rate", "wrong rate: 11 Hz"),
        ("no samples", "truncated|no samples"),
    ],
)
def test_bad_sound_has_a_reason(tmp_path, how, reason):
    with pytest.raises(BadMedia) as fault:
        sound(spoiled(tmp_path, how), RATE, clip="c1")
    assert fault.value.clip == "c1"
    assert re.search(reason, fault.value.reason), fault.value.reason
    assert "\n" not in fault.value.reason


def test_clip_beyond_the_end_of_its_file(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(2, RATE), RATE)
    film(tmp_path / "a.mp4")
    for name in ("a.wav", "a.mp4"):
        for span in ({"start": 5.0}, {"start": 1.0, "end": 4.0}):
            with pytest.raises(BadMedia, match="truncated"):
                sound(tmp_path / name, RATE, **span)
    with pytest.raises(BadMedia, match="pictures end"):
        frames(tmp_path / "a.mp4", 4.0, 16, start=1.0, end=4.0)


def test_frames_of_a_sound_file(tmp_path):
    with pytest.raises(BadMedia, match="no video track"):
        frames(film(tmp_path / "a.mkv", picture=False), 4.0, 16)


@pytest.mark.skipif(
    data_dir() is None or not (data_dir() / "media" / "nasa_13013.mp4").is_file(),
    reason="no real film: set AVLIB_DATA to a folder that holds media/nasa_13013.mp4",
)
def test_real_film():
    path = data_dir() / "media" / "nasa_13013.mp4"
    waveform = sound(path, RATE, start=2.0, end=12.0)
    assert len(waveform) == 10 * RATE
    shown = frames(path, 2.0, 32, start=2.0, end=12.0)
    assert shown.shape == (20, 3, 32, 32)
    assert shown.std() > 0.02
    later = frames(path, 2.0, 32, start=4.0, end=12.0)
    assert math.isclose(float((shown[4:] - later).abs().max()), 0.0, abs_tol=1e-6)  # seeking lands on the same pictures


def test_a_file_says_which_tracks_it_carries(tmp_path):
    both, dumb, blind = (
        film(tmp_path / f"{name}.mp4", 0.5, **kind)
        for name, kind in (("both", {}), ("dumb", {"audio": False}), ("blind", {"picture": False}))
    )
    told = {path.stem: [carries(path, modality) for modality in ("audio", "video")] for path in (both, dumb, blind)}
    assert told == {"both": [True, True], "dumb": [False, True], "blind": [True, False]}
    (tmp_path / "damaged.mp4").write_bytes(both.read_bytes()[:100])
    for name in ("damaged.mp4", "missing.mp4"):
        assert not carries(tmp_path / name, "video")
    assert carries(tmp_path / "not even there.WAV", "audio")  # a suffix says it all: nothing is opened
    assert not carries(tmp_path / "not even there.WAV", "video")
