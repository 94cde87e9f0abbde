"""What may go wrong, in three kinds that a caller treats differently. Each message is one line: the thing, the value, the remedy."""

from __future__ import annotations


class EtalonError(Exception):
    """Root of every refusal of the program; its text is meant for the user as it stands."""


class RequestError(EtalonError):
    """The request, a configuration or an argument is wrong: nothing was computed (exit code 2)."""


class InputError(EtalonError):
    """An input file cannot be used: its acquisition fails, the others go on."""


class ArchiveError(EtalonError):
    """The archive cannot be read or written: disk full, no permission, a folder that was altered."""


def one_line(error: BaseException) -> str:
    """The text of an error folded to a single line, with its type where it is not one of ours."""
    text = " ".join(str(error).split())
    cause = " ".join(str(error.__cause__ or "").split())
    if cause and not isinstance(error, EtalonError) and cause not in text:
        text = f"{text} ({cause})"
    return text if isinstance(error, EtalonError) else f"{type(error).__name__}: {text}"
