"""The store: what was accepted stays, an attempt that counts no more changes nothing, and a lock is waited for."""

import asyncio
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from serve.jobs.job import Asked, NewJob
from serve.jobs.store import KeyTakenError, QueueFullError, Store, StoreBusyError, StoreError

HOW = {"lease": 10.0, "attempts": 3, "at_once": 100}


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    made = Store(tmp_path / "jobs.sqlite", clock=clock, patience=0.5)
    yield made
    made.close()


def new(name="a", **changes):
    return NewJob(**{"id": name, "owner": "me", "name": f"{name}.mp4", "asked": Asked(), "fingerprint": name} | changes)


def add(store, name="a", **changes):
    return store.add(new(name, **changes), waiting=100)[0]


def test_a_job_comes_back_as_it_was_given(store, tmp_path, clock):
    asked = Asked(without=("face",), all_tracks=True, prompts=("crying", "Ähm 'quoted'"))
    add(store, asked=asked, key="k", callback="http://example.org/", erase=True)
    again = Store(tmp_path / "jobs.sqlite").get("a")
    assert (again.asked, again.key, again.callback, again.erase) == (asked, "k", "http://example.org/", True)
    assert (again.state, again.created, again.attempt, again.version) == ("queued", clock.now, 0, 0)
    assert store.get("b") is None


def test_jobs_are_claimed_in_the_order_they_came_in_by_one_only(store):
    for name in "abc":
        add(store, name)
    claimed = [store.claim(**HOW) for _ in range(4)]
    assert [job and job.id for job in claimed] == ["a", "b", "c", None]
    assert all(job.state == "running" and job.attempt == 1 for job in claimed[:3])
    assert store.counts() == {"running": 3}


def test_many_threads_claim_each_job_once(store):
    for number in range(40):
        add(store, str(number))

    def claim(_):
        while True:  # a store that is busy is asked again
            try:
                return store.claim(**HOW)
            except StoreBusyError:
                time.sleep(0.01)

    with ThreadPoolExecutor(8) as pool:
        claimed = [job.id for job in pool.map(claim, range(60)) if job]
    assert sorted(claimed, key=int) == [str(number) for number in range(40)]


def test_no_more_than_so_many_are_worked_on(store, clock):
    for name in "abc":
        add(store, name)
    few = HOW | {"at_once": 2}
    first = store.claim(**few)
    assert store.claim(**few).id == "b"
    assert store.claim(**few) is None
    assert store.finish(first, place="1", files={}, degraded={}, seconds=3)
    assert store.claim(**few).id == "c"


def test_a_lease_that_ran_out_is_claimed_by_another_and_the_first_writes_nothing_more(store, clock):
    add(store)
    first = store.claim(**HOW)
    clock.now += 9
    assert store.renew(first, lease=10)
    clock.now += 9
    assert store.claim(**HOW) is None
    clock.now += 2
    second = store.claim(**HOW)
    assert (second.id, second.attempt, second.seconds) == ("a", 2, 0)
    assert second.holder != first.holder
    late = {"place": "1", "files": {"json": "old"}, "degraded": {}, "seconds": 3}
    assert not store.held(first)
    assert not store.renew(first, lease=10)
    assert not store.advance(first, seconds=5, duration=9, degraded={})
    assert not store.finish(first, **late)
    assert not store.fail(first, trouble="bug", reason="late")
    assert not store.postpone(first, delay=0, counted=True)
    assert store.get("a").state == "running"
    assert store.finish(second, place="2", files={"json": "new"}, degraded={}, seconds=3)
    assert not store.finish(second, **late)
    assert (store.get("a").place, store.get("a").files) == ("2", {"json": "new"})


def test_after_the_last_attempt_a_job_has_failed_with_a_sentence(store, clock):
    add(store)
    for _ in range(3):
        assert store.claim(**HOW) is not None
        clock.now += 11
    assert store.claim(**HOW) is None
    job = store.get("a")
    assert (job.state, job.trouble, job.ended) == ("failed", "lost", clock.now)
    assert "3 times" in job.reason


def test_where_there_was_no_room_it_was_no_attempt(store, clock):
    add(store)
    for waits in range(5):
        job = store.claim(**HOW)
        assert (job.attempt, job.waits) == (1, waits)
        store.postpone(job, delay=7, counted=False)
        assert store.claim(**HOW) is None
        clock.now += 7
    store.postpone(store.claim(**HOW), delay=0, counted=True)
    assert store.claim(**HOW).attempt == 2


def test_the_same_key_is_the_same_job_and_another_content_is_refused(store):
    _, fresh = store.add(new("a", key="k"), waiting=1)
    assert fresh
    again, fresh = store.add(new("b", key="k", fingerprint="a"), waiting=1)  # though the queue is full
    assert (again.id, fresh) == ("a", False)
    with pytest.raises(KeyTakenError, match="another request"):
        store.add(new("c", key="k"), waiting=9)
    assert store.add(new("d", key="k", owner="you"), waiting=9)[1]
    assert store.get("c") is None


