import sys, os
for s in (sys.stdin, sys.stdout, sys.stderr):
    print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through, s.newlines, s.isatty(),
          s.fileno(), s.closed, type(s.buffer), type(s.buffer.raw), s.buffer.raw.mode, s.buffer.raw.name,
          s.buffer.raw.closefd)
print(sys.stdin is sys.__stdin__, sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__)
print(open("/tmp/pyhl-case/fd", "w").fileno())
print("to stderr", file=sys.stderr, end="")
sys.stdout.buffer.write(b"\xff\x00raw\n")
os.write(1, b"before the buffer\n")
