"""``make book``: see `book.build`."""

import sys

from book.ending import stop_on_interrupt

stop_on_interrupt()

from book.kernels import begin_loading  # noqa: E402

begin_loading()

from book.build import main  # noqa: E402 (torch takes seconds, in which a person may press Ctrl-C)

sys.exit(main())
