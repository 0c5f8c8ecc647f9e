import threading
def f():
    raise ValueError("in thread")
t = threading.Thread(target=f, name="worker")
t.start(); t.join()
print("alive", t.is_alive(), threading.active_count(), threading.current_thread(). name)
