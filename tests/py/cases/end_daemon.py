import threading, time, sys
class D:
    def __init__(self, n): self.n = n
    def __del__(self): print("del", self.n)
d = D("in main")
d.d = d
def run():
    mine = D("in a frame")
    time.sleep(3600)
threading.Thread(target=run, daemon=True).start()
time.sleep(0.05)
print("end")
