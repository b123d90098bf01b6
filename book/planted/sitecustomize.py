"""Python imports this before all else where its folder is on the path: see `book.rounding`."""

import os

if "AVLIB_ROUNDING" in os.environ:
    import book.rounding

    book.rounding.plant(int(os.environ["AVLIB_ROUNDING"]))
