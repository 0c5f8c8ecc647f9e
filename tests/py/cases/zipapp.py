import os, runpy, sys, zipfile
with zipfile.ZipFile("app.zip", "w") as z:
    z.writestr("__main__.py", "import helper\nprint(__name__, __file__, helper.x)\n")
    z.writestr("helper.py", "x = 42\n")
os.makedirs("dirapp"); open("dirapp/__main__.py", "w").write("print('dir', __name__)\n")
runpy.run_path("app.zip", run_name="__main__")
runpy.run_path("dirapp", run_name="other")
print(runpy.run_path(__file__.replace("zipapp.py", "dirapp/__main__.py"))["__name__"])
