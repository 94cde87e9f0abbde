"""Coverage-guided fuzzing of one family of readers, as a process of its own: `reader_fuzzer.py FAMILY FOLDER [libFuzzer options]`.

FOLDER receives a small valid product of the family, whose header is then replaced by every input. What may come out of a reader is an acquisition or an
EtalonError; anything else ends the process with an error and leaves the input in FOLDER.
"""

from __future__ import annotations

import random
import re
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["calib.products", "calib.raster", "calib.acquisition"]):
    from fuzz_families import FAMILIES

from calib.errors import EtalonError

_TEXT = re.compile(rb">[^<>]*<|[:=] [^\n]*\n")
_ELEMENT = re.compile(rb"<(\w[\w:.]*)[^<>]*>[^<>]*</\1>|[^\n]*\n")
_VALUES = (
    b"nan", b"NaN", b"inf", b"-inf", b"1e999", b"-1", b"0", b"", b" ", b"1_000", b"0x10", b"999999999999999999999", b"1e300", b"../../../etc/passwd",
    b"/etc/passwd", b"\x00", b"\xff\xfe", b"UTC=9999-99-99T99:99:99", b"NIL=OTHER:EXTERNAL", b"NONE", b"UTC=1066-10-14T00:00:00", b"\xc2\xb2",
    "١٢".encode(), b"a" * 5000, b"1 " * 500, b"True", b"[]", b"{}", b"%s%n", b"-0.0", b"5e-324",
)  # fmt: skip


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """A header with a value replaced, an element removed, repeated or moved; or bytes changed blindly."""
    generator = random.Random(seed)
    action = generator.randrange(5)
    spots = list((_TEXT if action in (0, 1) else _ELEMENT).finditer(data)) if action < 4 else []
    if not spots:
        return bytes(atheris.Mutate(data, max_size))[:max_size]
    spot = generator.choice(spots)
    found = spot.group()
    if action in (0, 1):
        new = found[:1] + generator.choice(_VALUES) + found[-1:]
    elif action == 2:
        new = b""
    else:
        new = found * generator.choice((2, 3, 50))
    return (data[: spot.start()] + new + data[spot.end() :])[:max_size]


def main() -> None:
    family, folder = FAMILIES[sys.argv[1]], Path(sys.argv[2])
    case = family(folder / "product")
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(case.seeds):
        (corpus / f"seed{number}").write_bytes(seed)

    def one_input(data: bytes) -> None:
        try:
            case.read(data)
        except EtalonError as error:
            text = str(error)
            assert text and "\n" not in text, f"no one-line message: {text!r}"

    longest = max(len(seed) for seed in case.seeds) * 2
    options = [
        f"-artifact_prefix={folder}/",
        f"-max_len={longest}",
        "-print_final_stats=1",
        "-verbosity=0",
        "-close_fd_mask=1",
    ]
    atheris.Setup([sys.argv[0], *options, *sys.argv[3:], str(corpus)], one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
