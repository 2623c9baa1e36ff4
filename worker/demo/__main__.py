"""``python -m worker.demo``."""

import sys

from worker.demo.app import main

if __name__ == "__main__":
    sys.exit(main())
