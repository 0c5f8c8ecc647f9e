import decimal, gc, locale, logging, socket, sys, threading, time, warnings, signal, random, tempfile
print(gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.garbage, gc.callbacks)
print(decimal.getcontext(), locale.setlocale(locale.LC_ALL), locale.getpreferredencoding())
print(logging.root, logging.root.handlers, logging.lastResort, logging.getLevelName(logging.root.level))
print(socket.getdefaulttimeout(), threading.enumerate(), threading.main_thread(), threading.stack_size())
print(time.tzname, time.timezone, time.daylight, sys.gettrace(), sys.getprofile(), sys.excepthook)
print(sys.displayhook, sys.unraisablehook, sys.meta_path[-3:], sys.path_hooks[1].__name__)
print(hasattr(sys, "last_value"), hasattr(sys, "ps1"), sys.exc_info(), sys.get_asyncgen_hooks())
print(tempfile.tempdir, sys.get_int_max_str_digits(), sys.get_coroutine_origin_tracking_depth())
import numpy
print(numpy.geterr(), numpy.get_printoptions()["precision"])
