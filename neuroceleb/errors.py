"""What a person can mend, said so that they can."""


class UserError(Exception):
    """One sentence: what is wrong with which file or setting, and what to do about it.

    The command line prints it on stderr and leaves with code 2; the browser shows it as a toast.
    Everything else that is raised is a bug.
    """
