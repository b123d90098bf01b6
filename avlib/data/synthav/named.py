"""Thirty-two records that imitate AudioSet classes, and their implications.

Names are AudioSet's display names; the acoustic characters follow what the class is in the world.  The order is
that of the training frequencies, most frequent first; the first eight make a small world of their own.
"""

from avlib.data.synthav.records import EVEN, Band, Look, Movement, Pitch, Record, Rhythm, Sound, Timbre, Tremolo

SUSTAINED = Rhythm(0)
STEADY = Movement("steady")
UNPITCHED = Pitch(100, 400)


def _record(
    name: str,
    look: Look,
    timbre: Timbre,
    pitch: Pitch,
    movement: Movement,
    rhythm: Rhythm,
    band: Band,
    tremolo: Tremolo = EVEN,
    *,
    implies: tuple[str, ...] = (),
    tail: float = 0.0,
) -> Record:
    return Record(name, implies, Sound(timbre, pitch, movement, rhythm, band, tremolo, tail), look)


_SIREN = Timbre("harmonic", 0.0, 2.0)
_ALARM_BAND = Band(1200, 1.5)
_RED_LAMP = 0.0
_EMERGENCY = ("Emergency vehicle", "Siren")

# fmt: off
NAMED = (
    _record(
        "Speech", Look("disc", 0.08, "bob"), Timbre("harmonic", 0.15), Pitch(90, 260), Movement("wander", 7, 0.5),
        Rhythm(12, hold=0.45, decay=0.12, irregular=0.35), Band(900, 1.6),
    ),
    _record(
        "Music", Look("stripes", 0.75, "sway"), Timbre("chord"), Pitch(130, 420), Movement("melody", depth=0.6),
        Rhythm(7, hold=0.6, decay=0.3, irregular=0.0), Band(900, 1.8),
    ),
    _record(
        "Siren", Look("ring", _RED_LAMP, "still"), _SIREN, Pitch(450, 1000), Movement("wail", 4, 0.7),
        SUSTAINED, _ALARM_BAND,
    ),
    _record(
        "Police car (siren)", Look("bar", 0.62, "sway"), _SIREN, Pitch(450, 1000), Movement("sweep", 9, 0.9),
        SUSTAINED, _ALARM_BAND, implies=_EMERGENCY,
    ),
    _record(
        "Bell", Look("triangle", 0.13, "sway"), Timbre("bell"), Pitch(250, 900), STEADY,
        Rhythm(3.5, attack=0.01, hold=0.0, decay=0.4), Band(1200, 1.6),
    ),
    _record(
        "Change ringing (campanology)", Look("triangle", 0.13, "jump"), Timbre("bell"), Pitch(300, 900),
        Movement("rounds", depth=1.0), Rhythm(10, attack=0.02, hold=0.0, decay=0.5, irregular=0.03), Band(1200, 1.6),
        implies=("Bell",),
    ),
    _record(
        "Engine", Look("square", 0.62, "bob"), Timbre("pulse", 0.25, 0.5), Pitch(35, 90), Movement("wander", 3, 0.4),
        SUSTAINED, Band(400, 1.6), Tremolo(20, 0.5),
    ),
    _record(
        "Plop", Look("disc", 0.55, "jump", 0.2), Timbre("tone"), Pitch(250, 700), Movement("chirp", depth=1.5),
        Rhythm(5, attack=0.02, hold=0.08, decay=0.06, irregular=0.3), Band(700, 1.8),
    ),
    _record(
        "Emergency vehicle", Look("bar", _RED_LAMP, "sway"), Timbre("harmonic", 0.3, 2.0), Pitch(400, 900),
        Movement("wail", 4, 0.7), SUSTAINED, Band(700, 1.8), Tremolo(20, 0.5),
    ),
    _record(
        "Traffic noise, roadway noise", Look("bar", 0.33, "sway"), Timbre("noise"), UNPITCHED, STEADY,
        Rhythm(3, attack=0.45, hold=0.1, decay=0.2, irregular=0.15), Band(350, 1.6),
    ),
    _record(
        "Ambulance (siren)", Look("cross", _RED_LAMP, "sway"), _SIREN, Pitch(400, 800), Movement("steps", 5, 0.42),
        SUSTAINED, _ALARM_BAND, implies=_EMERGENCY,
    ),
    _record(
        "Fire engine, fire truck (siren)", Look("square", _RED_LAMP, "sway"), Timbre("drone", 0.05, 1.0),
        Pitch(400, 900), Movement("wail", 4, 0.7), Rhythm(4, hold=0.6, decay=0.1), Band(800, 1.6), implies=_EMERGENCY,
    ),
    _record(
        "Civil defense siren", Look("ring", 0.13, "spin"), Timbre("harmonic", 0.0, 1.0), Pitch(300, 700),
        Movement("wail", 1.6, 0.8), SUSTAINED, Band(900, 1.6), implies=("Siren",), tail=0.2,
    ),
    _record(
        "Smoke detector, smoke alarm", Look("ring", 0.45, "still", 0.2), Timbre("tone"), Pitch(1500, 3200), STEADY,
        Rhythm(4, (0.0, 0.25, 0.5), hold=0.12, decay=0.01, irregular=0.0), Band(2500, 1.6),
    ),
    _record(
        "Bagpipes", Look("stripes", 0.33, "still"), Timbre("drone"), Pitch(250, 600), Movement("melody", depth=0.7),
        Rhythm(9, hold=0.98, decay=0.2, irregular=0.1), Band(1200, 1.6), implies=("Music",),
    ),
    _record(
        "Crowing, cock-a-doodle-doo", Look("triangle", _RED_LAMP, "bob"), Timbre("harmonic", 0.15), Pitch(350, 900),
        Movement("arc", depth=0.9), Rhythm(2.5, (0.0, 0.2, 0.36, 0.52), hold=0.13, decay=0.05), Band(1500, 1.6),
    ),
    _record(
        "Frog", Look("disc", 0.33, "jump"), Timbre("harmonic", 0.1), Pitch(250, 800), Movement("arc", depth=0.5),
        Rhythm(9, hold=0.3, decay=0.1, irregular=0.1), Band(1200, 1.6),
    ),
    _record(
        "Croak", Look("diamond", 0.33, "grow"), Timbre("pulse", 0.0, 0.0), Pitch(25, 60), STEADY,
        Rhythm(6, hold=0.45, decay=0.05, irregular=0.1), Band(1000, 1.6), implies=("Frog",),
    ),
    _record(
        "Pig", Look("disc", 0.92, "sway"), Timbre("pulse", 0.6, 0.5), Pitch(50, 140), Movement("wander", 8, 0.5),
        Rhythm(5, attack=0.15, hold=0.3, decay=0.15, irregular=0.3), Band(800, 1.8),
    ),
    _record(
        "Oink", Look("disc", 0.92, "grow"), Timbre("pulse", 0.4, 0.5), Pitch(80, 200), Movement("chirp", depth=0.8),
        Rhythm(8, hold=0.3, decay=0.1, irregular=0.15), Band(900, 1.8), implies=("Pig",),
    ),
    _record(
        "Heart sounds, heartbeat", Look("diamond", _RED_LAMP, "grow"), Timbre("noise"), UNPITCHED, STEADY,
        Rhythm(5, (0.0, 0.35), attack=0.03, hold=0.05, decay=0.06, irregular=0.02), Band(200, 1.4),
    ),
    _record(
        "Sine wave", Look("stripes", 0.55, "still"), Timbre("tone", 0.0, 4.0), Pitch(250, 3000), STEADY,
        SUSTAINED, Band(900, 2.5),
    ),
    _record(
        "Mosquito", Look("cross", 0.45, "orbit", 0.2), Timbre("harmonic", 0.0, 0.5), Pitch(400, 900),
        Movement("wander", 5, 0.35), SUSTAINED, Band(1800, 1.6), Tremolo(8, 0.7),
    ),
    _record(
        "Whale vocalization", Look("diamond", 0.62, "orbit", 0.4), Timbre("harmonic", 0.05, 2.0), Pitch(150, 600),
        Movement("arc", depth=-1.2), Rhythm(3, attack=0.1, hold=0.6, decay=0.1, irregular=0.15), Band(600, 1.6),
        tail=0.2,
    ),
    _record(
        "Light engine (high frequency)", Look("square", 0.13, "spin"), Timbre("pulse", 0.4, 0.0), Pitch(100, 250),
        Movement("wander", 3, 0.3), SUSTAINED, Band(1500, 1.8), Tremolo(30, 0.4), implies=("Engine",),
    ),
    _record(
        "Chainsaw", Look("bar", 0.13, "orbit"), Timbre("pulse", 0.4, 0.0), Pitch(90, 220), Movement("arc", depth=0.7),
        Rhythm(4, attack=0.1, hold=0.8, decay=0.2, irregular=0.2), Band(1800, 1.8),
        implies=("Light engine (high frequency)",),
    ),
    _record(
        "Sewing machine", Look("square", 0.92, "bob"), Timbre("noise"), UNPITCHED, STEADY,
        Rhythm(24, attack=0.1, hold=0.15, decay=0.15, irregular=0.02), Band(1500, 1.6),
    ),
    _record(
        "Sizzle", Look("stripes", 0.08, "still", 0.4), Timbre("crackle", 0.3), UNPITCHED, STEADY,
        SUSTAINED, Band(3000, 1.8), Tremolo(3, 0.3),
    ),
    _record(
        "Static", Look("stripes", 0.92, "jump", 0.4), Timbre("crackle", 0.8), UNPITCHED, STEADY,
        Rhythm(6, hold=0.7, decay=0.05, irregular=0.4), Band(2000, 2.2),
    ),
    _record(
        "Mains hum", Look("bar", 0.75, "still"), Timbre("odd", 0.0, 0.8), Pitch(48, 62), STEADY,
        SUSTAINED, Band(400, 2.0),
    ),
    _record(
        "Baby cry, infant cry", Look("ring", 0.08, "bob"), Timbre("harmonic", 0.1, 0.8), Pitch(330, 620),
        Movement("arc", depth=0.5), Rhythm(4, attack=0.08, hold=0.6, decay=0.1, irregular=0.15), Band(1500, 1.6),
    ),
    _record(
        "Reverberation", Look("square", 0.75, "grow", 0.4), Timbre("noise"), UNPITCHED, STEADY,
        Rhythm(4, attack=0.01, hold=0.04, decay=0.03, irregular=0.3), Band(900, 2.2), tail=0.35,
    ),
)
# fmt: on
