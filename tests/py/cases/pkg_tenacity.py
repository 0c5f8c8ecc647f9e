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
