"""Foremen: each job is done once, whatever happens to whoever works on it; nothing of an old attempt is in a result."""

import asyncio
import json
import sqlite3
from collections import Counter

import pytest

from serve.jobs.foreman import Foreman
from serve.jobs.job import Asked, NewJob
from serve.jobs.jobs import Jobs
from serve.jobs.places import Places
from serve.jobs.store import Store
from serve.jobs.sweeper import Sweeper
from serve.settings import ServerSettings
from tests.serve.jobs.reader import Reader

PATIENCE = 60.0


@pytest.fixture
def places(tmp_path):
    return Places(tmp_path)


@pytest.fixture
def store(places):
    made = Store(places.store)
    yield made
    made.close()


def add(store, places, name="a", *, erase=False, **told):
    """Accept a clip that says what to do."""
    upload = places.root / "upload"
    upload.write_text(json.dumps(told))
    places.take_in(upload, name)
    new = NewJob(name, "me", f"{name}.mp4", Asked(prompts=("crying",)), name, erase=erase)
    return store.add(new, waiting=1000)[0]


async def until(happened):
    """Wait for something that the store tells."""
    async with asyncio.timeout(PATIENCE):
        while not happened():
            await asyncio.sleep(0.02)


def over(store, *names):
    return lambda: all(store.get(name).over for name in names)


class Working:
    """A foreman at work in a block."""

    def __init__(self, store, places, reader, **settings):
        jobs = {"folder": places.root, "lease": 5, "at_once": 4} | settings
        chosen = ServerSettings.model_validate({"jobs": jobs})
        self._foreman = Foreman(store, places, reader, chosen, poll=0.02, pause=0.02)

    async def __aenter__(self):
        self.task = asyncio.create_task(self._foreman.run())
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


def test_a_job_is_done_and_its_files_are_the_result(store, places):
    add(store, places, stretches=4, degraded={"audio": "it was lost"})

    async def run():
        async with Working(store, places, Reader()):
            await until(over(store, "a"))

    asyncio.run(run())
    job = store.get("a")
    assert (job.state, job.attempt, job.duration, job.degraded) == ("done", 1, 4, {"audio": "it was lost"})
    assert json.loads(places.results(job)["json"].read_text()) == {"clip": "a.mp4", "prompts": ["crying"]}
    assert places.clip("a").exists()


def test_progress_is_told_while_it_runs(store, places):
    add(store, places, stretches=40, pause=0.05)
    seen = []

    async def run():
        async with Working(store, places, Reader()):
            await until(lambda: seen.append(store.get("a").seconds) or store.get("a").over)

    asyncio.run(run())
    assert len(set(seen)) > 3
    assert seen == sorted(seen)


def test_two_foremen_race_for_thirty_jobs_and_each_is_done_once(store, places, tmp_path):
    names = [str(number) for number in range(30)]
    for name in names:
        add(store, places, name)
    log, other = tmp_path / "log", Store(places.store)

    async def run():
        async with Working(store, places, Reader(log)), Working(other, Places(places.root), Reader(log)):
            await until(over(store, *names))

    asyncio.run(run())
    other.close()
    lines = Counter(log.read_text().splitlines())
    assert lines == Counter({f"{what} {name}.mp4": 1 for what in ("begun", "done") for name in names})
    assert store.counts() == {"done": 30}


@pytest.mark.parametrize("trouble", ["clip", "wish", "timeout", "bug"])
def test_what_cannot_be_done_fails_at_once_with_the_sentence(store, places, trouble):
    add(store, places, ends=[trouble])

    async def run():
        async with Working(store, places, Reader()):
            await until(over(store, "a"))

    asyncio.run(run())
    job = store.get("a")
    assert (job.state, job.trouble, job.reason, job.attempt) == ("failed", trouble, f"the clip says {trouble}", 1)
    assert job.document()["problem"]["type"] == f"urn:twofold:problem:{trouble}"


def test_what_was_lost_or_found_no_room_is_tried_again(store, places):
    add(store, places, "a", ends=["overload", "overload", "overload", "lost", "break", "done"])
    add(store, places, "b", ends=["lost", "break", "lost", "done"])

    async def run():
        async with Working(store, places, Reader()):
            await until(over(store, "a", "b"))
            await until(
                lambda: {path.name for path in places.clip("a").parent.iterdir()} == {"clip", store.get("a").place}
            )

    asyncio.run(run())
    assert (store.get("a").state, store.get("a").attempt, store.get("a").waits) == ("done", 3, 3)
    assert (store.get("b").state, store.get("b").trouble, store.get("b").attempt) == ("failed", "lost", 3)


def test_whoever_is_told_to_stop_puts_its_jobs_back(store, places):
    add(store, places, stretches=10_000, pause=0.01)
    reader = Reader()

    async def run():
        async with Working(store, places, reader):
            await until(lambda: store.get("a").state == "running" and store.get("a").seconds > 0)

    asyncio.run(run())
    job = store.get("a")
    assert (job.state, job.attempt, reader.closed["a.mp4"]) == ("queued", 0, 1)


