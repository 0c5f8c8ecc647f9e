# Makes a script of several megabytes and runs it as a child of exec, then a module of the same size.
text = "\n".join(f"x{i} = {i}" for i in range(60000)) + "\nprint(x59999, len(globals()) > 60000)\n"
open("bigmod.py", "w").write(text)
import bigmod
print(len(text), bigmod.x77)
