"""The sweeps of one search: what each varies and reads, what it tells while it runs, and what it shows at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ray.tune.search import Searcher

from ensemble.plan import Plan
from modalities.config import Range
from tuning.fit.rows import ROWS_FILE
from tuning.members import Fitting, Known
from tuning.recipe import Recipe, RecipeError
from tuning.run import Ready
from tuning.search.asking import Asking, claim_study
from tuning.search.outcome import Objective, Outcome, write_outcome
from tuning.search.point import TOGETHER, laid_over, now, owner
from tuning.search.provenance import limits
from tuning.search.settings import OBJECTIVES, SearchSettings
from tuning.search.shown.pictures import Weights, write_pictures
from tuning.search.shown.table import write_trials
from tuning.search.trials.confirm import confirm
from tuning.search.trials.costs import Costs, measure_costs
from tuning.search.trials.ensemble import Asked, EnsembleTask
from tuning.search.trials.folds import groups_of
from tuning.search.trials.member import ITERATIONS, SCORE, MemberTask
from tuning.search.tune.searchers import searcher, trials_of
from tuning.search.tune.sweep import OUTCOME, Sweep, run_sweep
from tuning.search.tune.trial import Task
from tuning.search.tune.watch import Told
from tuning.stages import Stages
from tuning.storage import fetch, holds, send
from tuning.train import sides_of

COSTS = "costs.json"


@dataclass(frozen=True, slots=True)
class Sweeps:
    """One search: its recipe, what is encoded, and where it is written."""

    recipe: Recipe
    ready: Ready
    folder: Path
    asking: Asking
    stages: Stages

    @property
    def how(self) -> SearchSettings:
        """How the recipe wants to be searched."""
        return self.recipe.tune

    def member(self, member: str, ranges: Mapping[str, Range]) -> Outcome:
        """Sweep a member's settings."""
        folder = self.folder / member
        task = MemberTask(self.recipe, member, folder / "rows", self.how.member_folds, groups_of(self._learnt))
        self._keep_rows(member, folder / "rows")
        sweep = Sweep(member, ranges, (Objective(SCORE, "max"),), ITERATIONS)
        outcome = self._sweep(sweep, task, self.recipe, folder)
        if outcome.chosen is None and self.how.confirm:
            with self.stages.stage(f"confirm {member}"):
                outcome = confirm(task, outcome, now(self.recipe, tuple(ranges)), self.how.confirm)
            write_outcome(outcome, folder / OUTCOME)
            send(folder / OUTCOME)
        return outcome

    def ensemble(self, tuned: Recipe, plan: Plan, asked: tuple[Asked, ...], ranges: Mapping[str, Range]) -> Outcome:
        """Sweep how the members are put together."""
        objectives = tuple(OBJECTIVES[name] for name in self.how.objectives)
        task = EnsembleTask(tuned, asked, self.how.folds, self._costs(plan))
        return self._sweep(Sweep(TOGETHER, ranges, objectives), task, tuned, self.folder / TOGETHER)

    @property
    def dev(self) -> Sequence[Known]:
        """The clips that decide."""
        return sides_of(self.ready.read)["dev"]

    def show(self, outcomes: Sequence[Outcome], weights: Mapping[str, Weights]) -> None:
        """Write every sweep's trials as tables and pictures, and the weights of the winner."""
        for outcome in outcomes:
            folder, within = self.folder / outcome.name, limits(outcome, self.recipe)
            write_trials(outcome, folder)
            write_pictures(outcome, folder, within=within, weights=weights if outcome.name == TOGETHER else {})
            for path in folder.iterdir():
                if path.is_file():
                    send(path)

    def _sweep(self, sweep: Sweep, task: Task, recipe: Recipe, folder: Path) -> Outcome:
        trials = trials_of(self.how, sweep.space)
        study = f"{recipe.name}.{sweep.name}"
        make = partial(
            _searcher,
            self.asking,
            self.how,
            sweep.space,
            sweep.objectives,
            now(recipe, tuple(sweep.space)),
            Possible(recipe, self.ready.plan),
            seed=recipe.seed,
            storage=self.asking.storage,
            study=study,
        )
        with self.stages.stage(f"search {sweep.name}") as show:
            told = _Teller(self.stages, sweep, show)
            outcome = run_sweep(
                sweep,
                task,
                self.how,
                folder,
                make_searcher=make,
                trials=trials,
                jobs=self.asking.jobs,
                report=told,
                where=recipe.cluster,
            )
        times = f"{outcome.seconds:.0f} s, {outcome.start:.0f} s of it until the first began"
        added = f"then Ray adds {outcome.added_started:.2f} s to each"
        self.stages.say(f"search {sweep.name}: {len(outcome.trials)} trials in {times}; {added}")
        for trial in (one for one in outcome.trials if one.problem):
            self.stages.say(f"search {sweep.name}: trial {trial.number} failed: {trial.problem}")
        return outcome

    @property
    def _learnt(self) -> Sequence[Known]:
        """The clips that a member is fitted on: of train, and where folds decide those of dev too."""
        sides = sides_of(self.ready.read)
        return [*sides["train"], *sides["dev"]] if self.how.member_folds else sides["train"]

    def _keep_rows(self, member: str, folder: Path) -> None:
        """Write the rows that all trials of a member read, once."""
        if all(holds(folder / side / ROWS_FILE) for side in ("train", "dev")):
            return
        plan, sides = self.ready.plan, sides_of(self.ready.read)
        of = next(one for one in plan.members if one.name == member)
        if not any(True for _ in plan.heads[member].parameters()):
            raise RecipeError(f"{member} has nothing that is fitted, so there is nothing to search; leave it out")
        fitting = Fitting(plan, of, self.recipe.fitting(member), self.recipe.seed, self.ready.cache)
        fitting.keep(self._learnt, folder / "train")
        fitting.keep(sides["dev"], folder / "dev")
        send(folder)

    def _costs(self, plan: Plan) -> Costs | None:
        """Measure what members cost, if anybody asks; a search that goes on has the same numbers."""
        if "cost_ms" not in (*self.how.objectives, *self.how.limits):
            return None
        path = self.folder / COSTS
        if not fetch(path).exists():
            self.stages.say("costs: timing every part on a clip of dev")
            self.folder.mkdir(parents=True, exist_ok=True)
            measure_costs(plan, self.dev[0].clip).save(path)
            send(path)
        return Costs.load(path)


