"""python -m service is paramcount."""

import sys

from service.cli import main

sys.exit(main())
