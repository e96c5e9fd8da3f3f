"""`python -m tests.chaos`, which `./anken chaos` runs. Imports little: every forked service imports this module too."""

import sys

if __name__ == "__main__":
    from anken.errors import Failed
    from tests.chaos.command import main

    try:
        sys.exit(main())
    except Failed as error:
        sys.exit(f"anken chaos: {error}")