def _searcher(asking: Asking, *given: Any, study: str, **named: Any) -> Searcher:
    """Make the searcher of a sweep that begins."""
    claim_study(asking, study)
    return searcher(*given, study=study, **named)


class _Teller:
    """Says how far a sweep is, and how good its best trial."""

    def __init__(self, stages: Stages, sweep: Sweep, show: Callable[[float], None]) -> None:
        self._stages, self._sweep, self._show = stages, sweep, show
        self._best: float | None = None

    def __call__(self, told: Told) -> None:
        """Tell of a trial that ended."""
        self._show(min(told.ended / told.of, 1.0))
        if told.best is not None and told.best != self._best:
            self._best = told.best
            name = self._sweep.objectives[0].name
            self._stages.say(f"search {self._sweep.name}: best {name} {told.best:.4f} after {told.ended} trials")


class Possible:
    """Whether a point makes an ensemble; nothing is fitted for that.

    Tune keeps its searcher, and with it this, in a file after every trial: the plan, which holds networks, stays out.
    """

    def __init__(self, recipe: Recipe, plan: Plan | None = None) -> None:
        self._recipe, self._plan = recipe, plan
        self.why = ""
        """Of the last point that was impossible."""

    def __getstate__(self) -> dict[str, Any]:
        return {"_recipe": self._recipe, "_plan": None, "why": self.why}

    def __call__(self, point: Mapping[str, Any]) -> bool:
        """Try to make what the point asks for."""
        self._plan = plan = self._plan or Plan.of(self._recipe.ensemble)
        try:
            laid = laid_over(self._recipe, point)
            plan.again(laid.ensemble)
            for name in {owner(self._recipe, setting) for setting in point} - {TOGETHER}:
                plan.head(name, laid.ensemble)
        except (ValueError, TypeError) as error:
            self.why = str(error)
            return False
        return True
