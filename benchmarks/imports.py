"""The CPU of one import in a fresh process: `python -m benchmarks.imports MODULE[:NAME[()]]`.

With the brackets the class that is named is made once as well, with a token.

Nothing is imported before it but what measuring needs, so that the module pays for all it uses.
"""

import sys
import time


def main() -> None:
    started = time.process_time()
    module, _, name = sys.argv[1].partition(":")
    found = __import__(module)
    if name:
        thing = getattr(found, name.removesuffix("()"))
        if name.endswith("()"):
            thing("pat_x")
    cpu = time.process_time() - started

    import json
    import statistics

    from benchmarks.contenders import calibration

    # The import is measured once, so one odd calibration would move it by as much.
    scale = statistics.median(calibration() for _ in range(7))
    print(json.dumps({"cpu": cpu, "calibration": scale}))


if __name__ == "__main__":
    main()
