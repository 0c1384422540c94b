"""The demo corpus: 135 clips with exact labels for all four tasks, made on the spot from two portraits and a voice.

    scripts = plan_demo(seed=0)
    for script in scripts:  # each about a second; may run in parallel
        make_clip(script, folder)
    corpus = read_demo(folder)

It shows that everything works, and is learnable on two cores in minutes. It says nothing about real people.
"""

from tuning.corpora.demo.film import clip_paths, is_made, make_clip
from tuning.corpora.demo.plan import DEMO_VERSION, Script, plan_demo
from tuning.corpora.demo.read import read_demo

__all__ = ["DEMO_VERSION", "Script", "clip_paths", "is_made", "make_clip", "plan_demo", "read_demo"]
