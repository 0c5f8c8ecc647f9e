import atexit, threading, time
atexit.register(print, "first registered, last run")
atexit.register(print, "second")
def late():
    time.sleep(0.05)
    print("thread ends before atexit")
threading.Thread(target=late).start()
print("end of main")
