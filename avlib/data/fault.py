"""What is wrong with a clip that cannot be used."""

RATES = (1000, 768_000)  # Hz; beyond these a header lies


class BadMedia(Exception):
    """A clip that cannot be used: it is listed in the ledger with `reason`, and the ingest goes on."""

    def __init__(self, clip: str, reason: str) -> None:
        super().__init__(clip, reason)
        self.clip, self.reason = clip, reason


def plausible(rate: int, clip: str) -> int:
    """`rate` itself, when sound can have it.

    Raises
    ------
    BadMedia
        When it is below 1 kHz or above 768 kHz.
    """
    if not RATES[0] <= rate <= RATES[1]:
        raise BadMedia(clip, f"wrong rate: {rate} Hz")
    return rate
