"""A process that judges damaged files until one is too much for it.

``python -m tests.pipelines.pull.fuzz_child FIRST LAST SPARE [TRAP]``: files FIRST to LAST - 1 of `mutants.mutant`, with
SPARE bytes of address space beyond what the libraries took. Tells each number before it is judged, so that whoever
started it knows what a crash came from. TRAP makes one file crash, hang or take memory, to see that this is noticed.
"""

import ctypes
import faulthandler
import os
import resource
import sys
import time

from tests.pipelines.pull.mutants import CORPUS, assert_sound, mutant

HANGS_AFTER_S = 20


def main(first: int, last: int, spare: int, trap: str = "") -> None:
    """Judge the files; any exception, signal or hang ends the process with a status other than 0."""
    for body in CORPUS.values():  # what is loaded or allocated once
        assert_sound(body)
    with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 a file of the kernel's
        taken = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + spare, taken + spare))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(first, last):
        faulthandler.dump_traceback_later(HANGS_AFTER_S, exit=True)  # from a thread that needs no lock
        os.write(1, b"%d\n" % seed)
        if trap and seed == (first + last) // 2:
            _fall_into(trap)
        assert_sound(mutant(seed)[1])
    faulthandler.cancel_dump_traceback_later()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    os.write(1, b"grown by %d KiB\n" % grown)


def _fall_into(trap: str) -> None:
    match trap:
        case "crash":
            ctypes.string_at(0)
        case "hang":
            faulthandler.dump_traceback_later(0.2, exit=True)
            time.sleep(600)
        case "memory":
            bytearray(1 << 31)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
