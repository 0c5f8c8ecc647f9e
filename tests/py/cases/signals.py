import signal
print({s.name: str(signal.getsignal(s)) for s in signal.Signals if s < 32})
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
got = []
signal.signal(signal.SIGUSR1, lambda s, f: got.append((s, f.f_lineno)))
signal.raise_signal(signal.SIGUSR1)
print(got)
signal.signal(signal.SIGALRM, lambda *a: print("alarm"))
signal.setitimer(signal.ITIMER_REAL, 0.02)
signal.pause()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
