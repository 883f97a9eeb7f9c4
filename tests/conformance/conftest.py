"""Puts the modules of bad plugins where a fresh process finds them too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
