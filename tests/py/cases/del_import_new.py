class D:
    def __del__(self):
        try:
            import colorsys
            print("imported")
        except BaseException as e:
            print(type(e).__name__, e)
d = D()
d.cycle = d
def keep(): return d
