"""Convert the published file: `python -m modalities.encoders.emoaffectnet FILE FOLDER`."""

import sys
from pathlib import Path

from modalities.encoders.emoaffectnet.convert import convert_emoaffectnet, save_emoaffectnet

if len(sys.argv) != 3:
    sys.exit(f"usage: python -m modalities.encoders.emoaffectnet FILE FOLDER; got {len(sys.argv) - 1} arguments")
save_emoaffectnet(convert_emoaffectnet(Path(sys.argv[1])), Path(sys.argv[2]))
