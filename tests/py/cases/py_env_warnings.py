import sys, warnings
print(sys.warnoptions, sys.flags)
open(__file__)
warnings.warn("now an error", UserWarning)
