"""The one exception that a user of the book is meant to read."""


class AvlibError(Exception):
    """A mistake that the user can mend.

    The message is one line: the thing, its value, what is allowed, and what to do.
    Notebooks and commands print that line alone, without a traceback.
    """
