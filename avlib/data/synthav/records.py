"""What a class is: a record of attributes of its sound and of its look."""

from dataclasses import dataclass
from typing import NamedTuple

KINDS = ("harmonic", "odd", "tone", "chord", "drone", "bell", "pulse", "noise", "crackle")
PATHS = ("steady", "wail", "sweep", "steps", "arc", "chirp", "melody", "rounds", "wander")
SHAPES = ("disc", "ring", "square", "diamond", "triangle", "bar", "cross", "stripes")
MOTIONS = ("still", "sway", "bob", "orbit", "spin", "jump", "grow")


class Timbre(NamedTuple):
    """Kind of source; share of noise in it; roll-off: partial h has amplitude h^(−rolloff)."""

    kind: str
    noise: float = 0.0
    rolloff: float = 1.0


class Pitch(NamedTuple):
    """Range of the fundamental in Hz, from which each event draws."""

    low: float
    high: float


class Movement(NamedTuple):
    """Path of the pitch: its shape, its cycles in one clip, its depth in octaves (negative: downwards)."""

    path: str
    rate: float = 0.0
    depth: float = 0.0


class Rhythm(NamedTuple):
    """Bars in one clip (0: one sustained sound), strokes in a bar, and how each stroke rises, holds and decays.

    All times are shares of a bar, so that they scale with the clip.  `irregular` is the standard deviation of a
    stroke's time, and half of it the share of strokes left out.
    """

    bars: float
    strokes: tuple[float, ...] = (0.0,)
    attack: float = 0.03
    hold: float = 0.4
    decay: float = 0.1
    irregular: float = 0.05


class Tremolo(NamedTuple):
    """Modulation of the amplitude: cycles in one clip, and depth in [0, 1]."""

    rate: float = 0.0
    depth: float = 0.0


EVEN = Tremolo()


class Band(NamedTuple):
    """Spectral centroid in Hz, and width in octaves."""

    centroid: float
    width: float


@dataclass(frozen=True)
class Sound:
    """How a class sounds; `tail` is the reverberation that belongs to it, as a share of the clip."""

    timbre: Timbre
    pitch: Pitch
    movement: Movement
    rhythm: Rhythm
    band: Band
    tremolo: Tremolo = EVEN
    tail: float = 0.0

    @property
    def noisiness(self) -> float:
        """Share of noise in the source, 0 (periodic) to 1."""
        return 1.0 if self.timbre.kind in ("noise", "crackle") else self.timbre.noise

    @property
    def onset_density(self) -> float:
        """Strokes in one clip, were the event as long as the clip."""
        return max(1.0, self.rhythm.bars * len(self.rhythm.strokes))

    @property
    def stationarity(self) -> float:
        """Share of a bar that sounds at full level, 1 for a sustained sound without tremolo."""
        sounding = min(1.0, self.rhythm.hold * len(self.rhythm.strokes)) if self.rhythm.bars else 1.0
        return sounding * (1 - self.tremolo.depth / 2)


@dataclass(frozen=True)
class Look:
    """How a class looks: shape, hue on the colour circle [0, 1), motion, and size as a share of the picture."""

    shape: str
    hue: float
    motion: str
    size: float = 0.3


@dataclass(frozen=True)
class Record:
    """A class: its name, the classes that its label implies, its sound and its look."""

    name: str
    implies: tuple[str, ...]
    sound: Sound
    look: Look
