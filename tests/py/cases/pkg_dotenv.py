import os, io
from dotenv import dotenv_values, load_dotenv, set_key, find_dotenv
open(".env", "w").write("# c\nA=1\nexport B='two words'\nC=${A}-x\nD=\"line\\nbreak\"\nE\n")
print(dotenv_values(".env"), load_dotenv(".env"), os.environ["C"], dotenv_values(stream=io.StringIO("Z=ü")))
set_key(".env", "A", "9"); print(open(".env").read(), find_dotenv(usecwd=True))
