"""The command `levada` from its first moment, in which there is nothing yet to stop: Ctrl-C ends it without a word.

It lies beside the package, as importing anything of that takes a tenth of a second.
"""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(128 + number))
        from levada.cli import main as command

        signal.signal(signal.SIGINT, signal.default_int_handler)
    else:  # ignored, as under nohup
        from levada.cli import main as command
    command()
