"""`python -m levada`: the command line, where the command itself is not on the path."""

from levada.cli import main

main()
