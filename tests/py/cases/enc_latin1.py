# -*- coding: latin-1 -*-
print("café ß")
print(open(__file__, "rb").read()[:20])
raise ValueError("ä")
