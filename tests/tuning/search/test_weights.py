"""Searching weights: what is planted is found, what is published is reproduced, and noise is not followed."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch

from ensemble.fusion import MultiHeadProbabilityFusion
from modalities.labels import EXPRESSION
from tests.golden import g3, golden, softmax
from tests.tuning.search.planted import plant
from tuning.fit import FUSION_FIT, Data, Held, fit
from tuning.fusion_objective import FusionObjective
from tuning.search.weights.chosen import SHARES, bagged, choose
from tuning.search.weights.dirichlet import PUBLISHED, Budget, find_dirichlet, flat_draws
from tuning.search.weights.judge import Judge
from tuning.search.weights.member_weights import COARSE, FINE, find_member_weights
from tuning.search.weights.settle import second_level
from tuning.search.weights.votes import Votes

POINT = 0.01
QUICK = {"bags": 2, "budget": Budget(draws=200, rounds=4, per_round=200), "count": 3}


def absent(votes, member, seed=0):
    """Let a member be absent in half the segments."""
    said = votes.said.copy()
    said[member, np.random.default_rng(seed).random(len(votes.clips)) < 0.5] = False
    return replace(votes, said=said)


def alone(votes):
    """Macro-F1 of each member."""
    members, _, labels = votes.scores.shape
    return Judge(votes)(np.repeat(np.eye(members)[..., None], labels, axis=2))


def equal_members(seed, segments=600, members=4, labels=5):
    """Members that are all as good as the others: the plain mean is best."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(labels, size=segments)
    scores = softmax(np.eye(labels)[truth] + rng.normal(0, 1, (members, segments, labels)))
    clips = np.arange(segments) // 20
    one_hot = np.eye(labels, dtype=np.float32)[truth]
    return Votes(
        "distribution", scores.astype(np.float32), np.ones(scores.shape, np.bool_), one_hot, clips, np.zeros_like(clips)
    )


# ------------------------------------------------------------------------------------------------- what is published


def released_votes():
    truth = np.arange(126) % 7
    m, c = np.indices((3, 7)).astype(float)
    lift = np.eye(7)[truth][None] * (0.9 + 0.7 * np.cos(1.7 * m + 1.3 * c))[:, None]
    scores = softmax(1.2 * g3(3, 126, 7) + lift).astype(np.float32)
    one_hot, clips = np.eye(7, dtype=np.float32)[truth], np.arange(126)
    return Votes("distribution", scores, np.ones(scores.shape, np.bool_), one_hot, clips, np.zeros_like(clips))


def without_neutral(votes):
    return Judge(votes, "uar", classes=range(1, 7))


def test_the_published_search_is_reproduced():
    entry, judge = golden("released", "dirichlet_search"), without_neutral(released_votes())
    draws = flat_draws(3, 7, 400, seed=42)
    assert draws[:3] == pytest.approx(np.array(entry["first_3_draws"]), abs=1e-8)
    scores = judge(draws)
    assert scores[:20] == pytest.approx(np.array(entry["objective_first_20"]), abs=1e-9)
    assert scores.argmax() == entry["best_index"]
    found = find_dirichlet(judge, Budget(draws=400, rounds=0), seed=42)
    assert found.weights == pytest.approx(np.array(entry["best_weights"]), abs=1e-8)
    assert found.score == pytest.approx(entry["best_objective"], abs=1e-9)


def test_the_reference_search_counts_neutral_too():
    entry = golden("reference", "dirichlet_search")
    scores = Judge(released_votes(), "uar")(flat_draws(3, 7, 400, seed=42))
    assert scores[:20] == pytest.approx(np.array(entry["objective_first_20"]), abs=1e-8)
    assert (scores.argmax(), scores.max()) == (entry["best_index"], pytest.approx(entry["best_objective"], abs=1e-8))


def test_the_published_member_weights_are_reproduced():
    entry, votes = golden("released", "dirichlet_search"), released_votes()
    weights = np.array(entry["best_weights"])
    values, score = find_member_weights(without_neutral(votes), weights, refine=False)
    assert values == pytest.approx(np.array(entry["hierarchical"]["V_with_audio_in_third_place"]))
    assert score == pytest.approx(entry["hierarchical"]["final_objective_with_V_with_audio"], abs=1e-9)
    slipped = replace(votes, scores=votes.scores[[0, 1, 1]])
    values, _ = find_member_weights(without_neutral(slipped), weights, refine=False)
    assert values == pytest.approx(np.array(entry["hierarchical"]["V_as_released_call"]))


