"""What may be asked again: a handle does not repeat a call whose replica died, so whoever asks does, once.

All calls of the graph can be repeated, for replicas keep nothing of a clip.
"""

from __future__ import annotations

from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError

DIED = (ActorDiedError, ActorUnavailableError, RayActorError)
"""What a call says whose replica died."""
TURNS = (1, 2)
"""How often a call is made at most."""
