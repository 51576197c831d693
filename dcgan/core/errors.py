"""The one exception that speaks to the user."""


class UserError(Exception):
    """Something the user can mend: what went wrong and, in `hint`, what to do about it.

    The command line prints both, without a traceback, and exits with code 2.

    Args:
        problem: what went wrong, in one line that names the file, option or value.
        hint: what to do next, in one line; empty where the problem says it all.
    """

    def __init__(self, problem: str, hint: str = ""):
        super().__init__(problem)
        self.problem = problem
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(line for line in (self.problem, self.hint) if line)
