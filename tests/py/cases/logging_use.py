import logging, sys
logging.warning("root %s", 1)
log = logging.getLogger("app")
log.info("hidden"); log.error("shown")
try: 1 / 0
except ZeroDivisionError: log.exception("with traceback")
logging.basicConfig(level="DEBUG", stream=sys.stdout, force=True, format="%(levelname)s %(name)s %(message)s")
log.debug("now %d", 2)
logging.captureWarnings(True)
