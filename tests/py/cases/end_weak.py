import threading, tempfile, weakref, contextvars, gc, logging, signal, os
class D:
    def __init__(self, n): self.n = n
    def __del__(self): print("del", self.n)
    def handler(self, *args): pass
gc.disable()
local = threading.local()
local.d = D("local")
variable = contextvars.ContextVar("variable")
variable.set(D("in a context"))
class T: pass
t = T()
t.t = t
weakref.finalize(t, print, "finalize")
u = T()
weakref.finalize(u, print, "never").atexit = False
temporary = tempfile.TemporaryDirectory()
handler = logging.FileHandler("x.log", delay=False)
logging.getLogger().addHandler(handler)
logging.error("logged")
signal.signal(signal.SIGUSR1, D("handler").handler)
async def agen():
    try:
        yield 1
    finally:
        print("async generator")
a = agen()
try:
    a.asend(None).send(None)
except StopIteration as e:
    print("yielded", e.value)
print("end")
