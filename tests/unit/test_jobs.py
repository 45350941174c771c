"""Jobs: what ends them, what they keep, what they forget."""

import contextvars
import gc
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest


def job_of(steps: Callable[[], Iterator[Any]], **options: Any) -> Any:
    from interp_nb._jobs import Job

    return Job(steps, **options)


class Stepper:
    """Steps that the test lets through one by one, so that nothing depends on timing."""

    def __init__(self, n_steps: int) -> None:
        self.n_steps = n_steps
        self.allowed = threading.Semaphore(0)
        self.taken = threading.Semaphore(0)
        self.seen: list[int] = []
        self.closed_in: str | None = None

    def __call__(self) -> Iterator[int]:
        try:
            for number in range(self.n_steps):
                assert self.allowed.acquire(timeout=20)
                yield number
        finally:
            self.closed_in = threading.current_thread().name

    def keep(self, number: int) -> None:
        self.seen.append(number)
        self.taken.release()

    def let(self, n: int) -> None:
        for _ in range(n):
            self.allowed.release()
            assert self.taken.acquire(timeout=20)


def test_job_takes_every_step_in_the_background():
    stepper = Stepper(3)
    job = job_of(stepper, on_step=stepper.keep, name="three")
    assert (job.state, repr(job)) == ("pending", "Job('three', pending)")
    assert job.start() is job
    stepper.let(3)
    assert job.wait() == "done"
    assert stepper.seen == [0, 1, 2]
    assert stepper.closed_in == "three"


def test_run_takes_every_step_in_the_foreground():
    seen: list[str] = []
    job = job_of(lambda: iter("abc"), on_step=seen.append)
    assert job.run() is job
    assert (job.state, seen) == ("done", ["a", "b", "c"])


def test_stop_keeps_what_was_taken():
    stepper = Stepper(1000)
    job = job_of(stepper, on_step=stepper.keep).start()
    stepper.let(2)
    job.stop()
    stepper.allowed.release()  # the step under way ends
    assert job.wait(20) == "stopped"
    assert stepper.seen[:2] == [0, 1] and len(stepper.seen) <= 3
    assert stepper.closed_in is not None, "the generator must be closed in the job's own thread"


def test_stop_ends_a_paused_job_and_one_that_never_started():
    stepper = Stepper(10)
    job = job_of(stepper, on_step=stepper.keep)
    job.pause()
    job.start()
    stepper.let(1)
    wait_for(lambda: job.state == "paused")
    job.stop()
    assert job.wait(20) == "stopped"

    never = job_of(stepper)
    never.stop()
    assert (never.wait(), never.start().state) == ("stopped", "stopped")


def test_pause_holds_and_resume_goes_on():
    stepper = Stepper(3)
    states: list[str] = []
    job = job_of(stepper, on_step=stepper.keep)
    job.observe(lambda job: states.append(job.state))
    job.start()
    job.pause()
    stepper.let(1)
    wait_for(lambda: job.state == "paused")
    stepper.allowed.release()
    assert not stepper.taken.acquire(timeout=0.15), "a paused job took a step"
    job.resume()
    assert stepper.taken.acquire(timeout=20)
    stepper.let(1)
    assert job.wait(20) == "done"
    assert states == ["running", "paused", "running", "done"]


def test_keyboard_interrupt_in_wait_stops_the_job_and_keeps_what_was_taken(monkeypatch):
    stepper = Stepper(1000)
    job = job_of(stepper, on_step=stepper.keep).start()
    stepper.let(2)
    real, calls = job._done.wait, []

    def interrupted(timeout: float | None = None) -> bool:
        calls.append(timeout)
        if len(calls) == 1:
            stepper.allowed.release()
            raise KeyboardInterrupt
        return real(timeout)

    monkeypatch.setattr(job._done, "wait", interrupted)
    assert job.wait() == "interrupted"
    assert stepper.seen[:2] == [0, 1]


def test_keyboard_interrupt_in_run_keeps_what_was_taken():
    seen: list[int] = []

    def steps() -> Iterator[int]:
        yield 1
        raise KeyboardInterrupt

    assert job_of(steps, on_step=seen.append).run().state == "interrupted"
    assert seen == [1]


@pytest.mark.parametrize("in_background", [True, False])
def test_failure_is_raised_where_the_result_is_waited_for(in_background):
    def steps() -> Iterator[int]:
        yield 1
        raise ValueError("no such cell")

    job = job_of(steps)
    with pytest.raises(ValueError, match="no such cell"):
        job.start().wait() if in_background else job.run()
    assert (job.state, type(job.error)) == ("failed", ValueError)


def test_job_runs_once():
    job = job_of(lambda: iter(()))
    job.run()
    with pytest.raises(RuntimeError, match="a job runs once"):
        job.start()


def test_job_copies_the_context_of_its_creator():
    strength = contextvars.ContextVar("strength", default=0)
    seen: list[int] = []
    token = strength.set(7)
    job = job_of(lambda: iter([1]), on_step=lambda _: seen.append(strength.get()))
    strength.reset(token)
    job.start().wait()
    assert seen == [7]


@pytest.mark.parametrize("fails", [True, False])
def test_ended_job_keeps_nothing_of_its_work_alive(fails):
    class Model:
        pass

    def make() -> tuple[Any, Any]:
        model = Model()

        def steps() -> Iterator[Any]:
            yield model
            if fails:
                raise ValueError("no")

        job = job_of(steps, on_step=lambda step: None).start()
        wait_for(lambda: job._done.is_set())
        return job, weakref.ref(model)

    job, model = make()
    gc.collect()
    assert job.ended and model() is None


def test_wait_from_inside_does_not_wait_and_timeout_gives_up():
    stepper = Stepper(1)
    states: list[str] = []
    job = job_of(stepper, on_step=lambda _: states.append(job.wait()))
    job.start()
    assert job.wait(0.01) == "running"
    stepper.allowed.release()
    assert job.wait(20) == "done"
    assert states == ["running"]


def test_watchers_hear_of_the_end_before_who_waits_and_their_errors_do_not_matter():
    heard: list[str] = []
    job = job_of(lambda: iter([1, 2]))

    def slow(job: Any) -> None:
        if job.ended:
            time.sleep(0.05)
        heard.append(job.state)

    job.observe(slow, each_step=True)
    job.observe(lambda job: 1 / 0)
    forget = job.observe(lambda job: heard.append("forgotten"))
    forget()
    job.start().wait()
    assert heard == ["running", "running", "running", "done"]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)
