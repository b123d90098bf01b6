"""A record in words: how a class of `synthav` sounds and looks."""

from avlib.data.synthav.records import Look, Record, Sound

SOURCES = {
    "harmonic": "tone", "odd": "hollow tone", "tone": "whistle", "chord": "chord", "drone": "tone over a drone",
    "bell": "ringing", "pulse": "buzz", "noise": "hiss", "crackle": "crackle",
}  # fmt: skip
PATHS = {
    "steady": "", "wail": "rising and falling", "sweep": "sweeping upwards", "steps": "on two steps in turn",
    "arc": "up and back", "chirp": "chirping upwards", "melody": "in a melody", "rounds": "down a scale, reordered",
    "wander": "wandering",
}  # fmt: skip
MOTIONS = {
    "still": "still", "sway": "swaying", "bob": "bobbing", "orbit": "circling", "spin": "spinning", "jump": "jumping",
    "grow": "swelling",
}  # fmt: skip
HUES = {
    "red": 0.0, "orange": 0.08, "yellow": 0.14, "green": 0.33, "turquoise": 0.46, "sky-blue": 0.55, "blue": 0.63,
    "violet": 0.75, "pink": 0.92,
}  # fmt: skip


def described(record: Record) -> str:
    """How the class of `record` sounds, and as what it is seen.

    >>> from avlib.data.synthav.named import NAMED
    >>> print(described(NAMED[3]))
    tone of 450–1000 Hz, sweeping upwards, sustained; seen as blue bar, swaying
    """
    return f"{_sound(record.sound)}; seen as {_look(record.look)}"


def _sound(sound: Sound) -> str:
    unpitched = sound.noisiness == 1
    rough = "rough " if sound.timbre.noise >= 0.2 and not unpitched else ""
    where = f"round {sound.band.centroid:.0f}" if unpitched else f"of {sound.pitch.low:.0f}–{sound.pitch.high:.0f}"
    said = [
        f"{rough}{SOURCES[sound.timbre.kind]} {where} Hz",
        "down and back" if sound.movement.path == "arc" and sound.movement.depth < 0 else PATHS[sound.movement.path],
        f"{sound.onset_density:.0f} strokes a clip" if sound.rhythm.bars else "sustained",
        "trembling" if sound.tremolo.depth >= 0.3 else "",
        "with a long echo" if sound.tail else "",
    ]
    return ", ".join(filter(None, said))


def _look(look: Look) -> str:
    size = "small " if look.size < 0.25 else "large " if look.size > 0.35 else ""
    colour = min(HUES, key=lambda name: abs((HUES[name] - look.hue + 0.5) % 1 - 0.5))
    return f"{size}{colour} {look.shape}, {MOTIONS[look.motion]}"
