f = open("/tmp/pyhl-case/x", "w")
f.write("unflushed")
import warnings
warnings.simplefilter("always")
g = open(__file__)
del g
print("end")
