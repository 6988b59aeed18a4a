"""Errors that a user can fix."""


class UserError(Exception):
    """One sentence: which file or setting is wrong, and how to fix it.

    The command line prints it on stderr and exits with code 2; the page shows it as a message.
    Every other exception is a bug.
    """
