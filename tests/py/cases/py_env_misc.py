import sys, time, faulthandler, tracemalloc
print(faulthandler.is_enabled(), tracemalloc.is_tracing(), sys.get_int_max_str_digits(), time.tzname)
print(time.strftime("%H:%M %Z", time.localtime(0)))
def f(): return {}["x"]
f()