# --------------------------------------------------------------------------------------------------- what is planted


def test_the_search_goes_on_where_the_published_one_ends():
    votes, best = plant(0, segments=800, signal=3.0)
    judge = Judge(votes)
    published, found = find_dirichlet(judge, PUBLISHED), find_dirichlet(judge)
    assert found.score > judge(best[None])[0] - POINT
    assert published.score < found.score - 10 * POINT


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weak", [(), (0,)], ids=["planted", "noise"])
def test_what_is_planted_is_found(seed, weak):
    """Judged on fresh draws of the same plant; a member of pure noise changes nothing."""
    votes, best = plant(seed, signal=3.0, weak=weak)
    judge = Judge(plant(seed + 100, segments=20_000, signal=3.0, weak=weak)[0])
    optimum = judge(best[None])[0]
    assert judge(find_dirichlet(Judge(votes)).weights[None])[0] > optimum - POINT
    choice = choose(votes, seed=seed)
    assert judge(choice.weights[None])[0] > optimum - POINT


def train_mhpf(votes):
    """Train the gradient's fusion on the same votes, as it is where a recipe says nothing."""
    labels, members = EXPRESSION.labels.names, [f"member{number}" for number in range(len(votes.scores))]
    speaks = {member: {"expression": labels} for member in members}
    tasks = {"expression": {"kind": "distribution", "labels": labels}}
    config = MultiHeadProbabilityFusion.Config.model_validate({"speaks": speaks, "tasks": tasks, "widths": {}})
    fusion, rows = MultiHeadProbabilityFusion(config), {"expression": torch.from_numpy(votes.truth)}
    rows["expression.scores"] = torch.from_numpy(votes.scores).transpose(0, 1).contiguous()
    rows["expression.said"] = torch.from_numpy(votes.said).transpose(0, 1).contiguous()
    rows["expression.uncertainty"] = torch.full_like(rows["expression.scores"], np.nan)
    how = FUSION_FIT
    objective = FusionObjective({"expression": "distribution"}, dropout=how.member_dropout, pull=how.pull)
    fit(fusion, objective, Data(Held(rows, ("expression",)), None), how, seed=0)
    return fusion.weights("expression").detach().numpy()


@pytest.mark.slow
@pytest.mark.parametrize("weak", [(), (0,)], ids=["planted", "noise"])
def test_what_is_planted_is_learnt_by_gradient_too(weak):
    votes, best = plant(0, signal=3.0, weak=weak)
    judge = Judge(plant(100, segments=20_000, signal=3.0, weak=weak)[0])
    assert judge(train_mhpf(votes)[None])[0] > judge(best[None])[0] - POINT


@pytest.mark.slow
@pytest.mark.parametrize("member", range(6))
def test_a_fusion_without_a_member_in_half_the_segments_beats_the_best_member(member):
    votes, fresh = absent(plant(1)[0], member), plant(101, segments=20_000)[0]
    found, chosen = find_dirichlet(Judge(votes)), choose(votes, **QUICK)
    judge = Judge(absent(fresh, member, seed=1))
    best = alone(fresh).max()  # all members present
    assert judge(found.weights[None])[0] > best + 10 * POINT
    assert judge(chosen.weights[None])[0] > best + 10 * POINT


@pytest.mark.slow
def test_an_average_of_searches_loses_less_on_fresh_rows():
    lost = []
    for seed in range(4):
        votes, best = plant(seed, segments=500)
        judge = Judge(plant(seed + 100, segments=20_000)[0])
        single, many = find_dirichlet(Judge(votes)).weights, bagged(votes, Judge, bags=8, budget=Budget(2000), seed=0)
        lost.append(judge(best[None])[0] - judge(np.stack([single, many])))
    single, many = np.mean(lost, axis=0)
    assert many < 0.75 * single


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_where_all_members_are_equal_nothing_is_lost(seed):
    choice, judge = choose(equal_members(seed), seed=seed), Judge(equal_members(seed + 100, segments=20_000))
    mean, reached = judge(np.stack([np.full((4, 5), 0.25), choice.weights]))
    assert reached > mean - 0.5 * POINT


