open("mod1.py", "w").write("class D:\n    pass\nd = D()\n")
open("mod2.py", "w").write("import mod1\nclass E:\n    def __del__(self): print('mod2 E', mod1)\ne = E()\n_f = E()\n")
import mod2
class M:
    def __del__(self): print("main M")
m = M()
