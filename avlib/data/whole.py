"""Whether a file holds all the bytes that it promises: decoders read what is there of a cut one without a word."""

import math
import struct
from pathlib import Path

TAIL = 65_307 + 27  # bytes in which the last page of an Ogg stream begins: no page is longer


def missing(path: Path) -> str | None:
    """What is missing at the end of `path`, in a few words; None where nothing is, or where the format cannot tell.

    RIFF (wav) and MP4 write lengths in front of what they hold; the last page of an Ogg stream says that it is.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(12)
        if head[:4] == b"RIFF":
            promised = struct.unpack("<I", head[4:8])[0] + 8
            if size < promised < 2**32 - 16:  # writers to a pipe leave the largest number there
                return f"{size} of {promised} bytes"
        elif head[4:8] == b"ftyp":
            at = 0
            while at + 8 <= size:
                file.seek(at)
                length, kind, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
                length = {0: size - at, 1: long}.get(length, length)  # 0: up to the end; 1: the length comes later
                if length < 8 or not kind.isalnum():
                    return None  # no box: the decoder will say better what this is
                at += length
            if at > size:
                return f"{size} of at least {at} bytes"
        elif head[:4] == b"OggS":
            file.seek(max(0, size - TAIL))
            page = file.read().rpartition(b"OggS")[2]  # version, flags, 20 bytes, number of lengths, lengths
            ends = 23 + page[22] + sum(page[23 : 23 + page[22]]) if len(page) > 22 else math.inf
            if len(page) < ends or not page[1] & 4:
                return "without its last page"
    return None
