import threading, time
class D:
    def __del__(self): print("frame local freed")
def run():
    d = D()
    while True:
        time.sleep(0.01)
threading.Thread(target=run, daemon=True).start()
time.sleep(0.05)
print("main ends")
