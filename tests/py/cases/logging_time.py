import logging, time
logging.basicConfig(format="%(relativeCreated)d %(message)s")
r = logging.LogRecord("n", 10, "p", 1, "m", (), None)
print(0 <= r.relativeCreated < 5000, abs(r.created - time.time()) < 5)
