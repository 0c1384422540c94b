"""The `predict` command: many clips in, files out.

summary = predict([Path("clips")], Path("results"))
print(summary.document())
"""

from ensemble.manifest import find_bundle
from ensemble.predict.clips import Gathered, InputError, gather_named
from ensemble.predict.run import predict
from ensemble.predict.summary import Summary
from ensemble.recognizer import Wishes

__all__ = ["Gathered", "InputError", "Summary", "Wishes", "find_bundle", "gather_named", "predict"]