def test_a_gain_that_is_not_sure_is_left():
    choice = choose(equal_members(1, segments=200), **QUICK)
    assert len(choice.scores) == len(SHARES)
    assert choice.alpha == 0 or max(choice.scores) - choice.mean > choice.doubt
    assert choice.weights.sum(axis=0) == pytest.approx(np.ones(5))
    assert choice.score == choice.scores[SHARES.index(choice.alpha)]


def test_the_same_seed_finds_the_same():
    votes = plant(2, segments=200)[0]
    first, second = (choose(votes, **QUICK, seed=3) for _ in range(2))
    assert (first.weights == second.weights).all()
    assert first.scores == second.scores
    assert (choose(votes, **QUICK, seed=4).weights != first.weights).any()


def test_a_choice_follows_the_measure_that_is_asked_for():
    votes = plant(2, segments=300)[0]
    votes = replace(votes, corpora=votes.clips % 2)
    choice = choose(votes, partial(Judge, measure="uar", per_corpus=True), **QUICK)
    mean = np.full((1, *votes.scores.shape[::2]), 1 / 6)
    assert choice.mean == pytest.approx(Judge(votes, "uar", per_corpus=True)(mean)[0], abs=1e-3)
    assert choice.score > choice.mean


@pytest.mark.parametrize("kind", ["independent", "continuous"])
def test_columns_that_stand_for_themselves_are_found_one_by_one(kind):
    rng = np.random.default_rng(0)
    truth = rng.random((400, 6)) if kind == "continuous" else rng.random((400, 6)) < 0.4
    scores = rng.random((4, 400, 6))
    for column in range(6):
        scores[column % 4, :, column] = truth[:, column]
    clips = np.arange(400) // 10
    votes = Votes(
        kind, scores.astype(np.float32), np.ones(scores.shape, bool), truth.astype(np.float32), clips, clips * 0
    )
    assert find_dirichlet(Judge(votes), Budget(draws=300, rounds=5, per_round=200)).score > 1 - POINT
    assert choose(votes, **QUICK).score > 1 - POINT


def test_where_nothing_is_known_the_mean_stays():
    votes = equal_members(0, segments=100)
    truth = np.where(np.arange(5) == 3, np.nan, votes.truth).astype(np.float32)
    found = find_dirichlet(Judge(replace(votes, kind="independent", truth=truth)), QUICK["budget"]).weights
    assert found[:, 3] == pytest.approx(0.25)
    assert np.abs(found[:, :3] - 0.25).max() > 0.05
    unknown = replace(votes, truth=np.full_like(truth, np.nan))
    assert choose(unknown, **QUICK).weights == pytest.approx(0.25)


@pytest.mark.parametrize("members", [2, 3, 5])
def test_member_weights_are_refined(members):
    votes = plant(0, members=members, labels=5, segments=400)[0]
    judge, weights = Judge(votes), np.full((members, 5), 1 / members)
    start = np.full(members, COARSE[-1])
    values, score = find_member_weights(judge, weights)
    assert score == pytest.approx(judge((values[:, None] * weights)[None])[0])
    assert score >= judge((start[:, None] * weights)[None])[0]
    assert all(np.abs(FINE - value).min() < 1e-12 for value in values)
    assert score >= find_member_weights(judge, weights, refine=False)[1]


@pytest.mark.slow
def test_a_second_level_that_only_fits_the_rows_is_left_out():
    """Of members that are equally good, one weight per member is noise; of a useless one it is not."""
    kept = 0
    for seed in range(4):
        votes = equal_members(seed)
        weights = np.full((len(votes.scores), votes.truth.shape[1]), 1 / len(votes.scores))
        found = second_level(votes, weights)
        judge = Judge(equal_members(seed + 100, segments=20_000))
        if found is not None:
            kept += 1
            before, after = judge(np.stack([weights, found[:, None] * weights]))
            assert after > before - 0.5 * POINT
    assert kept <= 1
    votes, _ = plant(0, weak=(0,))
    weights = np.full((len(votes.scores), votes.truth.shape[1]), 1 / len(votes.scores))
    assert second_level(votes, weights) is not None
