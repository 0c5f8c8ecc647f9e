class A:
    __slots__ = ()
    def __del__(self): print("del A")
a = [A()]
