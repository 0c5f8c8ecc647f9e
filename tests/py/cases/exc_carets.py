def f(a, b):
    return (a["x"]["y"]["z"] +
            b.foo(1)(2))

class C:
    def __init__(self):
        self.v = f({"x": {"y": None}}, 2)

C()
