"""`python -m ravine` is the same as `ravine`."""

from ravine.cli.main import main

main()
