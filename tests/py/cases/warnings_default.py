import warnings
warnings.warn("user warning")
warnings.warn("deprecated in main", DeprecationWarning)
warnings.warn("resource", ResourceWarning)
for i in range(3):
    warnings.warn("once per location")
x = "\d"
assert (1, "tuple")
