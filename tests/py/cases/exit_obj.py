class X:
    def __str__(self): return "X as text"
raise SystemExit(X())
