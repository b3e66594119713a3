"""`python -m semphase` is the command `semphase`."""

from semphase.cli.app import main

main()
