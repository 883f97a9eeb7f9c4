"""What can go wrong with a request: for this record alone, for now, or for the whole run."""

from __future__ import annotations

from finery import FineryError


class Unanswered(ValueError):
    """A record that the model does not answer: it becomes a decision, the others go on."""


class Again(Exception):
    """A fault that may pass: the request is sent again."""

    def __init__(self, said: str, wait: float | None = None, shared: bool = False) -> None:
        super().__init__(said)
        self.wait = wait
        """Seconds that the server asks to wait, where it does."""
        self.shared = shared
        """Whether it would meet every record: then the run stops when it does not pass."""


def stopped(said: str, remedy: str) -> FineryError:
    """The error that ends a run whose server cannot be used; what was answered is kept."""
    return FineryError.at("server", said, remedy)
