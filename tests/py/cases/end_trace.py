# At the end a trace and a profile function see what python3 runs of the script, and of pyhl nothing.
import json, os, sys
class D:
    def __del__(self, write=os.write): write(1, b"del\n")
def seen(by):
    def function(frame, event, arg, write=os.write):
        if not frame.f_code.co_filename.startswith("/usr/"):
            write(1, b"%s %s %s\n" % (by, event.encode(), frame.f_code.co_name.encode()))
    return function
json.kept = D()
sys.settrace(seen(b"trace"))
sys.setprofile(seen(b"profile"))
