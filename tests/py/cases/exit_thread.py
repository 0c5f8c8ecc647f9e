import sys, threading, time
def t():
    time.sleep(0.1)
    print("thread done")
    sys.exit(5)
threading.Thread(target=t).start()
print("main done")
sys.exit(3)
