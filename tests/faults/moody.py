"""Parts that fail when a file tells them to: the toys, with a mood."""

import time
from pathlib import Path

from modalities.encoders.encoder import SoundEncoder
from tests import toys


class Moody(toys.Loudness):
    """Raises while the file `raise` lies in its folder, and hangs while `hang` does."""

    name = "moody"

    class Config(SoundEncoder.Config):
        """Where its moods lie."""

        moods: str

    def encode(self, inputs):
        moods = Path(self.config.moods)
        if (moods / "raise").exists():
            raise RuntimeError("a bad mood, told by a file in /secret/place")
        while (moods / "hang").exists():
            time.sleep(0.1)
        return super().encode(inputs)
