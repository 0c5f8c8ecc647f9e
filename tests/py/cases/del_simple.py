import sys
class D:
    def __del__(self, p=print): p("del", sys)
x = D()