def test_an_attempt_that_was_taken_for_dead_changes_nothing(store, places):
    """A second foreman has taken the job over while the first one still works: only its files are the result."""
    add(store, places, stretches=50, pause=0.02)
    reader = Reader()

    async def run():
        async with Working(store, places, reader, lease=30):
            await until(lambda: store.get("a").state == "running")
            first = store.get("a")
            with sqlite3.connect(places.store, timeout=10) as connection:
                connection.execute("UPDATE jobs SET lease = 0")
            connection.close()
            second = store.claim(lease=60, attempts=3, at_once=9)
            assert (second.attempt, second.holder != first.holder) == (2, True)
            await until(lambda: reader.closed["a.mp4"] == 1)
            assert store.get("a").holder == second.holder
            await until(lambda: not places.attempt(first).exists())
            assert store.finish(second, place="2", files={}, degraded={}, seconds=3)

    asyncio.run(run())
    assert store.get("a").place == "2"


def test_a_job_whose_worker_went_silent_is_begun_by_another(store, places):
    add(store, places)
    gone = store.claim(lease=0.3, attempts=3, at_once=9)  # and nothing more is heard of it
    places.attempt(gone).mkdir()
    (places.attempt(gone) / "result.json").write_text("half")

    async def run():
        async with Working(store, places, Reader()):
            await until(over(store, "a"))
            await until(lambda: not places.attempt(gone).exists())

    asyncio.run(run())
    job = store.get("a")
    assert (job.state, job.attempt) == ("done", 2)
    assert "crying" in places.results(job)["json"].read_text()


def test_a_cancelled_job_stops_and_leaves_nothing(store, places):
    add(store, places, stretches=10_000, pause=0.01)
    reader = Reader()

    async def run():
        async with Working(store, places, reader):
            await until(lambda: reader.begun["a.mp4"] == 1)
            store.cancel("a")
            places.drop("a")
            await until(lambda: reader.closed["a.mp4"] == 1)
            await until(lambda: not places.clip("a").parent.exists())

    asyncio.run(run())
    assert store.get("a").state == "cancelled"


def test_the_clip_is_erased_at_the_end_where_that_was_asked(store, places):
    add(store, places, "a", erase=True)
    add(store, places, "b", erase=True, ends=["clip"])
    add(store, places, "c")

    async def run():
        async with Working(store, places, Reader()):
            await until(over(store, "a", "b", "c"))
            await until(lambda: not places.clip("a").exists() and not places.clip("b").exists())

    asyncio.run(run())
    assert places.clip("c").exists()
    assert places.results(store.get("a"))["json"].exists()


def test_a_locked_store_delays_jobs_and_loses_none(store, places, tmp_path):
    names = [str(number) for number in range(6)]
    for name in names:
        add(store, places, name, stretches=30, pause=0.01)
    log = tmp_path / "log"

    async def run():
        async with Working(store, places, Reader(log), lease=30):
            await until(lambda: "running" in store.counts())
            held = sqlite3.connect(places.store, isolation_level=None, timeout=10)
            held.execute("BEGIN EXCLUSIVE")
            await asyncio.sleep(1.5)
            held.execute("ROLLBACK")
            held.close()
            await until(over(store, *names))

    asyncio.run(run())
    assert store.counts() == {"done": 6}
    assert Counter(log.read_text().splitlines()) == Counter(
        f"{what} {name}.mp4" for what in ("begun", "done") for name in names
    )


def test_what_is_too_old_and_what_nobody_knows_is_swept(store, places):
    add(store, places, "a")
    add(store, places, "b", erase=True)
    add(store, places, "c")
    for _ in range(2):
        job = store.claim(lease=60, attempts=3, at_once=9)
        places.attempt(job).mkdir()
        store.finish(job, place=places.attempt(job).name, files={}, degraded={}, seconds=3)
    (places.root / "jobs" / "unknown").mkdir()
    (places.uploads).mkdir()
    (places.uploads / "now-1").write_text("half a clip")

    def swept(keep, grace):
        sweeper = Sweeper(store, places, keep=keep, upload_age=grace, grace=grace)
        asyncio.run(sweeper.round())
        return sorted(path.name for path in (places.root / "jobs").iterdir())

    assert swept(1000, 1000) == ["a", "b", "c", "unknown"]
    assert not places.clip("b").exists()  # a foreman that was killed had no time to erase it
    assert (places.uploads / "now-1").exists()
    assert swept(1000, 0) == ["a", "b", "c"]
    assert not (places.uploads / "now-1").exists()
    assert swept(1e-9, 1000) == ["c"]
    assert {store.get(name).state for name in "ab"} == {"done"}
    assert store.get("c").trouble == "overload"
    assert swept(1e-9, 1000) == []


def test_an_upload_becomes_a_job_or_stays_nothing(tmp_path):
    settings = ServerSettings.model_validate({"jobs": {"folder": tmp_path, "waiting": 1}})

    async def run():
        jobs = Jobs(settings, Reader())
        for name in "abc":
            (tmp_path / name).write_text("{}")
            (tmp_path / f"{name}2").write_text("{}")
        new = NewJob("a", "me", "a.mp4", Asked(), "f", key="k")
        assert await jobs.accept(tmp_path / "a", new) == (jobs.store.get("a"), True)
        again = NewJob("b", "me", "a.mp4", Asked(), "f", key="k")
        assert await jobs.accept(tmp_path / "b", again) == (jobs.store.get("a"), False)
        with pytest.raises(RuntimeError, match="1 jobs wait"):
            await jobs.accept(tmp_path / "c", NewJob("c", "me", "c.mp4", Asked(), "g"))
        with pytest.raises(FileNotFoundError):
            await jobs.accept(tmp_path / "missing", NewJob("d", "me", "d.mp4", Asked(), "g"))
        jobs.store.close()

    asyncio.run(run())
    assert [path.name for path in (tmp_path / "jobs").iterdir()] == ["a"]
