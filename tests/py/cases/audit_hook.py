import sys
seen = []
def hook(event, args):
    if event.startswith("cpython"):
        print("audit", event)
sys.addaudithook(hook)
print("end")
