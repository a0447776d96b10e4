"""``python -m emendo`` is the command line."""

from emendo.cli.main import main

main()
