"""A clip: which events, when, how loud, heard or seen; the sound and the picture that come of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft

from avlib.data.source import SPLITS
from avlib.data.split import Event, Media
from avlib.data.synthav.picture import FPS, SIDE, background, draw
from avlib.data.synthav.records import Band
from avlib.data.synthav.sound import response, room, source
from avlib.data.synthav.timeline import CONTROL, STEP, Array, timeline
from avlib.data.synthav.worlds import World, blurred
from avlib.features import RATE

DISTRACTED = 0.4  # share of the clips with an unlabelled source
COLOUR = 1.0  # how strongly the spectrum of every event is moved, tilted and bent
LEVEL = 0.02  # root mean square of every clip
FLOOR = (-36.0, -22.0)  # dB, from an event at full gain to the noise floor
HISS = Band(800, 4)  # the noise floor before it is tilted and bent
_PLAN, _TIMELINE, _SOUND, _LOOK, _ROOM, _SCREEN = range(6)


@dataclass(frozen=True)
class Scenery:
    """Everything that decides a clip beside its number: the world, the dials, the length in seconds.

    `events` are the fewest and most labelled events in a clip; every number between is equally likely.
    """

    world: World
    seconds: float = 2.5
    audio_informativeness: float = 1.0
    video_informativeness: float = 1.0
    agreement: float = 0.8
    class_frequency: float = 0.7
    label_noise: float = 0.02
    events: tuple[int, int] = (1, 3)
    seed: int = 0

    def generator(self, split: str, i: int, part: int, purpose: int) -> np.random.Generator:
        """The random numbers of one purpose, in one part (event) of clip `i`: nothing else touches them."""
        key = (self.seed, SPLITS.index(split), i, part, purpose)
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


@dataclass(frozen=True)
class Plan:
    """One source in a clip; `label` is None for a distractor.  Times in control points, gain in dB."""

    label: int | None
    onset: int
    points: int
    gain: float
    heard: bool
    seen: bool
    part: int


def plan(scenery: Scenery, split: str, i: int) -> tuple[list[Plan], Array]:
    """What happens in clip `i`, and its weak labels (C,), without making a sample of it.

    Classes are drawn without repetition, with weights r^(−class_frequency) for rank r in training, equal ones
    elsewhere.  A noisy label names another class than the event's; what it implies comes with it.  Those of eval are
    right, whatever the dial: a score there says what a model got wrong, and not what its labels did.
    """
    draws = scenery.generator(split, i, 0, _PLAN)
    count = len(scenery.world.records)
    weight = -scenery.class_frequency * np.log(np.arange(1, count + 1)) if split == "train" else np.zeros(count)
    order = np.argsort(-(weight + draws.gumbel(size=count)))
    noise = 0.0 if split == "eval" else scenery.label_noise
    labels = np.zeros(count, np.float32)
    fewest, most = scenery.events
    count_events = min(fewest + int((most - fewest + 1) * draws.random()), count)
    unlabelled = draws.random() < DISTRACTED
    total = round(scenery.seconds * CONTROL)
    plans = []
    for part in range(most + 1):
        length, place, loud, both, which, wrong, other = draws.random(7)
        points = int(total * (0.4 + 0.4 * length))
        onset = int((total - points) * place)
        agreed = both < scenery.agreement
        if part == 0:
            if unlabelled:
                plans.append(Plan(None, onset, points, -8 - 10 * loud, bool(which < 0.7), bool(which >= 0.3), part))
        elif part <= count_events:
            label = int(order[part - 1])
            noted = (label + 1 + int(other * (count - 1))) % count if wrong < noise else label
            labels[scenery.world.closure[noted]] = 1
            heard, seen = bool(agreed or which < 0.5), bool(agreed or which >= 0.5)
            plans.append(Plan(label, onset, points, -5 * loud, heard, seen, part))
    return plans, labels


def render(
    scenery: Scenery, split: str, i: int, modalities: Sequence[str] = ("audio", "video")
) -> tuple[Media, Array, tuple[Event, ...]]:
    """Clip `i` of `split`, its weak labels (C,) and its true events.

    Sound (S,) at 16 kHz and frames (M, 3, 32, 32) at 10 Hz; a modality that is not asked for is left empty, and
    asking for it or not changes nothing in the other.
    """
    plans, labels = plan(scenery, split, i)
    waveform, frames = np.zeros(0, np.float32), np.zeros((0, SIDE, SIDE, 3), np.float32)
    if "audio" in modalities:
        waveform = _soundtrack(scenery, split, i, plans)
    if "video" in modalities:
        frames = _film(scenery, split, i, plans)
    media = Media(torch.from_numpy(waveform), RATE, torch.from_numpy(frames).permute(0, 3, 1, 2), FPS)
    return media, labels, true_events(plans)


def _soundtrack(scenery: Scenery, split: str, i: int, plans: list[Plan]) -> Array:
    """All that is heard, in one room over one noise floor, at one level whatever it is."""
    samples = round(scenery.seconds * CONTROL) * STEP
    size = fft.next_fast_len(samples + samples // 2, real=True)  # the tails of rooms do not come round
    draws = scenery.generator(split, i, 0, _ROOM)
    space = room(scenery.seconds * draws.uniform(0.02, 0.12), size, draws)
    hiss = response(HISS, size, COLOUR, draws)
    noise = (draws.standard_normal((2, len(hiss)), dtype=np.float32) * hiss).T.copy().view(np.complex64)[:, 0]
    floor = 10 ** (draws.uniform(*FLOOR) / 20) * np.sqrt(samples / 2 / np.mean(np.abs(noise) ** 2))
    mix = noise * np.float32(floor)
    for event in plans:
        if event.heard:
            mix += _heard(scenery, split, i, event, space, size)
    waveform = fft.irfft(mix, size)[:samples]
    level = LEVEL * 10 ** (draws.normal(0, 3) / 20)
    return np.clip(waveform * (level / np.sqrt(np.mean(waveform**2))), -1, 1).astype(np.float32)


def _heard(
    scenery: Scenery, split: str, i: int, event: Plan, space: NDArray[np.complex64], size: int
) -> NDArray[np.complex64]:
    """Spectrum of one event in its room, at its gain."""
    draws = scenery.generator(split, i, event.part, _SOUND)
    sounds = tuple(record.sound for record in scenery.world.records)
    sound = blurred(sounds[event.label or 0], sounds, _kept(event, scenery.audio_informativeness), draws)
    played = timeline(sound.rhythm, event.points, scenery.seconds, scenery.generator(split, i, event.part, _TIMELINE))
    buffer = np.zeros(size, np.float32)
    start = event.onset * STEP
    buffer[start : start + event.points * STEP] = source(sound, played, scenery.seconds, draws)
    spectrum = fft.rfft(buffer) * response(sound.band, size, COLOUR, draws)
    # Halfway between equal peaks and equal means, so that short strokes are neither drowned nor stand out.
    lasting = STEP * np.sqrt(event.points * np.sum(played.envelope**2))
    power = 2 * np.sum(np.abs(spectrum) ** 2) / size / lasting
    where = room(sound.tail * scenery.seconds, size, draws) if sound.tail else space
    return spectrum * where * np.float32(10 ** (event.gain / 20) / np.sqrt(power))


def _film(scenery: Scenery, split: str, i: int, plans: list[Plan]) -> Array:
    """All that is seen, before a dim background, through one grain: (M, 32, 32, 3), in steps of 1/255.

    Background and grain stand still, as a fixed camera's do after a codec: what changes is what moves.  If every
    pixel flickered, the film would take over twice the room of its sound's features on disk, and teach no more.
    """
    draws = scenery.generator(split, i, 0, _SCREEN)
    still = background(draws)
    frames = np.repeat(still[None], round(scenery.seconds * FPS), axis=0)
    grain = draws.standard_normal(still.shape, dtype=np.float32)
    looks = tuple(record.look for record in scenery.world.records)
    sounds = tuple(record.sound for record in scenery.world.records)
    for event in (event for event in plans if event.seen):
        hand = scenery.generator(split, i, event.part, _LOOK)
        keep = _kept(event, scenery.video_informativeness)
        look = blurred(looks[event.label or 0], looks, keep, hand)
        # The rhythm is the sound's as well: where the look is not the class's own, neither is what it moves to.
        rhythm = blurred(sounds[event.label or 0], sounds, keep, hand).rhythm
        played = timeline(rhythm, event.points, scenery.seconds, scenery.generator(split, i, event.part, _TIMELINE))
        loudness = _at_frames(played.envelope, event.onset, round(scenery.seconds * CONTROL), len(frames))
        draw(frames, look, loudness, hand)
    frames += 0.02 * grain
    return np.round(255 * np.clip(frames, 0, 1)) / np.float32(255)


def _kept(event: Plan, informativeness: float) -> float:
    """Share of its class's attributes that an event keeps: none where it has no class."""
    return 0.0 if event.label is None else informativeness


def true_events(plans: list[Plan]) -> tuple[Event, ...]:
    """The labelled ones among `plans`, with times in seconds."""
    return tuple(
        Event(p.label, p.onset / CONTROL, (p.onset + p.points) / CONTROL, p.heard, p.seen)
        for p in plans
        if p.label is not None
    )


def _at_frames(envelope: Array, onset: int, total: int, frames: int) -> Array:
    """The largest value of an event's envelope within each picture; NaN where the event is not."""
    whole = np.full(total, np.nan, np.float32)
    whole[onset : onset + len(envelope) - 1] = envelope[:-1]
    pieces = whole.reshape(frames, -1)
    return np.where(np.isnan(pieces).all(axis=1), np.nan, np.fmax.reduce(pieces, axis=1)).astype(np.float32)
