# dotenv: reads files of settings with quotes, references and comments, into a dict or the environment, and changes them.
import io
import os
from pathlib import Path

from dotenv import dotenv_values, find_dotenv, get_key, load_dotenv, set_key, unset_key

Path("base.env").write_text("""# settings
HOST=localhost
PORT = 8080
URL="http://${HOST}:${PORT}/${NOTHING:-home}"
RAW='not $HOST expanded\\n'
MULTI="first
second"
export TOKEN=a#b # a comment
EMPTY=
NAME_ONLY
PATHLIKE=${HOME}/x
""")
values = dotenv_values("base.env")
for key, value in values.items():
    print(key, repr(value))
print(dotenv_values("base.env", interpolate=False)["URL"], dotenv_values("none.env"))

os.environ["HOST"] = "already"
print(load_dotenv("base.env"), os.environ["HOST"], os.environ["PORT"], "NAME_ONLY" in os.environ)
print(load_dotenv("base.env", override=True), os.environ["HOST"], os.environ["URL"])
print(set_key("base.env", "PORT", "9090"), set_key("base.env", "NEW", "two words"), unset_key("base.env", "EMPTY"))
print(get_key("base.env", "PORT"), get_key("base.env", "NEW"), Path("base.env").read_text())
Path("deep/er").mkdir(parents=True)
Path("deep/.env").write_text("FOUND=yes\n")
os.chdir("deep/er")
print(find_dotenv(usecwd=True).endswith("deep/.env"), dotenv_values(find_dotenv(usecwd=True)))
os.chdir("../..")
print(dotenv_values(stream=io.StringIO("A=1\nbad line here\nB=2\n")))

# The older part of the case: many calls in few lines, and an error that nothing catches where it ends with one.
import os, io
from dotenv import dotenv_values, load_dotenv, set_key, find_dotenv
open(".env", "w").write("# c\nA=1\nexport B='two words'\nC=${A}-x\nD=\"line\\nbreak\"\nE\n")
print(dotenv_values(".env"), load_dotenv(".env"), os.environ["C"], dotenv_values(stream=io.StringIO("Z=ü")))
set_key(".env", "A", "9"); print(open(".env").read(), find_dotenv(usecwd=True))
