# tenacity: retries by attempts, results and exceptions, waits that are recorded and not slept, callbacks, async.
import asyncio

import tenacity as t

slept = []


def server(failures, error=ConnectionError):
    """A function that fails so often before it answers."""
    left = iter(range(failures))

    def call():
        for n in left:
            raise error(f"failure {n}")
        return "answer"
    return call


for wait in (t.wait_fixed(2), t.wait_exponential(multiplier=1, min=1, max=10), t.wait_incrementing(1, 3),
             t.wait_chain(t.wait_fixed(1), t.wait_fixed(5)), t.wait_fixed(1) + t.wait_fixed(0.5)):
    slept.clear()
    retrying = t.Retrying(stop=t.stop_after_attempt(6), wait=wait, sleep=slept.append)
    print(type(wait).__name__, retrying(server(5)), slept, retrying.statistics["attempt_number"])
for stop in (t.stop_after_attempt(3), t.stop_after_delay(0), t.stop_any(t.stop_after_attempt(2), t.stop_never)):
    try:
        t.Retrying(stop=stop, sleep=slept.append)(server(9))
    except t.RetryError as error:
        print(type(stop).__name__, error.last_attempt.attempt_number, error.last_attempt.exception())
try:
    t.Retrying(retry=t.retry_if_exception_type(OSError), reraise=True, stop=t.stop_after_attempt(3))(server(5, KeyError))
except KeyError as error:
    print("KeyError at once:", error)
values = iter([None, None, 7])
told = []
again = t.Retrying(retry=t.retry_if_result(lambda value: value is None), before=lambda s: told.append(s.attempt_number),
                   after=lambda s: told.append(-s.attempt_number))
print(again(lambda: next(values)), told)
print(t.Retrying(stop=t.stop_after_attempt(2), retry_error_callback=lambda s: f"gave up after {s.attempt_number}")(server(9)))
for attempt in t.Retrying(stop=t.stop_after_attempt(3)):
    with attempt:
        print("block", attempt.retry_state.attempt_number)
        if attempt.retry_state.attempt_number < 3:
            raise t.TryAgain


@t.retry(stop=t.stop_after_attempt(4), wait=t.wait_none())
async def fetch(call):
    await asyncio.sleep(0)
    return call()


print(asyncio.run(fetch(server(3))))

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
from tenacity import retry, stop_after_attempt, wait_fixed, retry_if_exception_type, RetryError
calls = []
@retry(stop=stop_after_attempt(4), wait=wait_fixed(0.01), retry=retry_if_exception_type(OSError))
def flaky():
    calls.append(1)
    if len(calls) < 3: raise OSError("not yet")
    return "done"
print(flaky(), len(calls), flaky.retry.statistics["attempt_number"])
@retry(stop=stop_after_attempt(2), reraise=False)
def never(): raise ValueError("always")
try: never()
except RetryError as e: print(type(e).__name__, e.last_attempt.attempt_number, repr(e.last_attempt.exception()))
never()
