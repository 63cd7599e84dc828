"""``python -m kubepy``."""

import sys

from kubepy.cmd.main import main

if __name__ == "__main__":
    sys.exit(main())
