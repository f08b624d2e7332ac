"""What an async call awaits behaves like a future to the task that awaits it, and wakes it sooner."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from weaverlab.transport.answer import Answer
from weaverlab.wire import ReceivedReply

REPLY = ReceivedReply(1, bytearray())


async def wait(answer: Answer, order: list[str]) -> ReceivedReply:
    try:
        return await answer
    finally:
        order.append("woken")


async def awaited(order: list[str]) -> tuple[Answer, asyncio.Task[ReceivedReply]]:
    """Return an answer and the task that is waiting for it."""
    answer = Answer(asyncio.get_running_loop())
    task = asyncio.ensure_future(wait(answer, order))
    await asyncio.sleep(0)
    return answer, task


async def test_a_delivered_reply_wakes_its_task_before_the_callback_that_delivered_it_ends():
    order: list[str] = []
    answer, task = await awaited(order)

    def callback() -> None:
        answer.deliver(REPLY)
        order.append("callback ended")

    asyncio.get_running_loop().call_soon(callback)

    assert await task is REPLY
    assert order == ["woken", "callback ended"]


def test_a_task_that_ends_the_program_leaves_others_their_answers():
    seen: list[str] = []
    tasks: list[asyncio.Task[None]] = []

    async def leave(answer: Answer) -> None:
        await answer
        raise SystemExit(3)

    async def take(answer: Answer) -> None:
        await answer
        seen.append("taken")

    def deliver_both(answers: list[Answer]) -> None:
        for answer in answers:  # as when one read has brought both
            answer.deliver(REPLY)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        answers = [Answer(loop), Answer(loop)]
        tasks[:] = [asyncio.ensure_future(leave(answers[0])), asyncio.ensure_future(take(answers[1]))]
        loop.call_later(0, deliver_both, answers)
        await asyncio.wait(tasks)

    with pytest.raises(SystemExit):
        asyncio.run(main())

    assert seen == ["taken"]
    assert isinstance(tasks[0].exception(), SystemExit)


async def test_an_error_wakes_the_task_in_the_next_turn_so_that_another_task_may_report_it():
    order: list[str] = []
    answer, task = await awaited(order)

    answer.fail(ValueError("lost"))
    order.append("reported")

    with pytest.raises(ValueError, match="lost"):
        await task
    assert order == ["reported", "woken"]


async def test_cancelling_the_task_ends_the_wait_and_the_reply_comes_too_late():
    answer, task = await awaited([])

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert answer.is_done
    assert not answer.cancel()


async def test_an_answer_that_failed_before_anybody_waited_raises_at_once():
    answer = Answer(asyncio.get_running_loop())
    answer.fail(ValueError("lost"))

    with pytest.raises(ValueError, match="lost"):
        await answer


async def test_the_task_keeps_its_own_context():
    async def named() -> str | None:
        await answer
        task = asyncio.current_task()
        return task.get_name() if task else None

    answer = Answer(asyncio.get_running_loop())
    task = asyncio.get_running_loop().create_task(named(), name="mine")
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(answer.deliver, REPLY)

    assert await task == "mine"


async def test_an_error_keeps_nothing_of_what_its_call_was_given():
    class Large:
        pass

    async def call() -> None:
        large, answer = Large(), Answer(asyncio.get_running_loop())
        given.append(weakref.ref(large))
        answer.fail(ValueError())
        await answer

    given: list[weakref.ref[Large]] = []
    gc.disable()  # it would find out, some day
    try:
        with pytest.raises(ValueError):
            await call()

        assert given[0]() is None
    finally:
        gc.enable()
