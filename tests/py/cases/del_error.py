class D:
    def __del__(self):
        raise ValueError("in del")
x = D()
x.self = x
