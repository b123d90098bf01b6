"""Read by every kernel at its start where ``PYTHONSTARTUP`` names it: see `book.rounding`."""

import os

if "AVLIB_ROUNDING" in os.environ:
    import book.rounding

    book.rounding.plant(int(os.environ["AVLIB_ROUNDING"]))
