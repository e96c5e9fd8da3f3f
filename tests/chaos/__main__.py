"""`python -m tests.chaos`, which `./anken chaos` runs. Imports little: every forked service imports this module too."""

import sys

if __name__ == "__main__":
    from tests.chaos.command import main

    sys.exit(main())