def test_a_full_queue_takes_no_job(store):
    add(store, "a")
    with pytest.raises(QueueFullError, match="1 jobs wait already"):
        store.add(new("b"), waiting=1)
    store.claim(**HOW)
    assert store.add(new("b"), waiting=1)[1]


def test_the_list_is_the_owners_newest_first(store):
    for name in "abcd":
        add(store, name)
    add(store, "x", owner="you")
    assert [job.id for job in store.listed("me", limit=2)] == ["d", "c"]
    assert [job.id for job in store.listed("me", limit=9, after="c")] == ["b", "a"]
    assert store.listed("me", limit=9, after="x") == []
    assert store.listed("nobody", limit=9) == []


def test_a_cancelled_job_is_forgotten_but_for_its_end(store, clock):
    add(store, asked=Asked(prompts=("secret",)))
    job = store.claim(**HOW)
    store.cancel("a")
    now = store.get("a")
    assert (now.state, now.name, now.asked, now.erased, now.over) == ("cancelled", "", Asked(), clock.now, True)
    assert not store.held(job)
    clock.now += 1
    store.cancel("a")
    assert store.get("a").erased == clock.now - 1


def test_what_is_old_is_erased_and_later_forgotten(store, clock):
    for name in "abc":
        add(store, name)
    store.finish(store.claim(**HOW), place="1", files={"json": "x"}, degraded={}, seconds=3)
    store.claim(**HOW | {"lease": 1e9})
    clock.now += 99
    assert store.expire(keep=100) == []
    clock.now += 2
    assert store.expire(keep=100) == ["a"]
    assert store.get("a").document()["formats"] == []
    assert store.get("b").state == "running"
    assert (store.get("c").state, store.get("c").trouble) == ("failed", "overload")
    clock.now += 599
    store.expire(keep=100)
    assert store.get("a") is not None
    clock.now += 2
    store.expire(keep=100)
    assert store.get("a") is None
    assert store.unknown(["a", "b"]) == ["a"]


def test_every_end_is_called_back_and_until_it_is_taken(store, clock):
    for name in "abcd":
        add(store, name, callback="http://example.org/")
    add(store, "e")
    store.finish(store.claim(**HOW), place="1", files={}, degraded={}, seconds=3)
    store.fail(store.claim(**HOW), trouble="clip", reason="no")
    store.cancel("c")
    clock.now += 1
    calls = [store.take_call(hold=5) for _ in range(4)]
    assert sorted(call.id for call in calls if call) == ["a", "b", "c"]
    first = calls[0]
    clock.now += 6
    again = store.take_call(hold=5)  # whoever took it never said what became of it
    assert (again.id, again.calls) == (first.id, 2)
    store.called(first, end="delivered")  # too late: another has taken it
    assert store.get(first.id).call_end is None
    store.called(again, end="delivered")
    assert store.get(first.id).call_end == "delivered"
    while (call := store.take_call(hold=5)) is not None:
        assert call.id != first.id
        store.called(call, end=None, delay=50)
    clock.now += 49
    assert store.take_call(hold=5) is None
    clock.now += 1
    assert store.take_call(hold=5) is not None


@pytest.fixture
def lock(store, tmp_path):
    """Another program that takes the store for itself."""
    store.counts()
    held = sqlite3.connect(tmp_path / "jobs.sqlite", isolation_level=None, check_same_thread=False)
    yield held
    held.close()


def test_a_locked_store_is_waited_for(store, lock):
    lock.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.4, lambda: lock.execute("COMMIT")).start()
    job, fresh = asyncio.run(store.ask(store.add, new(), waiting=9))
    assert fresh
    assert store.get("a") == job


def test_a_store_that_stays_locked_is_told_and_reading_goes_on(store, lock):
    add(store)
    lock.execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    with pytest.raises(StoreBusyError, match="try again in a moment"):
        asyncio.run(store.ask(store.add, new("b"), waiting=9))
    assert time.monotonic() - began >= 0.5
    assert asyncio.run(store.ask(store.get, "a")).id == "a"
    lock.execute("ROLLBACK")
    assert store.get("b") is None
    assert add(store, "b").state == "queued"


def test_a_store_of_another_version_is_a_sentence(tmp_path):
    with sqlite3.connect(tmp_path / "jobs.sqlite") as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StoreError, match=r"is a store of version 7, but this program writes version 1; use"):
        Store(tmp_path / "jobs.sqlite").counts()


def test_what_is_no_store_is_a_sentence(tmp_path):
    (tmp_path / "jobs.sqlite").write_text("no database at all, but long enough to be looked at " * 50)
    with pytest.raises(StoreError, match="cannot be used"):
        Store(tmp_path / "jobs.sqlite").counts()
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="give another folder"):
        Store(tmp_path / "file" / "jobs.sqlite").counts()
