# Handlers and hooks of the end are called once.
import atexit, threading
class D:
    def __del__(self): print("del")
d = D()
shutdown = threading._shutdown
def mine():
    print("shutdown")
    shutdown()
threading._shutdown = mine
atexit.register(print, "handler")
def late():
    atexit.register(print, "never")
    global made
    made = D()
atexit.register(late)
threading._register_atexit(print, "threading's handler")
threading.Thread(target=print, args=("thread",)).start()
